"""What an exercise is: the function to write, what it is held against, and the help it gives.

A file of `lessons/checks/` makes one `Function` or `Gradient` an exercise; see lessons/README.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from lessons.course.curriculum import Lesson
from lessons.course.loading import load_file
from minitransformer.gradcheck import known_mistakes

Inputs = tuple[Any, ...]


def as_it_is(written: Any) -> Any:
    return written


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """The parts that every exercise has.

    Args:
        name: of the function (or class) in the learner's file.
        example: `example(rng) -> inputs`, with axis lengths that are distinct primes.
        cases: a Hypothesis strategy of inputs, small and odd ones among them.
        hints: given one at a time, from a nudge to nearly the answer.
        names: what to call the inputs; by default the parameters of `right` or `forward`.
        use: turns what the learner wrote into the function to check, if it is not that itself.
        examples: how many cases Hypothesis draws.
        seconds: limit for the whole check of this exercise.
    """

    name: str
    example: Callable[[np.random.Generator], Inputs]
    cases: SearchStrategy[Inputs]
    hints: Sequence[str]
    names: Sequence[str] | None = None
    use: Callable[[Any], Callable] = as_it_is
    examples: int = 50
    seconds: float = 20.0
    mistakes: dict[str, tuple[Any, str]] = field(default_factory=dict)
    swaps: list[Callable[[Any], str]] = field(default_factory=list)

    def mistake(self, message: str) -> Callable[[Any], Any]:
        """Enter a wrong answer, with what to tell the learner who wrote it.

        Its name is `<exercise>-<name of the function>`.
        """

        def enter(wrong: Any) -> Any:
            name = f"{self.name}-{wrong.__name__}".replace("_", "-")
            self.mistakes[name] = wrong, message
            return wrong

        return enter

    def swap(self, train: Callable[[Any], str]) -> Callable[[Any], str]:
        """Enter the model that learns with what the learner wrote.

        `train(written)` asserts that it still learns, and returns a sentence with the figures.
        """
        self.swaps.append(train)
        return train


@dataclass(frozen=True, kw_only=True)
class Function(Exercise):
    """A function whose answers must be those of `right(*inputs)`, within `rtol`."""

    right: Callable
    rtol: float = 1e-6


@dataclass(frozen=True, kw_only=True)
class Gradient(Exercise):
    """A backward pass, `backward(dy, *inputs)`, of `forward(*inputs)`.

    The last `data` inputs, such as samples and targets, have no gradient. `bank` names an op of
    `minitransformer.gradcheck` whose known mistakes belong to this exercise too.
    """

    forward: Callable
    data: int = 0
    bank: str | None = None
    examples: int = 15

    def __post_init__(self) -> None:
        if self.bank:
            self.mistakes.update(known_mistakes(self.bank))


def exercises_of(lesson: Lesson) -> dict[str, Exercise]:
    """The exercises of a lesson by name, in the order of its file of checks."""
    if not lesson.checks.is_file():
        return {}
    return exercises_in(lesson.checks)


def exercises_in(checks: Path) -> dict[str, Exercise]:
    made = (value for value in vars(load_file(checks)).values() if isinstance(value, Exercise))
    return {exercise.name: exercise for exercise in made}
