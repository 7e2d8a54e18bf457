"""Right for other arguments: with an input transposed, flipped, negated, or exchanged inside."""

from collections.abc import Iterator

import numpy as np

from ..evidence import Evidence, Sample
from ..numeric import jacobian
from ..points import is_checked
from ..report import Cause


def is_right_for_other_arguments(evidence: Evidence) -> Cause | None:
    """Call the learner's code with one thing altered: what mends it is what is wrong inside."""
    if not evidence.shape_is_right:
        return None
    if evidence.first.dy.ndim >= 2 and evidence.restored_by(
        lambda s, _: evidence.call(s, dy=np.ascontiguousarray(s.dy.swapaxes(-1, -2)))
    ):
        message = "It is right with dy transposed: somewhere dy (or dS) stands for dyᵀ."
        return evidence.cause("forward-product", message)
    for slug, message, alter in _alterations(evidence.first):

        def altered(sample: Sample, _, alter=alter):
            return evidence.call(sample, inputs=alter(sample))

        if evidence.restored_by(altered):
            return evidence.cause(slug, message)
    return None


def is_right_for_ones(evidence: Evidence) -> Cause | None:
    """It is the truth for another input of ones: that input is missing inside, as a factor."""
    for k, x in enumerate(evidence.first.point.inputs):
        if k == evidence.index or not is_checked(x):
            continue
        if evidence.computed_by(lambda s, k=k: _truth_with_ones(evidence, s, k)):
            name = evidence.first.names[k]
            message = (
                f"A factor is missing: it is the right answer for `{name}` = 1. Multiply by "
                f"`{name}` before summing."
            )
            return evidence.cause("scale", message)
    return None


def _truth_with_ones(evidence: Evidence, sample: Sample, index: int) -> np.ndarray | None:
    inputs = _with(sample, index, np.ones_like(sample.point.inputs[index]))
    rng = np.random.default_rng(0)
    measured = jacobian(evidence.trial.explore, inputs, evidence.index, rng)
    return measured.gradient(sample.dy) if len(measured.slopes) == sample.dy.size else None


def _alterations(first: Sample) -> Iterator[tuple]:
    """(slug, message, sample -> altered inputs)."""
    inputs = first.point.inputs
    floats = [k for k, x in enumerate(inputs) if is_checked(x)]
    for k in floats:
        x, name = inputs[k], first.names[k]
        if x.ndim >= 2 and x.shape[-1] == x.shape[-2] > 1:
            yield (
                "forward-product",
                f"It is right with `{name}` transposed: somewhere `{name}` stands for `{name}`ᵀ. "
                "Backward through a product with A is a product with Aᵀ.",
                lambda s, k=k: _with(s, k, s.point.inputs[k].swapaxes(-1, -2)),
            )
        for axis in range(x.ndim):
            if x.shape[axis] > 1:
                yield (
                    "misplaced",
                    f"It is right with `{name}` reversed along axis {axis}: on the way back a "
                    "kernel meets the values in the opposite order.",
                    lambda s, k=k, axis=axis: _with(s, k, np.flip(s.point.inputs[k], axis)),
                )
        yield (
            "sign",
            f"It is right with −`{name}` for `{name}`: a sign inside is wrong.",
            lambda s, k=k: _with(s, k, -s.point.inputs[k]),
        )
        if first.output.shape == x.shape and len(inputs) == 1:
            yield (
                "misplaced",
                f"It is right with the output in place of `{name}`: the formula is of the output, "
                "and was given the input.",
                lambda s, k=k: _with(s, k, s.output),
            )
        for other in floats:
            if other > k and inputs[other].shape == x.shape:
                yield (
                    "swapped",
                    f"It is right with `{name}` and `{first.names[other]}` exchanged: the formula "
                    "uses one where the other is due.",
                    lambda s, k=k, other=other: _exchanged(s, k, other),
                )


def _with(sample: Sample, index: int, array: np.ndarray) -> list:
    inputs = list(sample.point.inputs)
    inputs[index] = np.ascontiguousarray(array).reshape(array.shape)
    return inputs


def _exchanged(sample: Sample, one: int, other: int) -> list:
    inputs = list(sample.point.inputs)
    inputs[one], inputs[other] = inputs[other], inputs[one]
    return inputs
