"""Mistakes seen in the Jacobian: J·dy for Jᵀ·dy, its diagonal only, another axis."""

from itertools import combinations

import numpy as np

from ..evidence import Evidence, Sample
from ..points import is_checked
from ..report import Cause


def is_forward_product(evidence: Evidence) -> Cause | None:
    """J·dy where Jᵀ·dy is due."""
    if not _square(evidence):
        return None

    def forward_product(sample: Sample) -> np.ndarray:
        return sample.jacobian.push(sample.dy).reshape(evidence.got(sample).shape)

    if not evidence.computed_by(forward_product):
        return None
    message = (
        "It is J·dy, the forward direction; the backward pass needs Jᵀ·dy. Somewhere a matrix "
        "must be transposed (P for Pᵀ), or a cumulative sum run in reverse."
    )
    return evidence.cause("forward-product", message)


def is_diagonal_only(evidence: Evidence) -> Cause | None:
    """Each output taken to depend on its own input alone."""
    if not _square(evidence) or evidence.first.output.shape != evidence.first.x.shape:
        return None

    def elementwise(sample: Sample) -> np.ndarray:
        return np.diagonal(sample.jacobian.slopes).reshape(sample.dy.shape) * sample.dy

    if not evidence.computed_by(elementwise):
        return None
    message = (
        "It is only the elementwise part, each output taken to depend on its own input alone. "
        "Here each output depends on other inputs too: sum over all outputs that an input reaches."
    )
    return evidence.cause("diagonal-only", message)


def is_wrong_axis(evidence: Evidence) -> Cause | None:
    """The same formula over another axis, or in the other direction, gives the truth."""
    return _along_other_axis(evidence) or _other_direction(evidence) or _spread(evidence)


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


def _spread(evidence: Evidence) -> Cause | None:
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


def _square(evidence: Evidence) -> bool:
    """Whether J·dy makes sense: as many outputs as entries of this input, all of them measured."""
    first = evidence.first
    return (
        evidence.complete
        and first.output.size == first.expected.size == evidence.got(first).size
        and first.expected.size > 1
    )
