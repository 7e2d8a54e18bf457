"""Marked entries that differ from the others by a value: "where `x` < 0"."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

RARE = 200  # a split by value is believed if one in this many random splits looks like it
NICE = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 6.0, 0.1, -0.1, 10.0)


@dataclass(frozen=True)
class Mark:
    """Which entries of one sample are marked; those not `cared` for may be either.

    `values` are the arrays the reason may lie in, by name: the inputs, the output, dy.
    """

    marked: np.ndarray
    cared: np.ndarray
    values: dict[str, Any]

    def equals(self, mask: np.ndarray | None) -> bool:
        return mask is not None and bool(np.all((self.marked == mask) | ~self.cared))


def by_value(marks: Sequence[Mark]) -> str | None:
    """A threshold on one of the arrays: "where `x` < 0"."""
    for name in float_arrays(marks[0], marks[0].marked.shape):
        inside = np.concatenate([m.values[name][m.marked & m.cared] for m in marks])
        outside = np.concatenate([m.values[name][~m.marked & m.cared] for m in marks])
        total = inside.size + outside.size
        if not inside.size or not outside.size or comb(total, inside.size) < RARE:
            continue
        for shown, a, b in (
            (f"`{name}`", inside, outside),
            (f"|{name}|", np.abs(inside), np.abs(outside)),
        ):
            if words := _threshold(shown, a, b):
                return words
    return None


def _threshold(shown: str, inside: np.ndarray, outside: np.ndarray) -> str | None:
    """How one or two thresholds part the values of the marked entries from the others."""
    low, high = outside.min(), outside.max()
    above, below = inside[inside > high], inside[inside < low]
    if len(above) + len(below) == len(inside):
        parts = []
        if len(below):
            parts.append(f"{shown} < {_between(below.max(), low)}")
        if len(above):
            parts.append(f"{shown} > {_between(high, above.min())}")
        return f"where {' or '.join(parts)}"
    low, high = inside.min(), inside.max()
    above, below = outside[outside > high], outside[outside < low]
    if len(above) + len(below) == len(outside):
        least, most = _between(below.max(), low), _between(high, above.min())
        return f"where {shown} is between {least} and {most}"
    return None


def _between(low: float, high: float) -> str:
    """The roundest number in a gap."""
    for nice in NICE:
        if low <= nice <= high:
            return f"{nice:g}"
    return f"{(low + high) / 2:.3g}"


def float_arrays(mark: Mark, shape: tuple[int, ...]) -> list[str]:
    """The names of the float arrays of this shape."""
    return [
        name
        for name, array in mark.values.items()
        if isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.shape == shape
    ]
