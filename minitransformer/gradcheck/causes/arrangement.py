"""The right numbers in the wrong places: transposed, not summed, swapped, misplaced."""

from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from ..evidence import Evidence, Sample, agree
from ..report import Cause


def is_transposed(evidence: Evidence) -> Cause | None:
    """Some permutation of the axes gives the truth."""
    due, came = evidence.first.expected.shape, evidence.first.got.shape
    if not 2 <= len(came) <= 5:
        return None
    straight = tuple(range(len(came)))
    for order in permutations(straight):
        if order == straight:
            continue
        if evidence.restored_by(lambda s, got, order=order: got.transpose(order)):
            shapes = f"Its shape should be {due}; yours is {came}."
            if len(order) == 2:
                how = "swapping its axes gives the right answer."
            else:
                how = f"ordering its axes {order} gives the right answer."
            if due == came:
                shapes = f"The shape {due} is right all the same, so no error would tell."
            return evidence.cause("transposed", f"It is transposed: {how} {shapes}")
        if due == came and evidence.restored_by(
            lambda s, got, order=order: _reshape_back(got, order)
        ):
            message = (
                f"It was reshaped where its axes should be exchanged: reshape to "
                f"{tuple(due[axis] for axis in order)}, then transpose. A reshape never moves a "
                "number; it only cuts the row elsewhere."
            )
            return evidence.cause("transposed", message)
    return None


def _reshape_back(got: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Undo a reshape that stood for a transpose of the axes in `order`."""
    return got.reshape([got.shape[axis] for axis in order]).transpose(np.argsort(order))


def is_missing_sum(evidence: Evidence) -> Cause | None:
    """Summing the answer over some axes gives the truth."""
    due, came = evidence.first.expected.shape, evidence.first.got.shape
    if due == came or len(came) > 6:
        return None
    for count in range(1, len(came) + 1):
        for axes in combinations((a for a, n in enumerate(came) if n > 1), count):
            if evidence.restored_by(lambda s, got, axes=axes: _summed(got, axes, s)):
                which = f"axis {axes[0]}" if count == 1 else f"axes {axes}"
                message = (
                    f"A sum over {which} is missing: its shape should be {due}; yours is {came}. "
                    "What was broadcast in the forward pass is summed in the backward pass."
                )
                return evidence.cause("missing-sum", message)
    return None


def _summed(got: np.ndarray, axes: tuple[int, ...], sample: Sample) -> np.ndarray | None:
    total = got.sum(axis=axes)
    shape = sample.expected.shape
    return total.reshape(shape) if total.size == sample.expected.size else None


def is_swapped(evidence: Evidence) -> Cause | None:
    """It is the gradient of another input."""
    for other, samples in evidence.siblings.items():
        if other == evidence.index:
            continue
        theirs = {id(s.point): s for s in samples}
        if not all(id(s.point) in theirs for s in evidence.samples):
            continue
        theirs_wrong = any(s.wrong.any() or s.wrong_shape for s in samples)
        if not theirs_wrong and not evidence.shape_is_right:
            continue
        if all(
            agree(evidence.got(s), theirs[id(s.point)].truth_for(s.dy), rtol=evidence.rtol)
            and s.dy.any()
            for s in evidence.samples
        ):
            name = evidence.trial.names[other]
            message = (
                f"It is the gradient of `{name}`: two gradients are exchanged. Return them in the "
                f"order of the inputs: {', '.join(evidence.trial.names)}."
            )
            return evidence.cause("swapped", message)
    return None


def is_misplaced(evidence: Evidence) -> Cause | None:
    """The right values at the wrong positions."""
    if not evidence.complete or evidence.first.expected.size < 2:
        return None
    if evidence.shape_is_right:
        for axis, length in enumerate(evidence.first.expected.shape):
            if length < 2:
                continue
            if evidence.restored_by(lambda s, got, axis=axis: np.flip(got, axis)):
                message = f"The right values, in reverse order along axis {axis}: flip it."
                return evidence.cause("misplaced", message)
            for shift in range(1, length):
                if evidence.restored_by(
                    lambda s, got, axis=axis, shift=shift: np.roll(got, -shift, axis)
                ):
                    return evidence.cause("misplaced", _shifted(shift, length, axis))
    if evidence.restored_by(_sorted_like):
        message = (
            "It holds the right values, at the wrong positions: the same numbers in another order. "
            "Send each one back to where it came from in the forward pass."
        )
        return evidence.cause("misplaced", message)
    return None


def is_shifted(evidence: Evidence) -> Cause | None:
    """The right values some places along an axis, or two; those at the end fell off."""
    if not evidence.complete or not evidence.shape_is_right:
        return None
    for shifts in _shifts(evidence.first.expected.shape):
        if all(_overlap(evidence, s, shifts) for s in evidence.samples):
            by = " and ".join(f"by {shift} along axis {axis}" for axis, shift in shifts.items())
            message = (
                f"The right values at the wrong places: shifted {by}, those at the end fall off. "
                "Check where the slice begins."
            )
            return evidence.cause("misplaced", message)
    return None


def _shifts(shape: tuple[int, ...]) -> Iterator[dict[int, int]]:
    """How far to move along one axis, {axis: places}; then along two, by a few places."""
    for axis, length in enumerate(shape):
        for places in range(1, (length + 1) // 2 + 1):
            yield from ({axis: places}, {axis: -places})
    near = (1, -1, 2, -2, 3, -3)
    for first, second in combinations(range(len(shape)), 2):
        yield from ({first: i, second: j} for i in near for j in near)


def _shifted(shift: int, length: int, axis: int) -> str:
    by = shift if shift <= length // 2 else shift - length
    return f"The right values, rolled by {by} along axis {axis}: the offset is wrong."


def _overlap(evidence: Evidence, sample: Sample, shifts: dict[int, int]) -> bool:
    """Whether what came is the truth moved by the shifts, where the two overlap."""
    moved, origin = evidence.got(sample), sample.expected
    for axis, shift in shifts.items():
        length = origin.shape[axis]
        if abs(shift) >= length:
            return False
        moved = np.take(moved, range(max(shift, 0), length + min(shift, 0)), axis)
        origin = np.take(origin, range(max(-shift, 0), length - max(shift, 0)), axis)
    return origin.size > 1 and bool(np.ptp(origin)) and agree(moved, origin, rtol=evidence.rtol)


def _sorted_like(sample: Sample, got: np.ndarray) -> np.ndarray | None:
    """The answer's values in the order of the truth's: equal to it if they are the same values."""
    if got.size != sample.expected.size:
        return None
    order = np.argsort(sample.expected, axis=None)
    placed = np.empty(got.size)
    placed[order] = np.sort(got, axis=None)
    return placed.reshape(sample.expected.shape)


def is_reshaped(evidence: Evidence) -> Cause | None:
    """The right values in the right order, in another shape."""
    due, came = evidence.first.expected.shape, evidence.first.got.shape
    if due == came:
        return None
    if evidence.restored_by(
        lambda s, got: got.reshape(due) if got.size == s.expected.size else None
    ):
        message = (
            f"The values are right, but the shape should be {due}; yours is {came}: reshape it."
        )
        return evidence.cause("shape", message)
    if evidence.restored_by(lambda s, got: _spread(got, due)):
        message = (
            f"The values are right, but they must fill the shape {due}; yours is {came}: "
            "spread it with np.broadcast_to."
        )
        return evidence.cause("shape", message)
    return None


def _spread(got: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        return np.broadcast_to(got, shape)
    except ValueError:
        return None
