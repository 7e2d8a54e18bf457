"""Normalisation of the last axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitransformer import ops
from minitransformer.functional.inputs import Input
from minitransformer.methods import data_of
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


def _normalized_ndim(name: str, x: Any, normalized_shape: int | Sequence[int]) -> int:
    if isinstance(normalized_shape, int | np.integer):
        normalized_shape = (int(normalized_shape),)
    shape = tuple(normalized_shape)
    got = data_of(x).shape
    if not shape or got[-len(shape) :] != shape:
        raise ValueError(f"{name}: expected the last axes to be {shape}, got input shape {got}")
    return len(shape)
