"""Ops that move entries without changing them. Backward moves the gradient back."""

from typing import Any

import numpy as np

from minitransformer.devices import array_module, device_of, index_for, to_device
from minitransformer.function import Function
from minitransformer.graph import Node, unbroadcast
from minitransformer.ops.checks import check_axes, check_dtypes


class Reshape(Function, name="reshape"):
    """The same entries, in order, in another shape; one axis may be -1."""

    @staticmethod
    def forward(ctx: Node, x: Any, shape: tuple[int, ...]) -> Any:
        ctx.save(x.shape)
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (dy.reshape(ctx.saved[0]),)


class Permute(Function, name="permute"):
    """All axes in a new order: y[i, j, k] = x[k, i, j] for axes (1, 2, 0)."""

    @staticmethod
    def check(x: Any, axes: tuple[int, ...]) -> None:
        check_axes("permute", x.shape, axes)
        if len(axes) != x.ndim:
            raise ValueError(f"permute: expected each of {x.ndim} axes once, got {axes}")

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...]) -> Any:
        ctx.save(axes)
        return x.transpose(axes)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (axes,) = ctx.saved
        back = [0] * len(axes)
        for position, axis in enumerate(axes):
            back[axis] = position
        return (dy.transpose(back),)


class GetItem(Function, name="getitem"):
    """y = x[index]: slices, integer arrays, boolean masks.

    An entry taken several times gets the sum of its gradients.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, index: Any) -> Any:
        index = index_for(x, index)
        ctx.save(x.shape, index)
        return x[index]

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        shape, index = ctx.saved
        xp = array_module(dy)
        dx = xp.zeros(shape, dy.dtype)
        parts = index if isinstance(index, tuple) else (index,)
        if all(part is None or part is ... or isinstance(part, int | slice) for part in parts):
            dx[index] = dy  # nothing can be taken twice
        else:
            xp.add.at(dx, index, dy)
        return (dx,)


class Concatenate(Function, name="concatenate"):
    """Arrays end to end along an axis; each gets its own stretch of the gradient."""

    @staticmethod
    def check(*xs: Any, axis: int = 0) -> None:
        check_several("concatenate", xs)
        check_axes("concatenate", xs[0].shape, axis)

    @staticmethod
    def forward(ctx: Node, *xs: Any, axis: int = 0) -> Any:
        ctx.save([x.shape[axis] for x in xs], axis)
        return array_module(xs[0]).concatenate(xs, axis=axis)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        sizes, axis = ctx.saved
        return tuple(array_module(dy).split(dy, np.cumsum(sizes[:-1]).tolist(), axis=axis))


class Stack(Function, name="stack"):
    """Arrays of one shape along a new axis."""

    @staticmethod
    def check(*xs: Any, axis: int = 0) -> None:
        check_several("stack", xs)
        check_axes("stack", (len(xs), *xs[0].shape), axis)

    @staticmethod
    def forward(ctx: Node, *xs: Any, axis: int = 0) -> Any:
        ctx.save(axis)
        return array_module(xs[0]).stack(xs, axis=axis)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return tuple(array_module(dy).moveaxis(dy, ctx.saved[0], 0))


class Pad(Function, name="pad"):
    """`value` around the edges: `pad_width` is (before, after) for each axis."""

    @staticmethod
    def forward(ctx: Node, x: Any, pad_width: Any, value: float = 0.0) -> Any:
        if len(pad_width) != x.ndim or any(min(pair) < 0 for pair in pad_width):
            raise ValueError(
                f"pad: expected {x.ndim} pairs (before, after) of non-negative numbers, "
                f"got {pad_width}"
            )
        pairs = list(zip(pad_width, x.shape, strict=True))
        inside = tuple(slice(before, before + n) for (before, _), n in pairs)
        ctx.save(inside)
        y = array_module(x).full([sum(width) + n for width, n in pairs], value, x.dtype)
        y[inside] = x
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (dy[ctx.saved[0]],)


class BroadcastTo(Function, name="broadcast_to"):
    """Axes of size 1 repeated to `shape`; what was repeated is summed on the way back."""

    @staticmethod
    def forward(ctx: Node, x: Any, shape: tuple[int, ...]) -> Any:
        ctx.save(x.shape)
        return array_module(x).broadcast_to(x, shape)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (unbroadcast(dy, ctx.saved[0]),)


class Tril(Function, name="tril"):
    """The lower triangle of the last two axes, up to diagonal k; zeros above."""

    @staticmethod
    def forward(ctx: Node, x: Any, k: int = 0) -> Any:
        ctx.save(k)
        return array_module(x).tril(x, k)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (array_module(dy).tril(dy, ctx.saved[0]),)


class To(Function, name="to"):
    """The same values on another device, or in another floating dtype."""

    @staticmethod
    def forward(ctx: Node, x: Any, device: str | None = None, dtype: Any = None) -> Any:
        ctx.save(device_of(x), x.dtype)
        x = x if device is None else to_device(x, device)
        return x if dtype is None else x.astype(dtype)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        device, dtype = ctx.saved
        return (to_device(dy, device).astype(dtype),)


def check_several(name: str, xs: tuple) -> None:
    """Refuse no arrays at all, and dtypes that differ."""
    if not xs:
        raise ValueError(f"{name}: expected at least one tensor, got none")
    check_dtypes(name, **{f"input {i}": x for i, x in enumerate(xs)})
