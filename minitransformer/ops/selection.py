"""Ops that choose: the gradient goes to what was chosen."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node


class Maximum(Function, name="maximum", broadcasts=True):
    """y = max(a, b), elementwise; where they tie, each gets half the gradient."""

    @staticmethod
    def forward(ctx: Node, a: Any, b: Any) -> Any:
        xp = array_module(b if isinstance(a, int | float) else a)
        y = xp.maximum(a, b)
        ctx.save(a, b, y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return share_by_match(dy, *ctx.saved)


class Minimum(Function, name="minimum", broadcasts=True):
    """y = min(a, b), elementwise; where they tie, each gets half the gradient."""

    @staticmethod
    def forward(ctx: Node, a: Any, b: Any) -> Any:
        xp = array_module(b if isinstance(a, int | float) else a)
        y = xp.minimum(a, b)
        ctx.save(a, b, y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return share_by_match(dy, *ctx.saved)


def share_by_match(dy: Any, a: Any, b: Any, y: Any) -> tuple:
    """dy to the one of a and b that equals y, halves to both where both do."""
    from_a, from_b = a == y, b == y
    half = dy / (from_a.astype(dy.dtype) + from_b)
    return half * from_a, half * from_b


class Where(Function, name="where", broadcasts=True):
    """y = a where the condition holds, else b."""

    @staticmethod
    def forward(ctx: Node, condition: Any, a: Any, b: Any) -> Any:
        ctx.save(condition)
        y = array_module(condition).where(condition, a, b)
        if y.dtype == "float64" and not hasattr(a, "dtype") and not hasattr(b, "dtype"):
            return y.astype("float32")  # Python floats are float32, as everywhere
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (condition,) = ctx.saved
        xp = array_module(dy)
        zero = dy.dtype.type(0)
        da = xp.where(condition, dy, zero) if ctx.needs[1] else None
        db = xp.where(condition, zero, dy) if ctx.needs[2] else None
        return None, da, db


class Clip(Function, name="clip"):
    """y = x held between low and high; outside them y is flat, and the gradient 0."""

    @staticmethod
    def check(x: Any, low: float | None = None, high: float | None = None) -> None:
        if low is None and high is None:
            raise ValueError("clip: expected low, high or both, got neither")

    @staticmethod
    def forward(ctx: Node, x: Any, low: float | None = None, high: float | None = None) -> Any:
        y = array_module(x).clip(x, low, high)
        ctx.save(x == y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (dy * ctx.saved[0],)
