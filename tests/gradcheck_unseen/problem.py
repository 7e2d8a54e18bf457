"""An op to differentiate, its right backward pass, and the wrong ones that people write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SETS: dict[str, list["Problem"]] = {}  # by the name of the set


@dataclass
class Slip:
    """A wrong backward pass, what is wrong, and the slugs that would tell a learner: any, if none
    were written down before the checker was run."""

    backward: Callable
    what: str
    accepted: frozenset[str] = frozenset()

    def is_named(self, slugs: set[str]) -> bool:
        """Whether they say what is wrong. A mistake of the checker's own list always does."""
        found = slugs - {"unknown"}
        listed = any(slug.startswith("known:") for slug in found)
        return bool(found & self.accepted) or listed or (not self.accepted and slugs == found)


@dataclass
class Problem:
    name: str
    forward: Callable
    inputs: tuple
    right: Callable | None = None
    slips: list[Slip] = field(default_factory=list)

    def backward(self, function: Callable) -> Callable:
        """The decorator of the right backward pass."""
        self.right = function
        return function

    def slip(self, what: str, *accepted: str) -> Callable:
        """The decorator of a wrong one; `accepted` are the slugs that would be right and useful."""

        def add(function: Callable) -> Callable:
            self.slips.append(Slip(function, what, frozenset(accepted)))
            return function

        return add


def problem(of: str, *shapes_or_arrays: Any, low: float | None = None) -> Callable:
    """The decorator of a forward pass: a Problem of the set `of`, on random inputs.

    A shape becomes normal numbers, from `low` up if that is given; an array stays as it is.
    """
    rng = np.random.default_rng(7)

    def example(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return x
        values = rng.standard_normal(x)
        return values if low is None else low + abs(values)

    def decorate(forward: Callable) -> Problem:
        made = Problem(forward.__name__, forward, tuple(map(example, shapes_or_arrays)))
        SETS.setdefault(of, []).append(made)
        return made

    return decorate


def lambdas(
    of: str, name: str, forward: Callable, backward: Callable, *inputs: Any, **wrong: Callable
) -> None:
    """A Problem of the set `of` in one expression, where short formulas do."""
    slips = [Slip(function, what.replace("_", " ")) for what, function in wrong.items()]
    SETS.setdefault(of, []).append(Problem(name, forward, inputs, backward, slips))
