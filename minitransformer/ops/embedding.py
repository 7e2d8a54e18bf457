"""A table of vectors, looked up by number."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node


class Embedding(Function, name="embedding"):
    """y[...] = weight[indices[...]].

    weight (V, D), integer indices (...) -> y (..., D). A row used several times gets the
    sum of its gradients.
    """

    @staticmethod
    def check(weight: Any, indices: Any) -> None:
        if weight.ndim != 2:
            raise ValueError(f"embedding: weight should be (V, D), got shape {weight.shape}")
        check_indices("embedding", "indices", indices, weight.shape[0])

    @staticmethod
    def forward(ctx: Node, weight: Any, indices: Any) -> Any:
        ctx.save(weight.shape, indices)
        return weight[indices]

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        shape, indices = ctx.saved
        xp = array_module(dy)
        dweight = xp.zeros(shape, dy.dtype)
        xp.add.at(dweight, indices, dy)
        return dweight, None


def check_indices(name: str, label: str, indices: Any, size: int) -> None:
    """Refuse what is not an integer from 0 to size - 1: NumPy would wrap a negative one."""
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name}: {label} should be integers, got {indices.dtype}")
    if indices.size == 0:
        return
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= size:
        raise IndexError(
            f"{name}: {label} should be from 0 to {size - 1}, got {low if low < 0 else high}"
        )
