"""Normalising layers: a sample's features, or a batch's channels, are brought to one scale."""

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


class BatchNorm(Module):
    """(x - mean) / √(variance + eps) · weight + bias for each channel of x (B, C, ...).

    In training by the batch's own mean and variance, which it also follows in running_mean
    and running_var; in evaluation by these.

    Args:
        num_features: channels C.
        eps: keeps the root from 0.
        momentum: share of a new batch in the running statistics; None for the mean of all.
        affine: have a weight (ones at first) and a bias (zeros at first).
        track_running_stats: False to use the batch's in evaluation too.
    """

    axes: tuple[int, ...] = ()  # how many the input may have

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        check_sizes(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        ones, zeros = np.ones(num_features, np.float32), np.zeros(num_features, np.float32)
        self.weight = Parameter(ones) if affine else None
        self.bias = Parameter(zeros) if affine else None
        self.running_mean: Tensor | None = None
        self.running_var: Tensor | None = None
        self.num_batches_tracked: Tensor
        if track_running_stats:
            self.register_buffer("running_mean", zeros.copy())
            self.register_buffer("running_var", ones.copy())
            self.register_buffer("num_batches_tracked", np.zeros((), np.int64))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim not in self.axes or x.shape[1] != self.num_features:
            axes = " or ".join(map(str, self.axes))
            raise ValueError(
                f"{type(self).__name__}: expected {axes} axes, the second of size "
                f"{self.num_features}, got shape {x.shape}"
            )
        running = self.running_mean, self.running_var
        training = self.training or self.running_mean is None
        momentum = self._count() if self.training and self.running_mean is not None else 0.0
        return F.batch_norm(x, *running, self.weight, self.bias, training, momentum, self.eps)

    def _count(self) -> float:
        """Count a batch; its share in the running statistics."""
        self.num_batches_tracked += 1
        return 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum

    def extra_repr(self) -> str:
        return str(self.num_features)


class BatchNorm1d(BatchNorm):
    """Batch norm of (B, C) or (B, C, L); see BatchNorm for the arguments."""

    axes = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch norm of images (B, C, H, W); see BatchNorm for the arguments."""

    axes = (4,)


def as_shape(name: str, sizes: int | Sequence[int]) -> tuple[int, ...]:
    """A shape from one size or several, all positive."""
    shape = (sizes,) if isinstance(sizes, int | np.integer) else tuple(sizes)
    check_sizes(name, **{f"normalized_shape[{i}]": size for i, size in enumerate(shape)})
    return tuple(map(int, shape))
