"""Mistakes seen in the Jacobian: J·dy for Jᵀ·dy, or its diagonal only."""

import numpy as np

from ..evidence import Evidence, Sample
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


def _square(evidence: Evidence) -> bool:
    """Whether J·dy makes sense: as many outputs as entries of this input, all of them measured."""
    first = evidence.first
    return (
        evidence.complete
        and evidence.shape_is_right
        and first.output.size == first.expected.size
        and first.expected.size > 1
    )
