"""The likely reason why an answer is not the right one: one short function a reason.

A reason is believed only if it explains every entry of every sample.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import isclose, sqrt
from typing import Any

import numpy as np

from minitransformer.gradcheck.evidence import agree, common_factor
from minitransformer.gradcheck.thresholds import Mark
from minitransformer.gradcheck.where import describe

ENOUGH = 4  # with fewer numbers than this, any answer would look like something


@dataclass(frozen=True)
class Sample:
    """One call: the inputs, the answer that is right, and the one that came.

    `right` is the function that gives the right answer, for other inputs too.
    """

    names: Sequence[str]
    inputs: tuple
    expected: np.ndarray
    got: np.ndarray
    right: Callable[..., Any]

    def right_for(self, *inputs: Any) -> np.ndarray | None:
        """The right answer for other inputs, None if there is none."""
        try:
            with np.errstate(all="ignore"):
                return np.asarray(self.right(*inputs), dtype=float)
        except Exception:  # they need not make sense
            return None


Reason = tuple[str, str]  # slug, message


def reason_for(samples: Sequence[Sample], rtol: float) -> Reason:
    """The first reason that explains all samples; `unknown` if none does."""
    if not all(np.isfinite(s.got).all() for s in samples):
        return not_finite(samples)
    few = sum(s.expected.size for s in samples) < ENOUGH
    same_shape = all(s.got.shape == s.expected.shape for s in samples)
    detectors = SAME_SHAPE if same_shape else OTHER_SHAPE
    for detect in () if few else detectors:
        if reason := detect(samples, rtol):
            return reason
    if not same_shape:
        first = samples[0]
        return "shape", f"Its shape should be {first.expected.shape}; yours is {first.got.shape}."
    return "unknown", ""


def explains(samples: Sequence[Sample], repair: Callable[[Sample], Any], rtol: float) -> bool:
    """Whether what came is `repair(sample)` at every sample, and that is not simply right."""
    for s in samples:
        with np.errstate(all="ignore"):
            made = repair(s)
        if made is None or np.shape(made) != s.got.shape or not agree(s.got, made, rtol=rtol):
            return False
    return True


def not_finite(samples: Sequence[Sample]) -> Reason:
    s = next(s for s in samples if not np.isfinite(s.got).all())
    bad = s.got[~np.isfinite(s.got)]
    what = "NaN" if np.isnan(bad).any() else "infinity"
    largest = max((np.abs(x).max() for x in map(_floats, s.inputs) if x.size), default=0.0)
    if largest > 50:
        why = (
            f"an input is as large as {largest:.4g}, and exp overflows past 709. Subtract the "
            "largest entry before exp, or take logarithms."
        )
    else:
        why = "look for a division by zero, or the logarithm or root of a number that is not > 0."
    return "not-finite", f"{bad.size} of {s.got.size} entries are {what}: {why}"


def zero(samples, rtol):
    if not any(s.got.any() for s in samples) and any(s.expected.any() for s in samples):
        return "zero", "It is all zeros. Were the values ever written into it?"
    return None


def integers(samples, rtol):
    if explains(samples, lambda s: np.trunc(s.expected), rtol):
        return "dtype", "It is cut to whole numbers: build it from floats, and divide with `/`."
    return None


def scaled(samples, rtol):
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
        for axis, n in enumerate(np.shape(x)):
            if n < 2:
                continue
            it = f"{n} is the length of axis {axis} of `{name}`"
            yield n, f"It is {n} times too large, and {it}: a mean is missing (divide)."
            yield 1 / n, f"It is {n} times too small, and {it}: a mean where a sum is due."
            yield sqrt(n), f"It is √{n} times too large, and {it}: divide by its root."
            yield 1 / sqrt(n), f"It is √{n} times too small, and {it}: its root is divided twice."
            yield n / (n - 1), f"It is {n}/({n} − 1) times the right answer: {it}; divide by it."
            yield (n - 1) / n, f"It is ({n} − 1)/{n} of the right answer: {it}; divide by {n} − 1."


def off_by_an_input(samples, rtol):
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


def function_of_the_answer(samples, rtol):
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


def offset(samples, rtol):
    gaps = np.concatenate([(s.got - s.expected).ravel() for s in samples])
    if not np.allclose(gaps, gaps[0], rtol=1e-6, atol=1e-12):
        return None
    gap = gaps[0]
    one = " An index or a count is off by one?" if isclose(abs(gap), 1, rel_tol=1e-6) else ""
    way = "large" if gap > 0 else "small"
    return "offset", f"Every entry is {abs(gap):.6g} too {way}.{one}"


def transposed(samples, rtol):
    for order in permutations(range(samples[0].expected.ndim)):
        if order == tuple(sorted(order)) or samples[0].expected.ndim > 4:
            continue
        if explains(samples, lambda s, o=order: s.expected.transpose(o), rtol):
            due, came = samples[0].expected.shape, samples[0].got.shape
            return "transposed", f"It is transposed: its shape should be {due}; yours is {came}."
    return None


def exchanged_inputs(samples, rtol):
    names = samples[0].names
    for i, j in combinations(range(len(names)), 2):

        def swapped(s: Sample, i=i, j=j):
            inputs = list(s.inputs)
            inputs[i], inputs[j] = inputs[j], inputs[i]
            return s.right_for(*inputs)

        if explains(samples, swapped, rtol):
            message = f"`{names[i]}` and `{names[j]}` are exchanged: yours is right the other way."
            return "swapped", message
    return None


def wrong_axis(samples, rtol):
    for i, j in combinations(range(max(s.expected.ndim for s in samples)), 2):

        def exchanged(s: Sample, i=i, j=j):
            inputs = [_swapaxes(x, i, j) for x in s.inputs]
            made = s.right_for(*inputs)
            return None if made is None else _swapaxes(made, i, j)

        if explains(samples, exchanged, rtol):
            return "wrong-axis", f"It runs over the wrong axis: {i} and {j} are exchanged."
    return None


def _swapaxes(x, i: int, j: int):
    return np.swapaxes(x, i, j) if isinstance(x, np.ndarray) and x.ndim > j else x


def misplaced(samples, rtol):
    for axis, n in enumerate(samples[0].expected.shape):
        if n < 2:
            continue
        if explains(samples, lambda s, a=axis: np.flip(s.expected, a), rtol):
            return "misplaced", f"The right values in reverse order along axis {axis}: flip it."
        for shift in (k for m in range(1, n // 2 + 1) for k in (m, -m)):
            if explains(samples, lambda s, k=shift, a=axis: np.roll(s.expected, k, a), rtol):
                how = f"{abs(shift)} {'late' if shift > 0 else 'early'}"
                return "misplaced", f"The right values, {how} along axis {axis}: an index is off."
            if _overlap(samples, shift, axis, rtol):
                how = f"{abs(shift)} {'late' if shift > 0 else 'early'}"
                return "misplaced", f"The right values, {how} along axis {axis}: a slice is off."
    return None


def _overlap(samples, shift: int, axis: int, rtol: float) -> bool:
    """Whether what came is the truth moved by `shift`, the rest fallen off."""
    for s in samples:
        n = s.expected.shape[axis]
        if abs(shift) >= n:
            return False
        moved = np.take(s.got, range(max(shift, 0), n + min(shift, 0)), axis)
        origin = np.take(s.expected, range(max(-shift, 0), n - max(shift, 0)), axis)
        if moved.size < ENOUGH or not np.ptp(origin) or not agree(moved, origin, rtol=rtol):
            return False
    return True


def partial(samples, rtol):
    marks = []
    for s in samples:
        allowed = rtol * np.abs(s.expected).max(initial=1e-300)
        values = {n: x for n, x in zip(s.names, s.inputs, strict=True) if np.ndim(x)}
        wrong = np.abs(s.got - s.expected) > allowed
        marks.append(Mark(wrong, np.ones(wrong.shape, bool), values))
    if all(m.marked.all() for m in marks):
        return None
    words = describe(marks)
    return ("partial", f"Only some entries are wrong: {words}.") if words else None


def keepdims(samples, rtol):
    due, came = samples[0].expected.shape, samples[0].got.shape
    if samples[0].got.size == samples[0].expected.size and explains(
        samples, lambda s: s.expected.reshape(s.got.shape), rtol
    ):
        tip = " (keepdims=True keeps an axis of length 1)" if len(due) > len(came) else ""
        return "shape", f"The values are right; the shape should be {due}, yours is {came}{tip}."
    return None


def missing_reduction(samples, rtol):
    due, came = samples[0].expected.shape, samples[0].got.shape
    for count in range(1, len(came) + 1):
        for axes in combinations(range(len(came)), count):
            for word, reduce in (("sum", np.sum), ("mean", np.mean)):
                if all(
                    agree(np.reshape(made, -1), s.expected.reshape(-1), rtol=rtol)
                    for s in samples
                    if (made := reduce(s.got, axis=axes)) is not None
                ):
                    axis = f"axis {axes[0]}" if count == 1 else f"axes {axes}"
                    message = f"A {word} over {axis} is missing: shape {due} is due, yours {came}."
                    return "missing-sum", message
    return None


def extra_reduction(samples, rtol):
    due, came = samples[0].expected.shape, samples[0].got.shape
    for count in range(1, len(due) + 1):
        for axes in combinations(range(len(due)), count):
            for word, reduce in (("sum", np.sum), ("mean", np.mean)):
                if explains(samples, lambda s, a=axes, r=reduce: r(s.expected, axis=a), rtol):
                    axis = f"axis {axes[0]}" if count == 1 else f"axes {axes}"
                    message = f"A {word} over {axis} too many: shape {due} is due, yours is {came}."
                    return "extra-sum", message
    return None


def _floats(x) -> np.ndarray:
    return np.asarray(x, float) if isinstance(x, (int, float, np.ndarray)) else np.zeros(0)


SAME_SHAPE = (
    zero,
    scaled,
    integers,
    transposed,
    exchanged_inputs,
    off_by_an_input,
    wrong_axis,
    function_of_the_answer,
    offset,
    misplaced,
    partial,
)
OTHER_SHAPE = (transposed, keepdims, missing_reduction, extra_reduction, wrong_axis)
