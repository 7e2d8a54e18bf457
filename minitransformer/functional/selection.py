"""Choosing among tensors, and joining them."""

from collections.abc import Sequence

from minitransformer import ops
from minitransformer.functional.inputs import Input, beside
from minitransformer.tensor import Tensor


def maximum(a: Input, b: Input) -> Tensor:
    """The larger of two, elementwise."""
    return ops.Maximum.apply(a, b)


def minimum(a: Input, b: Input) -> Tensor:
    """The smaller of two, elementwise."""
    return ops.Minimum.apply(a, b)


def where(condition: Input, a: Input, b: Input) -> Tensor:
    """`a` where the condition holds, else `b`."""
    return ops.Where.apply(beside(condition, a if hasattr(a, "shape") else b), a, b)


def concatenate(xs: Sequence[Input], axis: int = 0, *, dim: int | None = None) -> Tensor:
    """Tensors end to end along an axis."""
    return ops.Concatenate.apply(*xs, axis=axis if dim is None else dim)


def stack(xs: Sequence[Input], axis: int = 0, *, dim: int | None = None) -> Tensor:
    """Tensors of one shape along a new axis."""
    return ops.Stack.apply(*xs, axis=axis if dim is None else dim)


def pad(x: Input, pad_width: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """`value` around the edges: (before, after) for each axis."""
    return ops.Pad.apply(x, pad_width=tuple(map(tuple, pad_width)), value=value)
