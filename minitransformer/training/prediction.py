"""What a trained model of some task says of new inputs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from minitransformer.models.checkpoint import BEST, LAST, load_checkpoint, weights_of
from minitransformer.training.generation import printable
from minitransformer.training.tasks import TASKS, Prediction, Predictor


def load_predictor(folder: str | Path) -> Predictor:
    """The model of a `fit` run: of its best epoch where it chose one, else of its last.

    Raises:
        FileNotFoundError: there is no checkpoint in the folder.
        ValueError: it is damaged, of no task, or its vocabulary does not fit its weights.
    """
    folder = Path(folder)
    path = folder / BEST if (folder / BEST).is_file() else folder / LAST
    arrays, facts = load_checkpoint(path)
    if facts.get("task") not in TASKS:
        raise ValueError(
            f"predict: {path} should be of one of the tasks {', '.join(TASKS)}, got "
            f"{facts.get('task', 'a language model: try minitransformer generate')}"
        )
    if missing := [name for name in ("model", "config") if name not in facts]:
        raise ValueError(f"predict: {path} is damaged: it has no {' and no '.join(missing)}")
    task = TASKS[facts["task"]]
    model = task.recipe(facts["model"])[1].restore(facts["config"])
    model.load_state_dict(weights_of(arrays))
    return task.predictor(model.eval(), facts)


def prediction_lines(folder: str | Path, arguments: Sequence[str]) -> Iterator[str]:
    """`positive  0.973  A film that …` for each prediction."""
    for prediction in load_predictor(folder).predict(arguments):
        yield "\t".join(fields(prediction))


def fields(prediction: Prediction) -> Iterator[str]:
    """What is printed of a prediction, each on one line."""
    yield one_line(prediction.output)
    if prediction.probability is not None:
        yield f"{prediction.probability:.3f}"
    yield one_line(prediction.input)


def one_line(text: str) -> str:
    return printable(" ".join(text.split()))
