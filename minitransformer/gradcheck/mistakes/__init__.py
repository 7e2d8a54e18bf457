"""The bank of known mistakes: for each op of the textbook, the wrong backward passes people write.

Bare NumPy, independent of the engine. The checker recognises them in a learner's answer, the
exercises quote their messages as hints, and the tests require each to be rejected and named.
"""

import numpy as np

from . import (
    activations,
    arithmetic,
    attention,
    batch_norm,
    convolution,
    cross_entropy,
    dropout,
    gated,
    gelu,
    indexing,
    linear,
    losses,
    normalization,
    paths,
    pooling,
    recurrent,
    reductions,
    sequences,
    shapes,
    softmax,
    strided_convolution,
    through_time,
)
from .operation import OPERATIONS, Operation


def known_mistakes(op: str) -> dict:
    """The bank's mistakes for an op: `{name: (backward, message)}`.

    Raises:
        KeyError: the bank has no such op; the message lists those it has.
    """
    if op not in OPERATIONS:
        raise KeyError(f"known_mistakes: no op {op!r}; there are {', '.join(sorted(OPERATIONS))}")
    return dict(OPERATIONS[op].mistakes)


def recognise(inputs: tuple, output: np.ndarray) -> list[Operation]:
    """The ops of the bank that compute this very output from these inputs."""
    return [op for op in OPERATIONS.values() if _computes(op, inputs, output)]


def _computes(operation: Operation, inputs: tuple, output: np.ndarray) -> bool:
    copies = [x.copy() if isinstance(x, np.ndarray) else x for x in inputs]
    try:
        with np.errstate(all="ignore"):
            y = np.asarray(operation.forward(*copies))
    except Exception:  # it takes other inputs
        return False
    return y.shape == output.shape and np.allclose(y, output, rtol=1e-9, atol=1e-12)


__all__ = ["OPERATIONS", "Operation", "known_mistakes", "recognise"]
