"""An op to differentiate, its right backward pass, and the wrong ones that people write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SETS: dict[str, list["Problem"]] = {}  # by the name of the set


@dataclass
class Slip:
    """A wrong backward pass, what is wrong, and the slugs that would tell a learner."""

    backward: Callable
    what: str
    accepted: frozenset[str]


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
