"""Losses: what training makes small."""

import numpy as np

from minitransformer import ops
from minitransformer.functional.inputs import Input, beside, index_array
from minitransformer.methods import data_of
from minitransformer.tensor import Tensor


def mse_loss(prediction: Input, target: Input, reduction: str = "mean") -> Tensor:
    """The mean of (prediction - target)²; the shapes must be equal."""
    return ops.MSELoss.apply(prediction, beside(target, prediction), reduction=reduction)


def binary_cross_entropy_with_logits(
    logits: Input, target: Input, reduction: str = "mean"
) -> Tensor:
    """-t log σ(x) - (1 - t) log(1 - σ(x)), for logits x and targets t of one shape."""
    target = beside(target, logits)
    return ops.BCEWithLogits.apply(logits, target, reduction=reduction)


def cross_entropy(
    logits: Input,
    target: Input,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """-log softmax(logits)[target], averaged over the targets that are not `ignore_index`.

    Args:
        logits: (N, C) or (N, C, ...).
        target: classes (N, ...), or probabilities of logits' shape.

    Raises:
        IndexError: a class is negative (and not `ignore_index`) or not below C.
        ValueError: shapes do not fit, or no target counts.
    """
    floating = getattr(data_of(target), "dtype", np.dtype(int)).kind == "f"
    return ops.CrossEntropy.apply(
        logits,
        beside(target, logits) if floating else index_array("cross_entropy", "target", target),
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
