"""The same formula over the wrong axis, or in the wrong direction."""

from itertools import combinations

import numpy as np

from ..evidence import Evidence, Sample
from ..points import is_checked
from ..report import Cause
from .upstream import probed


def is_wrong_axis(evidence: Evidence) -> Cause | None:
    """The same formula over another axis, or in the other direction, gives the truth."""
    return _along_other_axis(evidence) or _other_direction(evidence)


def _along_other_axis(evidence: Evidence) -> Cause | None:
    """Exchange two axes of what the learner's code is given, and exchange them back."""
    ndim = evidence.first.x.ndim
    for i, j in combinations(range(ndim), 2):
        for dy_too in (True, False):
            for all_inputs in (False, True):

                def exchanged(sample: Sample, _, i=i, j=j, dy_too=dy_too, every=all_inputs):
                    if dy_too and sample.dy.ndim <= j:
                        return None
                    dy = sample.dy.swapaxes(i, j) if dy_too else sample.dy
                    inputs = [
                        np.ascontiguousarray(x.swapaxes(i, j))
                        if is_checked(x) and x.ndim > j and (every or k == sample.index)
                        else x
                        for k, x in enumerate(sample.point.inputs)
                    ]
                    gradient = evidence.call(sample, np.ascontiguousarray(dy), inputs)
                    return (
                        None if gradient is None or gradient.ndim <= j else gradient.swapaxes(i, j)
                    )

                if evidence.restored_by(exchanged):
                    message = (
                        f"The formula runs over the wrong axis (or multiplies from the wrong "
                        f"side): with axes {i} and {j} exchanged it gives the right answer."
                    )
                    return evidence.cause("wrong-axis", message)
    return None


def _other_direction(evidence: Evidence) -> Cause | None:
    for axis in range(evidence.first.x.ndim):

        def reversed_(sample: Sample, _, axis=axis):
            if sample.dy.shape != sample.x.shape:
                return None
            inputs = list(sample.point.inputs)
            inputs[sample.index] = np.flip(sample.x, axis)
            gradient = evidence.call(sample, np.flip(sample.dy, axis), inputs)
            return None if gradient is None or gradient.ndim <= axis else np.flip(gradient, axis)

        if evidence.restored_by(reversed_):
            message = (
                f"It runs along axis {axis} in the wrong direction: begin at the other end. The "
                "first input reaches every later output, so gradients gather from the last."
            )
            return evidence.cause("wrong-axis", message)
    return None


def is_spread_wrongly(evidence: Evidence) -> Cause | None:
    """dy spread (or summed) over one axis where the truth has it over another."""
    shape = evidence.first.expected.shape
    due = [
        axes for axes in _axes(evidence) if evidence.restored_by(lambda s, _, a=axes: _over(s, a))
    ]
    if not due:
        return None
    for axes in _axes(evidence):
        if axes not in due and evidence.computed_by(lambda s, a=axes: _over(s, a, evidence)):
            message = (
                f"dy is spread or summed over axis {axes[0]}; it should be axis {due[0][0]}. "
                f"The shape should be {shape}."
            )
            return evidence.cause("wrong-axis", message)
    return None


def _axes(evidence: Evidence) -> list[tuple[int, ...]]:
    most = max(evidence.first.dy.ndim, evidence.first.x.ndim)
    return [(axis,) for axis in range(most)]


def _over(sample: Sample, axes: tuple[int, ...], evidence: Evidence | None = None):
    """dy summed over the axes, or spread over them, whichever has the shape."""
    shape = sample.expected.shape if evidence is None else evidence.got(sample).shape
    axis = axes[0]
    if sample.dy.ndim == len(shape) + 1:
        total = sample.dy.sum(axis=axis)
        return total if total.shape == shape else None
    if sample.dy.ndim + 1 == len(shape):
        try:
            return np.broadcast_to(np.expand_dims(sample.dy, axis), shape)
        except ValueError:
            return None
    return None


def mixes_another_axis(evidence: Evidence) -> Cause | None:
    """Its sums run along one axis where the forward pass mixes along another."""
    sample = evidence.samples[-1]
    if sample.x.ndim == 0 or sample.dy.shape != sample.x.shape or not evidence.complete:
        return None
    answered = probed(evidence, sample)
    if answered is None:
        return None
    due, came = _mixed(sample.jacobian.slopes, sample), _mixed(answered, sample)
    if not due or not came or due & came:
        return None
    message = (
        f"It mixes dy along {listed(came)}; the forward pass mixes its inputs along "
        f"{listed(due)}. A sum, a mean or a softmax runs over the wrong axis."
    )
    return evidence.cause("wrong-axis", message)


def _mixed(slopes: np.ndarray, sample: Sample) -> set[int]:
    """The axes along which an output and an input it depends on may differ."""
    slopes = np.abs(slopes)
    outputs, inputs = np.nonzero(slopes > 1e-9 * slopes.max(initial=0.0))
    here = np.stack(np.unravel_index(outputs, sample.x.shape))
    there = np.stack(np.unravel_index(inputs, sample.x.shape))
    return {axis for axis in range(sample.x.ndim) if (here[axis] != there[axis]).any()}


def listed(axes: set[int]) -> str:
    return " and ".join(f"axis {axis}" for axis in sorted(axes))
