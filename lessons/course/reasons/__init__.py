"""The likely reason why an answer is not the right one: one short function a reason.

A reason is believed only if it explains every entry of every sample.
"""

from collections.abc import Sequence

from lessons.course.reasons.places import (
    exchanged_inputs,
    misplaced,
    partial,
    transposed,
    wrong_axis,
)
from lessons.course.reasons.sample import ENOUGH, Reason, Sample, explains
from lessons.course.reasons.shapes import extra_reduction, keepdims, missing_reduction
from lessons.course.reasons.values import (
    function_of_the_answer,
    integers,
    not_finite,
    off_by_an_input,
    offset,
    scaled,
    zero,
)

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

UNKNOWN = (
    "It is no factor, sign, shift or transpose of the right answer. Work the example of the "
    "docstring by hand, and compare."
)


def reason_for(samples: Sequence[Sample], rtol: float) -> Reason:
    """The first reason that explains all samples; `unknown`, or `shape`, if none does."""
    if reason := not_finite(samples):
        return reason
    first = samples[0].without_infinities()
    samples = [s.without_infinities() for s in samples if s.expected.ndim == first.expected.ndim]
    same_shape = all(s.got.shape == s.expected.shape for s in samples)
    enough = sum(s.expected.size for s in samples) >= ENOUGH
    for detect in (SAME_SHAPE if same_shape else OTHER_SHAPE) if enough else ():
        if reason := detect(samples, rtol):
            return reason
    if same_shape:
        return "unknown", UNKNOWN
    return "shape", f"Its shape should be {first.expected.shape}; yours is {first.got.shape}."


__all__ = ["Reason", "Sample", "explains", "reason_for"]
