"""One classifier in its own process: `python -m bench.peers.classifier ENGINE TASK SEED LIMIT`.

Asked for "first loss", it answers with the loss of its first weights on a batch of held-out rows,
without dropout. Asked to "fit", it trains, and answers with the seconds that took and the accuracy
on all held-out rows. LIMIT is the number of rows to take, 0 for all.
"""

import sys
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from bench.turns import serve
from minitransformer import manual_seed
from minitransformer.graph import no_grad
from minitransformer.training.fitting import make_trainer
from minitransformer.training.metrics import accuracy
from minitransformer.training.tasks import FitSettings, Source, find_task


class OurEngine:
    """The problem's model as `minitransformer fit` trains it."""

    def __init__(self, problem: Any, settings: FitSettings) -> None:
        self.problem, self.settings = problem, settings

    def train(self, steps: int) -> None:
        trainer = make_trainer(self.problem, self.settings, steps)
        for _ in range(steps):
            trainer.step()

    @no_grad()
    def first_loss(self, batch: Any) -> float:
        *inputs, labels = batch
        logits = self.problem.model.eval()(*inputs).data.astype(np.float64)
        own = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
        return float((np.log(np.exp(logits).sum(axis=1)) - own).mean())

    def predicted(self, loader: Any) -> tuple[np.ndarray, np.ndarray]:
        """(class taken, class) of each row."""
        probabilities, labels = self.problem.answers("held_out")
        return probabilities.argmax(axis=1), labels


def torch_engine(problem: Any, settings: FitSettings) -> Any:
    from bench.peers.torch_classifier import TorchEngine

    return TorchEngine(problem, settings)


ENGINES = {"ours": OurEngine, "torch": torch_engine}


def build(engine: str, task_name: str, settings: FitSettings) -> tuple[Any, Any]:
    """The problem, with the task's first model, and the engine that trains it."""
    task, _ = find_task(task_name)
    manual_seed(settings.seed)
    problem = task.problem(task.recipe(None)[1], settings, Source())
    return problem, ENGINES[engine](problem, settings)


def serve_network(engine: str, task_name: str, settings: FitSettings) -> None:
    """Answer for a network, through our engine or PyTorch."""
    _, few_rows = build(engine, task_name, replace(settings, limit=200))
    few_rows.train(1)  # kernels are compiled before anything is timed
    problem, peer = build(engine, task_name, settings)

    def held_out() -> Any:
        return problem.loader(problem.parts["held_out"], training=False)

    def answer(request: str) -> Any:
        if request == "first loss":
            return peer.first_loss(next(iter(held_out())))
        steps, begin = settings.epochs * problem.steps_per_epoch, perf_counter()
        peer.train(steps)
        seconds = perf_counter() - begin
        return {"seconds": seconds, **score(*peer.predicted(held_out()))}

    serve(answer)


def serve_bag_of_words(task_name: str, settings: FitSettings) -> None:
    """Answer for logistic regression on how often each word occurs (tf-idf), of whole texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    task, _ = find_task(task_name)
    parts, _ = task.texts(settings, Source())  # type: ignore[attr-defined]
    model = make_pipeline(TfidfVectorizer(min_df=2), LogisticRegression(max_iter=1000))

    def answer(request: str) -> Any:
        begin = perf_counter()
        model.fit(*parts["train"])
        seconds = perf_counter() - begin
        texts, labels = parts["held_out"]
        return {"seconds": seconds, **score(model.predict(texts), labels)}

    serve(answer)


def score(taken: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    return {"accuracy": accuracy(labels, taken), "rows": len(labels)}


def main(engine: str, task_name: str, seed: str, limit: str) -> None:
    recipe = find_task(task_name)[0].recipe(None)[1]
    settings = replace(recipe.settings, seed=int(seed), limit=int(limit) or None)
    if engine == "words":
        serve_bag_of_words(task_name, settings)
    else:
        serve_network(engine, task_name, settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
