"""The plain layers: Linear, Embedding, Dropout, Flatten."""

from math import prod
from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer.nn import init
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter
from minitransformer.ops.dropout import check_probability
from minitransformer.tensor import Tensor


class Linear(Module):
    """y = x weightᵀ + bias: (..., in_features) -> (..., out_features).

    weight (out_features, in_features) and bias start uniform within ±1/√in_features.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        check_sizes("Linear", in_features=in_features, out_features=out_features)
        self.weight = init.fan_in_uniform_(new(out_features, in_features), in_features)
        self.bias = init.fan_in_uniform_(new(out_features), in_features) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        out_features, in_features = self.weight.shape
        return f"{in_features}, {out_features}" + ("" if self.bias is not None else ", bias=False")


class Embedding(Module):
    """Rows of a table: integers (...) from 0 to num_embeddings - 1 -> (..., embedding_dim).

    weight (num_embeddings, embedding_dim) starts standard normal.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.weight = init.normal_(new(num_embeddings, embedding_dim))

    def forward(self, indices: Any) -> Tensor:
        return F.embedding(indices, self.weight)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))


class Dropout(Module):
    """In training, zero each entry with probability p and scale the others by 1 / (1 - p)."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        check_probability("Dropout", p)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return str(self.p)


class Flatten(Module):
    """The axes from start_dim to end_dim as one: (B, C, H, W) -> (B, C · H · W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        start, end = self.start_dim % x.ndim, self.end_dim % x.ndim
        merged = prod(x.shape[start : end + 1])
        return x.reshape(*x.shape[:start], merged, *x.shape[end + 1 :])


def new(*shape: int) -> Parameter:
    """An unfilled float32 parameter."""
    return Parameter(np.empty(shape, np.float32))


def check_sizes(name: str, **sizes: Any) -> None:
    """Refuse sizes that are not positive integers."""
    for label, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"{name}: {label} should be a positive integer, got {size!r}")
