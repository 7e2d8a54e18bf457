"""What `minitransformer fit` can learn: one short file a family of tasks.

A new task is a file here and a line in `TASKS`. The file has

- a `Task`: its name, its `recipes` (for each model: the classes of model and config, the
  config's sizes from the data, and the default `FitSettings`), and two methods,
- `problem(recipe, settings, source)`, which reads and splits the data, makes the model, and
  returns a `Problem`: training batches without end, a loss, metrics on held-out rows, and the
  facts that a checkpoint keeps (a tokenizer, class names; ready for JSON),
- `predictor(model, facts)`, which returns what `minitransformer predict` asks.

The loop (`training/fitting.py`), flags, log, checkpoints, early stopping and printing are there
already. `manual_seed(settings.seed)` is called before `problem`. Where a task is a
classification, `classification.py` has its problem, metrics and confusion matrix; another model
for a task that exists is one more entry in its `recipes`.
"""

from pathlib import Path

from minitransformer.training.tasks.image_classification import FASHION_MNIST, MNIST
from minitransformer.training.tasks.movielens import MOVIELENS
from minitransformer.training.tasks.pinyin import PINYIN
from minitransformer.training.tasks.settings import FitSettings
from minitransformer.training.tasks.task import (
    Prediction,
    Predictor,
    Problem,
    Recipe,
    Source,
    Task,
)
from minitransformer.training.tasks.text_classification import CSV, IMDB, ROTTEN_TOMATOES
from minitransformer.training.tasks.translation import TRANSLATION

EVERY = (IMDB, ROTTEN_TOMATOES, MNIST, FASHION_MNIST, PINYIN, TRANSLATION, MOVIELENS, CSV)
TASKS: dict[str, Task] = {task.name: task for task in EVERY}


def find_task(name: str) -> tuple[Task, Path | None]:
    """The task of this name, and the file where the name is a user's own CSV.

    Raises:
        ValueError: there is no such task.
    """
    if name.lower().endswith(".csv"):
        return CSV, Path(name)
    if name not in TASKS:
        known = ", ".join(known for known in TASKS if known != CSV.name)
        raise ValueError(f"fit: expected one of {known}, or a FILE.csv, got {name!r}")
    return TASKS[name], None
