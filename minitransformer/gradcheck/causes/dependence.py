"""Where nothing reproduces the truth: what the answer depends on, and should, or should not."""

import numpy as np

from ..evidence import Evidence, Sample
from ..numeric import jacobian
from ..report import Cause
from .axes import listed

MOVED = 0.5  # how far an entry is moved, in typical sizes of the input
MOVES = 1e-4  # a change below this, relative to the largest, is none


def reads_another_axis(evidence: Evidence) -> Cause | None:
    """Moving one entry changes the gradient along one axis, where it should along another."""
    sample = evidence.samples[-1]
    if not evidence.complete or not evidence.shape_is_right or sample.x.ndim < 2:
        return None
    at = tuple(length // 2 for length in sample.x.shape)
    inputs = list(sample.point.inputs)
    inputs[sample.index] = moved = sample.x.copy()
    moved[at] += MOVED * (float(np.sqrt(np.mean(moved**2))) or 1.0)
    came = evidence.call(sample, inputs=inputs)
    truth = jacobian(evidence.trial.explore, inputs, sample.index, np.random.default_rng(0))
    if came is None or len(truth.slopes) != sample.dy.size or not truth.complete:
        return None
    spread_due = _spread_along(truth.gradient(sample.dy) - sample.expected, at)
    spread_came = _spread_along(came - evidence.got(sample), at)
    if not spread_due or not spread_came or spread_due & spread_came:
        return None
    message = (
        f"It looks along the wrong axis: when one entry of `{evidence.name}` changes, yours "
        f"changes along {listed(spread_came)}, and the right gradient along "
        f"{listed(spread_due)}. Check the axis of each sum, mean and maximum."
    )
    return evidence.cause("wrong-axis", message)


def _spread_along(change: np.ndarray, at: tuple[int, ...]) -> set[int]:
    """The axes along which entries other than the one at `at` changed."""
    size = np.abs(change)
    there = np.nonzero(size > MOVES * size.max(initial=0.0))
    return {axis for axis, places in enumerate(there) if (places != at[axis]).any()}


def is_upstream_alone(evidence: Evidence) -> Cause | None:
    """dy itself, where other paths lead through as well."""
    if not evidence.computed_by(_upstream):
        return None
    message = (
        "It is dy itself, passed straight on: the gradients of all other paths from this input "
        "to the output are missing. Derive each, and add them to dy."
    )
    return evidence.cause("missing-term", message)


def _upstream(sample: Sample) -> np.ndarray | None:
    return sample.dy if sample.dy.shape == sample.expected.shape else None
