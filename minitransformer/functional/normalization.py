"""Normalisation of the last axes, or of each channel."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitransformer import ops
from minitransformer.functional.inputs import Input
from minitransformer.graph import no_grad
from minitransformer.methods import data_of
from minitransformer.ops.batch_norm import check_channels, per_channel
from minitransformer.tensor import Tensor


def layer_norm(
    x: Input,
    normalized_shape: int | Sequence[int],
    weight: Input | None = None,
    bias: Input | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / √(variance + eps) · weight + bias over the last axes, `normalized_shape`."""
    ndim = _normalized_ndim("layer_norm", x, normalized_shape)
    return ops.LayerNorm.apply(x, weight, bias, eps=eps, normalized_ndim=ndim)


def rms_norm(
    x: Input,
    normalized_shape: int | Sequence[int],
    weight: Input | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """x / √(mean(x²) + eps) · weight over the last axes, `normalized_shape`."""
    ndim = _normalized_ndim("rms_norm", x, normalized_shape)
    return ops.RMSNorm.apply(x, weight, eps=eps, normalized_ndim=ndim)


def batch_norm(
    x: Input,
    running_mean: Input | None,
    running_var: Input | None,
    weight: Input | None = None,
    bias: Input | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / √(variance + eps) · weight + bias for each channel of x (B, C, ...).

    Args:
        running_mean, running_var: (C,). In training they are moved, in place, towards the
            batch's; the variance that they get divides by n - 1. Otherwise they are used.
        weight, bias: (C,).
        training: normalise by the batch's own mean and variance, which divides by n.
        momentum: the share of the batch in the new running ones.
    """
    if training:
        statistics: list = []
        y = ops.BatchNorm.apply(x, weight, bias, eps=eps, statistics=statistics)
        n = y.size // max(y.shape[1], 1)
        _move(running_mean, statistics[0], momentum)
        _move(running_var, statistics[1] * (n / (n - 1)), momentum)
        return y
    if running_mean is None or running_var is None:
        raise ValueError("batch_norm: expected running_mean and running_var, or training=True")
    x = x if isinstance(x, Tensor) else Tensor(x)
    mean, variance = data_of(running_mean), data_of(running_var)
    parameters = {"weight": data_of(weight), "bias": data_of(bias)}
    check_channels("batch_norm", x.data, running_mean=mean, running_var=variance, **parameters)
    y = (x - per_channel(mean, x)) * per_channel((variance + eps) ** -0.5, x)
    y = y if weight is None else y * per_channel(weight, x)
    return y if bias is None else y + per_channel(bias, x)


def _move(running: Input | None, batch: Any, momentum: float) -> None:
    """Bring a running statistic nearer to that of a batch, in place."""
    if running is None:
        return
    now = data_of(running)
    if now.shape != batch.shape:
        raise ValueError(
            f"batch_norm: a running statistic should be {batch.shape}, got {now.shape}"
        )
    with no_grad():
        running[...] = now + momentum * (batch - now)


def _normalized_ndim(name: str, x: Any, normalized_shape: int | Sequence[int]) -> int:
    if isinstance(normalized_shape, int | np.integer):
        normalized_shape = (int(normalized_shape),)
    shape = tuple(normalized_shape)
    got = data_of(x).shape
    if not shape or got[-len(shape) :] != shape:
        raise ValueError(f"{name}: expected the last axes to be {shape}, got input shape {got}")
    return len(shape)
