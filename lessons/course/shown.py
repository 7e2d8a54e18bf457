"""Values in a few characters."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitransformer.gradcheck.report import Comparison

SMALL = 6  # arrays of so many numbers are shown whole
LENGTH = 170  # of all inputs together


def shown_inputs(names: Sequence[str], inputs: Sequence) -> str:
    """ "with x = [1., 2.], rate = 0.1"."""
    pairs = [f"{name} = {shown(x)}" for name, x in zip(names, inputs, strict=True)]
    return textwrap.shorten("with " + ", ".join(pairs), LENGTH, placeholder=" …")


def shown(x: Any) -> str:
    """Small arrays whole, larger ones by their shape, functions by their name."""
    if isinstance(x, (float, np.floating)):
        return f"{float(x):.6g}"
    if isinstance(x, np.ndarray):
        if x.size > SMALL:
            return f"{x.dtype} {x.shape}"
        words = np.array2string(x, precision=4, separator=", ", floatmode="maxprec")
        return " ".join(words.split())
    if callable(x):
        return getattr(x, "__name__", "a function")
    return textwrap.shorten(repr(x), 60, placeholder=" …")


def shown_numbers(expected: np.ndarray, got: np.ndarray) -> str:
    """Both whole where they are small, else the entry that is furthest off."""
    if got.shape != expected.shape or expected.size <= SMALL:
        return f"expected {shown(expected)}   got {shown(got)}"
    with np.errstate(invalid="ignore"):
        wrong = ~np.isclose(got, expected, rtol=1e-6, equal_nan=True)
    worst = Comparison(0, "", expected, got, wrong).worst
    assert worst is not None
    place = list(worst.index)
    return f"worst entry {place}   expected {worst.expected:.6g}   got {worst.got:.6g}"
