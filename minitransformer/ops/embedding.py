"""A table of vectors, looked up by number."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node
from minitransformer.ops.checks import check_indices


class Embedding(Function, name="embedding", from_host=(1,)):
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
