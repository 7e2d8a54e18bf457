"""Shortening gradients that are too long, together, so that their direction stays."""

from collections.abc import Iterable
from math import isfinite, sqrt
from typing import Any

from minitransformer.tensor import Tensor


def clip_grad_norm_(parameters: Iterable[Tensor] | Tensor, max_norm: float) -> float:
    """Scale all gradients so that their norm, taken as one long vector, is at most `max_norm`.

    Pascanu et al. 2012, https://arxiv.org/abs/1211.5063

    Args:
        parameters: Tensors; those without a gradient do not count.
        max_norm: positive; infinity only measures.

    Returns:
        The norm before. Where it is NaN or infinite, the gradients are left as they are: look
        at it before you step.

    Raises:
        ValueError: max_norm is not positive.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_grad_norm_: max_norm should be positive, got {max_norm}")
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = sqrt(float(sum(map(sum_of_squares, gradients))))
    # As in PyTorch: a little more than needed, so that rounding never leaves it too long.
    scale = max_norm / (norm + 1e-6)
    if isfinite(norm) and scale < 1:
        for g in gradients:
            g *= scale
    return norm


def sum_of_squares(g: Any) -> Any:
    """Σ g², in one pass over the memory."""
    flat = g.reshape(-1)
    return flat @ flat
