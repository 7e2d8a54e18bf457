"""What a task is made of: recipes for its models, a problem to train on, predictions afterwards."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from minitransformer.nn import Module
from minitransformer.tensor import Tensor
from minitransformer.training.tasks.settings import FitSettings


@dataclass(frozen=True)
class Source:
    """Where a task's data comes from: a file or folder instead of the cache, and may it fetch."""

    root: Path | None = None
    download: bool = False


@dataclass(frozen=True)
class Recipe:
    """A model that a task can be done with.

    Attributes:
        model, config: the classes; `model(config(**fields))`.
        sizes: the config's fields, from what the task says of its data.
        settings: how it is trained where no flag says otherwise.
    """

    model: Callable[[Any], Module]
    config: Callable[..., Any]
    sizes: Callable[..., dict[str, Any]]
    settings: FitSettings

    def build(self, *facts: Any) -> Module:
        """A new model for such data."""
        return self.restore(self.sizes(*facts))

    def restore(self, fields: dict[str, Any]) -> Module:
        """A model of the sizes that a checkpoint holds; its weights are still random."""
        return self.model(self.config(**fields))


class Problem(ABC):
    """A model, the rows that it learns from, and what it has learned.

    Attributes:
        model: the Module to train, with a `config`.
        batches: of training rows, without end: `DataLoader.endless()`.
        steps_per_epoch: how many of them make an epoch.
    """

    model: Any
    batches: Any
    steps_per_epoch: int

    @abstractmethod
    def loss(self, model: Any, batch: Any) -> Tensor:
        """What a training step makes smaller, a Tensor of one element."""

    @abstractmethod
    def evaluate(self, part: str) -> dict[str, float]:
        """Metrics by name, "loss" first, on the rows of a part: "validation" or "held_out"."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What `Task.predictor` needs besides weights and config, ready for JSON: a tokenizer."""

    @abstractmethod
    def describe(self) -> str:
        """A line for people: what rows there are."""

    def conclude(self, folder: Path) -> dict[str, Any]:
        """The metrics on held-out rows, ready for JSON; pictures go into the folder."""
        return self.evaluate("held_out")


class Prediction(NamedTuple):
    """What a model says of an input, and how sure it is (None where it cannot tell)."""

    input: str
    output: str
    probability: float | None = None


class Predictor(ABC):
    """A trained model that answers to what a person types: texts, or names of files."""

    @abstractmethod
    def predict(self, arguments: Iterable[str]) -> Iterator[Prediction]:
        """A prediction for each text, each line of a text file, or each image.

        Raises:
            ValueError, OSError: an argument cannot be read or does not fit the model.
        """


class Task(ABC):
    """Something to learn, by the name that the command line calls it.

    Attributes:
        name: as in `minitransformer fit NAME`; checkpoints keep it.
        about: what it is, in a line.
        recipes: its models by name; the first is taken where none is named.
    """

    name: str
    about: str
    recipes: dict[str, Recipe]

    @abstractmethod
    def problem(self, recipe: Recipe, settings: FitSettings, source: Source) -> Problem:
        """The data, read and split, and a new model for it.

        Raises:
            FileNotFoundError: there is no data, and it may not be fetched.
            ValueError: the data is damaged, or there is nothing to learn from it.
        """

    @abstractmethod
    def predictor(self, model: Any, facts: dict[str, Any]) -> Predictor:
        """What answers with a trained model, from what `Problem.facts` gave.

        Raises:
            ValueError: the facts do not fit the model.
        """

    def recipe(self, model: str | None) -> tuple[str, Recipe]:
        """The name and recipe of a model, of the first where it is None."""
        name = model or next(iter(self.recipes))
        if name not in self.recipes:
            known = ", ".join(self.recipes)
            raise ValueError(f"fit {self.name}: model should be one of {known}, got {name!r}")
        return name, self.recipes[name]
