"""Reasons by place: the right numbers transposed, moved, over another axis, or only some wrong."""

from collections.abc import Sequence
from itertools import combinations, permutations

import numpy as np

from lessons.course.reasons.sample import ENOUGH, Reason, Sample, explains, shape_of
from minitransformer.gradcheck.evidence import agree
from minitransformer.gradcheck.thresholds import Mark
from minitransformer.gradcheck.where import describe


def transposed(samples: Sequence[Sample], rtol: float) -> Reason | None:
    for order in permutations(range(samples[0].expected.ndim)):
        if order == tuple(sorted(order)) or samples[0].expected.ndim > 4:
            continue
        if explains(samples, lambda s, o=order: s.expected.transpose(o), rtol):
            due, came = samples[0].expected.shape, samples[0].got.shape
            return "transposed", f"It is transposed: its shape should be {due}; yours is {came}."
    return None


def exchanged_inputs(samples: Sequence[Sample], rtol: float) -> Reason | None:
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


def wrong_axis(samples: Sequence[Sample], rtol: float) -> Reason | None:
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


def misplaced(samples: Sequence[Sample], rtol: float) -> Reason | None:
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


def partial(samples: Sequence[Sample], rtol: float) -> Reason | None:
    marks = []
    for s in samples:
        allowed = rtol * np.abs(s.expected).max(initial=1e-300)
        values = {n: x for n, x in zip(s.names, s.inputs, strict=True) if shape_of(x)}
        wrong = np.abs(s.got - s.expected) > allowed
        marks.append(Mark(wrong, np.ones(wrong.shape, bool), values))
    if all(m.marked.all() for m in marks) or len({m.marked.shape for m in marks}) > 1:
        return None
    words = describe(marks)
    return ("partial", f"Only some entries are wrong: {words}.") if words else None
