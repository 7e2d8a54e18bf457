"""Elementwise nonlinearities."""

from math import pi, sqrt
from typing import Any

from minitransformer.devices import array_module, special_functions
from minitransformer.function import Function
from minitransformer.graph import Node
from minitransformer.ops.checks import check_floating


class ReLU(Function, name="relu"):
    """y = max(x, 0): the gradient passes where x > 0."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = array_module(x).maximum(x, 0)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (dy * (ctx.saved[0] > 0),)


class LeakyReLU(Function, name="leaky_relu"):
    """y = x where x > 0, else negative_slope · x."""

    @staticmethod
    def check(x: Any, negative_slope: float = 0.01) -> None:
        check_floating("leaky_relu", x)

    @staticmethod
    def forward(ctx: Node, x: Any, negative_slope: float = 0.01) -> Any:
        slope = array_module(x).where(x > 0, x.dtype.type(1), x.dtype.type(negative_slope))
        ctx.save(slope)
        return x * slope

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (dy * ctx.saved[0],)


class Sigmoid(Function, name="sigmoid"):
    """y = 1 / (1 + e^-x): dy/dx = y (1 - y)."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = sigmoid(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (y,) = ctx.saved
        return (dy * y * (1 - y),)


class Tanh(Function, name="tanh"):
    """y = tanh x: dy/dx = 1 - y²."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = array_module(x).tanh(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (y,) = ctx.saved
        return (dy * (1 - y * y),)


class SiLU(Function, name="silu"):
    """y = x σ(x), the sigmoid-weighted line: dy/dx = σ + x σ (1 - σ).

    Elfwing et al. 2017, https://arxiv.org/abs/1702.03118
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        gate = sigmoid(x)
        ctx.save(x, gate)
        return x * gate

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        x, gate = ctx.saved
        return (dy * (gate + x * gate * (1 - gate)),)


class GELU(Function, name="gelu"):
    """y = x Φ(x), with Φ the normal distribution function.

    approximate="none":  Φ = (1 + erf(x / √2)) / 2, so dy/dx = Φ + x φ, φ the normal density.
    approximate="tanh":  Φ ≈ σ(2u), u = √(2/π) (x + 0.044715 x³), so
                         dy/dx = σ + x σ (1 - σ) 2 du/dx.
    Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415
    """

    @staticmethod
    def check(x: Any, approximate: str = "none") -> None:
        check_floating("gelu", x)
        if approximate not in ("none", "tanh"):
            raise ValueError(f'gelu: approximate should be "none" or "tanh", got {approximate!r}')

    @staticmethod
    def forward(ctx: Node, x: Any, approximate: str = "none") -> Any:
        if approximate == "tanh":
            phi = sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x))
        else:
            phi = (0.5 * (1 + special_functions(x).erf(x * sqrt(0.5)))).astype(x.dtype)
        ctx.save(x, phi, approximate)
        return x * phi

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        x, phi, approximate = ctx.saved
        if approximate == "tanh":
            slope = phi * (1 - phi) * (2 * sqrt(2 / pi)) * (1 + 3 * 0.044715 * x * x)
        else:
            slope = array_module(x).exp(-0.5 * x * x) / sqrt(2 * pi)
        return (dy * (phi + x * slope),)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x), from e^-|x|, which cannot overflow and keeps small values exact."""
    xp = array_module(x)
    small = xp.exp(-abs(x))
    return xp.where(x >= 0, 1, small) / (1 + small)
