"""Normalising layers: each sample's features are brought to one scale."""

from collections.abc import Sequence

import numpy as np

from minitransformer import functional as F
from minitransformer.nn.layers import check_sizes
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter
from minitransformer.tensor import Tensor


class LayerNorm(Module):
    """(x - mean) / √(variance + eps) · weight + bias over the last axes.

    Args:
        normalized_shape: the sizes of these axes, or the last axis's size alone.
        eps: keeps the root from 0.
        elementwise_affine: have a weight (ones at first) and a bias (zeros at first).
        bias: False for a weight alone.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.normalized_shape = as_shape("LayerNorm", normalized_shape)
        self.eps = eps
        shape = self.normalized_shape
        self.weight = Parameter(np.ones(shape, np.float32)) if elementwise_affine else None
        has_bias = elementwise_affine and bias
        self.bias = Parameter(np.zeros(shape, np.float32)) if has_bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.normalized_shape))


class RMSNorm(Module):
    """x / √(mean(x²) + eps) · weight over the last axes; see LayerNorm for the arguments."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
    ) -> None:
        super().__init__()
        self.normalized_shape = as_shape("RMSNorm", normalized_shape)
        self.eps = eps
        shape = self.normalized_shape
        self.weight = Parameter(np.ones(shape, np.float32)) if elementwise_affine else None

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.normalized_shape))


def as_shape(name: str, sizes: int | Sequence[int]) -> tuple[int, ...]:
    """A shape from one size or several, all positive."""
    shape = (sizes,) if isinstance(sizes, int | np.integer) else tuple(sizes)
    check_sizes(name, **{f"normalized_shape[{i}]": size for i, size in enumerate(shape)})
    return tuple(map(int, shape))
