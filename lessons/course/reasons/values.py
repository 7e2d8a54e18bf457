"""Reasons by value: zero, a factor, an input too many or too few, another function of it."""

from collections.abc import Iterator, Sequence
from math import isclose, sqrt

import numpy as np

from lessons.course.reasons.sample import Reason, Sample, explains, shape_of
from minitransformer.gradcheck.evidence import common_factor


def not_finite(samples: Sequence[Sample]) -> Reason | None:
    """NaN or infinity where a number is due."""
    same_shape = [s for s in samples if s.got.shape == s.expected.shape]
    spoiled = [s for s in same_shape if (np.isfinite(s.expected) & ~np.isfinite(s.got)).any()]
    if not spoiled:
        return None
    s = spoiled[0]
    bad = s.got[np.isfinite(s.expected) & ~np.isfinite(s.got)]
    what = "NaN" if np.isnan(bad).any() else "infinity"
    largest = max((np.abs(x).max() for x in map(_floats, s.inputs) if x.size), default=0.0)
    if largest > 50:
        why = (
            f"an input is as large as {largest:.4g}; exp overflows past 709, and below −745 it is "
            "0. Subtract each row's own largest entry before exp, or take logarithms."
        )
    else:
        why = "look for a division by zero, or the logarithm or root of a number that is not > 0."
    return "not-finite", f"{bad.size} of {s.got.size} entries are {what}: {why}"


def _floats(x) -> np.ndarray:
    return np.asarray(x, float) if isinstance(x, (int, float, np.ndarray)) else np.zeros(0)


def zero(samples: Sequence[Sample], rtol: float) -> Reason | None:
    if not any(s.got.any() for s in samples) and any(s.expected.any() for s in samples):
        return "zero", "It is all zeros. Were the values ever written into it?"
    return None


def integers(samples: Sequence[Sample], rtol: float) -> Reason | None:
    if explains(samples, lambda s: np.trunc(s.expected), rtol):
        return "dtype", "It is cut to whole numbers: build it from floats, and divide with `/`."
    return None


def scaled(samples: Sequence[Sample], rtol: float) -> Reason | None:
    factor = common_factor([(s.got.ravel(), s.expected.ravel()) for s in samples], max(rtol, 1e-9))
    if factor is None:
        return None
    if isclose(factor, -1, rel_tol=1e-5):
        return "sign", "Its sign is wrong: times −1 it is right."
    for value, words in _factors(samples):
        if isclose(value, abs(factor), rel_tol=1e-5):
            return "scale", ("Its sign is wrong. " if factor < 0 else "") + words
    return "scale", f"It is {factor:.6g} times the right answer, everywhere."


def _factors(samples: Sequence[Sample]) -> Iterator[tuple[float, str]]:
    """What 2, ½ and each axis length that is the same in all samples could mean."""
    yield 2.0, "It is twice the right answer: a factor 2 too many, or a ½ forgotten."
    yield 0.5, "It is half the right answer: a 2 is missing, or a ½ too many."
    first = samples[0]
    for name, x in zip(first.names, first.inputs, strict=True):
        for axis, n in enumerate(shape_of(x)):
            if n < 2:
                continue
            it = f"{n} is the length of axis {axis} of `{name}`"
            yield n, f"It is {n} times too large, and {it}: a mean is missing (divide)."
            yield 1 / n, f"It is {n} times too small, and {it}: a mean where a sum is due."
            yield sqrt(n), f"It is √{n} times too large, and {it}: divide by its root."
            yield 1 / sqrt(n), f"It is √{n} times too small, and {it}: its root is divided twice."
            yield n / (n - 1), f"It is {n}/({n} − 1) times the right answer: {it}; divide by it."
            yield (n - 1) / n, f"It is ({n} − 1)/{n} of the right answer: {it}; divide by {n} − 1."


def off_by_an_input(samples: Sequence[Sample], rtol: float) -> Reason | None:
    """The right answer times, over, plus or minus one of the inputs."""
    ways = (
        ("multiplied by", "divide by it once, or leave it out", lambda e, x: e * x),
        ("divided by", "multiply by it", lambda e, x: e / x),
        ("plus", "leave it out", lambda e, x: e + x),
        ("minus", "add it", lambda e, x: e - x),
    )
    for k, name in enumerate(samples[0].names):
        for words, cure, formula in ways:
            if explains(samples, lambda s, k=k, f=formula: _with(f, s, k), rtol):
                return "off-by-input", f"It is the right answer {words} `{name}`: {cure}."
    return None


def _with(formula, s: Sample, k: int):
    x = s.inputs[k]
    if not isinstance(x, (int, float, np.ndarray)):
        return None
    try:
        return formula(s.expected, x)
    except ValueError:
        return None


def function_of_the_answer(samples: Sequence[Sample], rtol: float) -> Reason | None:
    ways = (
        ("square", "take the root", np.square),
        ("root", "no root is due", np.sqrt),
        ("exponential", "take the logarithm", np.exp),
        ("logarithm", "no logarithm is due", np.log),
        ("reciprocal", "numerator and denominator are exchanged", np.reciprocal),
        ("absolute value", "signs count", np.abs),
        ("complement (1 − it)", "subtract from 1", lambda e: 1 - e),
    )
    for words, cure, formula in ways:
        if explains(samples, lambda s, f=formula: f(s.expected), rtol):
            return "function", f"It is the {words} of the right answer: {cure}."
    return None


def offset(samples: Sequence[Sample], rtol: float) -> Reason | None:
    gaps = np.concatenate([(s.got - s.expected).ravel() for s in samples])
    if not np.allclose(gaps, gaps[0], rtol=1e-6, atol=1e-12):
        return None
    gap = gaps[0]
    one = " An index or a count is off by one?" if isclose(abs(gap), 1, rel_tol=1e-6) else ""
    way = "large" if gap > 0 else "small"
    return "offset", f"Every entry is {abs(gap):.6g} too {way}.{one}"
