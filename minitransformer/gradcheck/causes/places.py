"""Only some entries are wrong: which, in words."""

from itertools import combinations
from typing import Any

import numpy as np

from ..evidence import CLAIM, RTOL, Evidence, Sample
from ..points import is_checked
from ..report import Cause
from ..where import Mark, describe

SLIGHT = 1e-4


def is_not_finite(evidence: Evidence) -> Cause | None:
    """NaN or infinity where the truth is finite."""
    bad = [~np.isfinite(evidence.got(s)) for s in evidence.samples]
    if not any(b.any() for b in bad):
        return None
    first = next(s for s, b in zip(evidence.samples, bad, strict=True) if b.any())
    values = evidence.got(first)
    index = np.argwhere(~np.isfinite(values))[0].tolist()
    value = values[tuple(index)]
    where = None
    if evidence.shape_is_right:
        marks = [Mark(b, s.known, context(s)) for s, b in zip(evidence.samples, bad, strict=True)]
        where = None if all(b.all() for b in bad) else describe(marks)
    count = int((~np.isfinite(values)).sum())
    message = (
        f"{count} of {values.size} entries are not finite: {value} at {index}"
        f"{f', {where}' if where else ''}. Look for a division by zero, a log of zero, "
        "exp of a large number, or ∞ − ∞ (a masked score)."
    )
    return evidence.cause("not-finite", message)


def is_partial(evidence: Evidence) -> Cause | None:
    """Some entries are wrong, the rest are right, and words can say which."""
    if not evidence.shape_is_right:
        return None
    marks = [_mark(evidence, s) for s in evidence.samples]
    wrong = sum(int((m.marked & m.cared).sum()) for m in marks)
    right = sum(int((~m.marked & m.cared).sum()) for m in marks)
    if not wrong or not right or _shades_off(evidence):
        return None
    where = describe(marks)
    if where is not None:
        message = f"Only some entries are wrong: {where}.{_how(evidence, marks)}"
        return evidence.cause("partial", message)
    if all(_is(m, s.expected == 0) for m, s in zip(marks, evidence.samples, strict=True)):
        message = (
            "Only some entries are wrong: those that should be zero. Inputs that did not reach the "
            "output (masked, clipped, dropped, not the maximum) get no gradient."
        )
        return evidence.cause("partial", message)
    if all(_is(m, evidence.got(s) == 0) for m, s in zip(marks, evidence.samples, strict=True)):
        message = (
            "Only some entries are wrong: those left at zero. These inputs did reach the output "
            "too; a path or a case of the forward pass is not handled."
        )
        return evidence.cause("partial", message)
    return None


def _is(mark: Mark, mask: np.ndarray) -> bool:
    return bool((mark.marked & mark.cared).any()) and mark.equals(mask)


def _shades_off(evidence: Evidence) -> bool:
    """Whether some entries are only just wrong: another formula, near the right one there."""
    for sample in evidence.samples:
        distance = np.abs(evidence.got(sample) - sample.expected)
        wrong = sample.known & (distance > sample.jacobian.tolerance(sample.dy, RTOL))
        if np.any(wrong & (distance < SLIGHT * np.abs(sample.expected))):
            return True
    return False


def _mark(evidence: Evidence, sample: Sample) -> Mark:
    got = evidence.got(sample)
    tolerance = sample.jacobian.tolerance(sample.dy, CLAIM)
    wrong = sample.known & (np.abs(got - sample.expected) > tolerance)
    silent = (np.abs(sample.expected) <= tolerance) & (np.abs(got) <= tolerance)
    return Mark(wrong, sample.known & ~silent, context(sample))


def _how(evidence: Evidence, marks: list[Mark]) -> str:
    """What is there instead: zeros, or something where zero is due."""
    got = np.concatenate(
        [evidence.got(s)[m.marked] for s, m in zip(evidence.samples, marks, strict=True)]
    )
    due = np.concatenate(
        [s.expected[m.marked] for s, m in zip(evidence.samples, marks, strict=True)]
    )
    if not got.any():
        return " They are zero, and should not be."
    if np.abs(due).max() <= CLAIM * np.abs(got).max():
        return " They should be zero."
    if np.allclose(got, -due, rtol=CLAIM, atol=0):
        return " Their sign is wrong."
    return " The others are right."


def context(sample: Sample) -> dict[str, Any]:
    """The arrays in which the reason for a pattern may lie, by name."""
    values = dict(zip(sample.names, sample.point.inputs, strict=True))
    values |= {"output": sample.output, "dy": sample.dy}
    for one, other in combinations(sample.names, 2):
        a, b = values[one], values[other]
        if is_checked(a) and is_checked(b) and a.shape == b.shape == sample.x.shape:
            values[f"{one} − {other}"] = a - b
    return values
