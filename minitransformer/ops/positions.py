"""Positions: features turned by where their token stands."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node
from minitransformer.ops.checks import check_floating


class Rotary(Function, name="rotary"):
    """Each pair of features turned by an angle that grows with the position.

    (y_2i, y_2i+1) = (x_2i cos a - x_2i+1 sin a, x_2i sin a + x_2i+1 cos a),
    a = (start + t) / base^(2i/D);  x (..., T, D) -> y (..., T, D)
    The product of two vectors then depends on their distance alone, not on where they stand.
    Pairs are neighbours, as in the paper; where a model pairs feature i with i + D/2, its
    features are those of ours in another order.
    Su et al. 2021, https://arxiv.org/abs/2104.09864
    """

    @staticmethod
    def check(x: Any, base: float = 10000.0, start: int = 0) -> None:
        check_floating("rotary", x)
        if x.ndim < 2 or x.shape[-1] % 2:
            raise ValueError(
                f"rotary: input should be (..., T, D) with an even D, got shape {x.shape}"
            )
        if start < 0:
            raise ValueError(f"rotary: start should not be negative, got {start}")
        if not base > 0:
            raise ValueError(f"rotary: base should be positive, got {base}")

    @staticmethod
    def forward(ctx: Node, x: Any, base: float = 10000.0, start: int = 0) -> Any:
        xp, (length, features) = array_module(x), x.shape[-2:]
        speed = base ** (-xp.arange(0, features, 2) / features)
        angle = xp.arange(start, start + length)[:, None] * speed
        cos, sin = xp.cos(angle).astype(x.dtype), xp.sin(angle).astype(x.dtype)
        ctx.save(cos, sin)
        return turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        # A rotation's transpose is the rotation back.
        cos, sin = ctx.saved
        return (turned(dy, cos, -sin),)


def turned(x: Any, cos: Any, sin: Any) -> Any:
    """Neighbouring pairs of features, turned."""
    first, second = x[..., 0::2], x[..., 1::2]
    y = array_module(x).empty(x.shape, x.dtype)
    y[..., 0::2] = first * cos - second * sin
    y[..., 1::2] = first * sin + second * cos
    return y
