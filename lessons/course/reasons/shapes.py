"""Reasons by shape: an axis lost or kept, a sum or mean too few or too many."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from lessons.course.reasons.sample import Reason, Sample, explains
from minitransformer.gradcheck.evidence import agree

REDUCTIONS = (("sum", np.sum), ("mean", np.mean))


def keepdims(samples: Sequence[Sample], rtol: float) -> Reason | None:
    """The right values in another shape."""
    due, came = samples[0].expected.shape, samples[0].got.shape
    if samples[0].got.size != samples[0].expected.size:
        return None
    if not explains(samples, lambda s: s.expected.reshape(s.got.shape), rtol):
        return None
    lost = len(due) > len(came) and [n for n in due if n > 1] == [n for n in came if n > 1]
    tip = " (keepdims=True keeps an axis of length 1)" if lost else ""
    return "shape", f"The values are right; the shape should be {due}, yours is {came}{tip}."


def missing_reduction(samples: Sequence[Sample], rtol: float) -> Reason | None:
    due, came = samples[0].expected.shape, samples[0].got.shape
    for axes in _some_axes(came):
        for word, reduce in REDUCTIONS:
            if all(
                agree(np.ravel(reduce(s.got, axis=axes)), s.expected.ravel(), rtol=rtol)
                for s in samples
            ):
                what = f"A {word} over {_called(axes)} is missing"
                return "missing-sum", f"{what}: shape {due} is due, yours is {came}."
    return None


def extra_reduction(samples: Sequence[Sample], rtol: float) -> Reason | None:
    due, came = samples[0].expected.shape, samples[0].got.shape
    for axes in _some_axes(due):
        for word, reduce in REDUCTIONS:
            if explains(samples, lambda s, a=axes, r=reduce: r(s.expected, axis=a), rtol):
                what = f"A {word} over {_called(axes)} too many"
                return "extra-sum", f"{what}: shape {due} is due, yours is {came}."
    return None


def _some_axes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    axes = range(len(shape))
    return [some for count in range(1, len(shape) + 1) for some in combinations(axes, count)]


def _called(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
