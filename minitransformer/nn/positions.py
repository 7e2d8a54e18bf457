"""Positions as layers: attention alone does not know which token stands where."""

import numpy as np

from minitransformer.nn import init
from minitransformer.nn.layers import check_sizes, new
from minitransformer.nn.module import Module
from minitransformer.tensor import Tensor


class SinusoidalPositions(Module):
    """x + table[:T]: waves of D different lengths, so that no two positions look alike.

    table[t, 2i] = sin(t / 10000^(2i/D)), table[t, 2i+1] = cos(t / 10000^(2i/D))
    The table is a buffer, not trained. Vaswani et al. 2017, https://arxiv.org/abs/1706.03762

    Args:
        max_length: positions in the table.
        d_model: features D.
    """

    def __init__(self, max_length: int, d_model: int) -> None:
        super().__init__()
        check_sizes("SinusoidalPositions", max_length=max_length, d_model=d_model)
        self.register_buffer("table", sinusoids(max_length, d_model))
        self.table: Tensor

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model); the first of x is at position `start`."""
        check_length("SinusoidalPositions", x, start, self.table)
        return x + self.table.data[start : start + x.shape[-2]]

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.table.shape))


class LearnedPositions(Module):
    """x + weight[:T]: one vector a position, trained with the rest.

    weight (max_length, d_model) starts normal with deviation 0.02.
    """

    def __init__(self, max_length: int, d_model: int) -> None:
        super().__init__()
        check_sizes("LearnedPositions", max_length=max_length, d_model=d_model)
        self.weight = init.normal_(new(max_length, d_model), std=0.02)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model); the first of x is at position `start`."""
        check_length("LearnedPositions", x, start, self.weight)
        return x + self.weight[start : start + x.shape[-2]]

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))


def sinusoids(length: int, features: int) -> np.ndarray:
    """The table of `SinusoidalPositions`, (length, features), float32."""
    wave = np.arange(features) // 2 * 2
    angle = np.arange(length)[:, None] / 10000 ** (wave / features)
    return np.where(np.arange(features) % 2, np.cos(angle), np.sin(angle)).astype(np.float32)


def check_length(name: str, x: Tensor, start: int, table: Tensor) -> None:
    """Refuse positions that the table does not have, and features of another number."""
    most, features = table.shape
    if x.ndim < 2 or x.shape[-1] != features:
        raise ValueError(f"{name}: expected (..., T, {features}), got shape {x.shape}")
    if start < 0 or start + x.shape[-2] > most:
        raise ValueError(
            f"{name}: expected positions from 0 to {most - 1}, "
            f"got {x.shape[-2]} of them from {start} on"
        )
