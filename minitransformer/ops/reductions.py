"""Sums, means and extremes along axes. Backward: each input sees the result it went into."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node
from minitransformer.ops.checks import check_axes, check_floating

Axis = int | tuple[int, ...] | None


def spread(y: Any, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Any:
    """A reduced array as a view that broadcasts against the `shape` it was reduced from."""
    if axis is None:
        return y.reshape((1,) * len(shape))
    return y if keepdims else array_module(y).expand_dims(y, normal_axes(axis, len(shape)))


def normal_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes as a tuple of numbers from 0, all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int) else axis
    return tuple(i % ndim for i in axes)


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many entries are reduced into one."""
    n = 1
    for i in normal_axes(axis, len(shape)):
        n *= shape[i]
    return n


def check_entries(name: str, shape: tuple[int, ...], axis: Axis, more_than: int = 0) -> None:
    """Refuse axes that the shape does not have, or too few entries along them."""
    check_axes(name, shape, axis)
    if (n := count(shape, axis)) <= more_than:
        expected = f"more than {more_than} entries" if more_than else "at least one entry"
        raise ValueError(f"{name}: expected {expected} to reduce, got {n} in shape {shape}")


class Sum(Function, name="sum"):
    """y = Σ x: every entry passes the gradient on unchanged."""

    @staticmethod
    def check(x: Any, axis: Axis = None, keepdims: bool = False) -> None:
        check_axes("sum", x.shape, axis)

    @staticmethod
    def forward(ctx: Node, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        ctx.save(x.shape, axis, keepdims)
        return x.sum(axis=axis, keepdims=keepdims)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        shape, axis, keepdims = ctx.saved
        dx = array_module(dy).empty(shape, dy.dtype)
        dx[...] = spread(dy, shape, axis, keepdims)
        return (dx,)


class Mean(Function, name="mean"):
    """y = Σ x / n."""

    @staticmethod
    def check(x: Any, axis: Axis = None, keepdims: bool = False) -> None:
        check_entries("mean", x.shape, axis)

    @staticmethod
    def forward(ctx: Node, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        n = count(x.shape, axis)
        ctx.save(x.shape, axis, keepdims, n)
        return x.mean(axis=axis, keepdims=keepdims)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        shape, axis, keepdims, n = ctx.saved
        dx = array_module(dy).empty(shape, dy.dtype)
        dx[...] = spread(dy / n, shape, axis, keepdims)
        return (dx,)


class Max(Function, name="max"):
    """y = max x: the gradient goes to the largest entry; ties share it evenly."""

    @staticmethod
    def check(x: Any, axis: Axis = None, keepdims: bool = False) -> None:
        check_entries("max", x.shape, axis)

    @staticmethod
    def forward(ctx: Node, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        y = x.max(axis=axis, keepdims=keepdims)
        ctx.save(x, y, axis, keepdims)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (to_matches(ctx, dy),)


class Min(Function, name="min"):
    """y = min x: the gradient goes to the smallest entry; ties share it evenly."""

    @staticmethod
    def check(x: Any, axis: Axis = None, keepdims: bool = False) -> None:
        check_entries("min", x.shape, axis)

    @staticmethod
    def forward(ctx: Node, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        y = x.min(axis=axis, keepdims=keepdims)
        ctx.save(x, y, axis, keepdims)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (to_matches(ctx, dy),)


def to_matches(ctx: Node, dy: Any) -> Any:
    """dy shared among the entries of x that equal their extreme y."""
    x, y, axis, keepdims = ctx.saved
    matches = x == spread(y, x.shape, axis, keepdims)
    ties = matches.sum(axis=axis, keepdims=True).astype(x.dtype)
    return matches * (spread(dy, x.shape, axis, keepdims) / ties)


class Var(Function, name="var"):
    """y = Σ (x - mean)² / (n - correction): dy/dx = 2 (x - mean) / (n - correction).

    The mean moves with x too, but distances from the mean sum to 0, so that term vanishes.
    """

    @staticmethod
    def check(x: Any, axis: Axis = None, correction: int = 1, keepdims: bool = False) -> None:
        check_entries("var", x.shape, axis, more_than=correction)

    @staticmethod
    def forward(
        ctx: Node, x: Any, axis: Axis = None, correction: int = 1, keepdims: bool = False
    ) -> Any:
        n = count(x.shape, axis) - correction
        centred = x - x.mean(axis=axis, keepdims=True)
        ctx.save(centred, n, axis, keepdims)
        return (centred * centred).sum(axis=axis, keepdims=keepdims) / n

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        centred, n, axis, keepdims = ctx.saved
        return (centred * (spread(dy, centred.shape, axis, keepdims) * (2 / n)),)


class MaskedMean(Function, name="masked_mean"):
    """y_b = Σ_t m_bt x_bt / Σ_t m_bt: the mean over a sequence's real tokens.

    x (B, T, D), mask (B, T), True at real tokens -> y (B, D). What stands at the padding,
    even a NaN, has no effect.
    """

    @staticmethod
    def check(x: Any, mask: Any) -> None:
        check_floating("masked_mean", x)
        if x.ndim != 3 or mask.shape != x.shape[:2]:
            raise ValueError(
                "masked_mean: expected input (B, T, D) and mask (B, T), "
                f"got {x.shape} and {mask.shape}"
            )
        if mask.dtype != bool:
            raise TypeError(f"masked_mean: expected a boolean mask, got {mask.dtype}")
        empty = ~mask.any(axis=1)
        if bool(empty.any()):
            row = int(empty.argmax())
            raise ValueError(f"masked_mean: expected a real token in every row, row {row} has none")

    @staticmethod
    def forward(ctx: Node, x: Any, mask: Any) -> Any:
        share = mask / mask.sum(axis=1, keepdims=True)  # of each token in its row's mean
        share = share.astype(x.dtype)[..., None]
        ctx.save(share)
        zero = x.dtype.type(0)
        return (array_module(x).where(mask[..., None], x, zero) * share).sum(axis=1)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (share,) = ctx.saved
        return dy[:, None] * share, None
