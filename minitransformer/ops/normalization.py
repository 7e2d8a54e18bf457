"""Normalisation of the last axes: layer norm and RMS norm."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node
from minitransformer.ops.checks import check_dtypes, check_floating


class LayerNorm(Function, name="layer_norm"):
    """y = x̂ · weight + bias, where x̂ = (x - mean) / √(variance + eps).

    x (..., D), weight (D,), bias (D,) -> y (..., D); the variance divides by D.
    `normalized_ndim` last axes are taken together as D.
    Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450
    """

    @staticmethod
    def check(
        x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, normalized_ndim: int = 1
    ) -> None:
        check_parameters("layer_norm", x, normalized_ndim, weight=weight, bias=bias)

    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        weight: Any = None,
        bias: Any = None,
        eps: float = 1e-5,
        normalized_ndim: int = 1,
    ) -> Any:
        axes = tuple(range(-normalized_ndim, 0))
        centred = x - x.mean(axis=axes, keepdims=True)
        variance = (centred * centred).mean(axis=axes, keepdims=True)
        rstd = 1 / array_module(x).sqrt(variance + eps)
        y = xhat = centred * rstd
        if weight is not None:
            y = y * weight
        if bias is not None:
            y = y + bias
        ctx.save(xhat, rstd, weight, axes)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        # The mean and the deviation move with x: dx is dx̂ without its mean and without its
        # share along x̂, the two directions that normalising takes away.
        xhat, rstd, weight, axes = ctx.saved
        dx = dweight = dbias = None
        if ctx.needs[0]:
            g = dy if weight is None else dy * weight
            along = (g * xhat).mean(axis=axes, keepdims=True)
            dx = rstd * (g - g.mean(axis=axes, keepdims=True) - xhat * along)
        batch = tuple(range(dy.ndim - len(axes)))
        if ctx.needs[1:2] == (True,):
            dweight = (dy * xhat).sum(axis=batch)
        if ctx.needs[2:3] == (True,):
            dbias = dy.sum(axis=batch)
        return (dx, dweight, dbias)[: len(ctx.needs)]


class RMSNorm(Function, name="rms_norm"):
    """y = x̂ · weight, where x̂ = x / √(mean(x²) + eps): layer norm without the mean.

    Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467
    """

    @staticmethod
    def check(x: Any, weight: Any = None, eps: float = 1e-5, normalized_ndim: int = 1) -> None:
        check_parameters("rms_norm", x, normalized_ndim, weight=weight)

    @staticmethod
    def forward(
        ctx: Node, x: Any, weight: Any = None, eps: float = 1e-5, normalized_ndim: int = 1
    ) -> Any:
        axes = tuple(range(-normalized_ndim, 0))
        rstd = 1 / array_module(x).sqrt((x * x).mean(axis=axes, keepdims=True) + eps)
        xhat = x * rstd
        ctx.save(xhat, rstd, weight, axes)
        return xhat if weight is None else xhat * weight

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        xhat, rstd, weight, axes = ctx.saved
        g = dy if weight is None else dy * weight
        dx = rstd * (g - xhat * (g * xhat).mean(axis=axes, keepdims=True))
        if len(ctx.needs) == 1:
            return (dx,)
        batch = tuple(range(dy.ndim - len(axes)))
        return dx, (dy * xhat).sum(axis=batch) if ctx.needs[1] else None


def check_parameters(name: str, x: Any, ndim: int, **parameters: Any) -> None:
    """Refuse a weight or bias that is not of the shape of the last `ndim` axes of x."""
    check_floating(name, x)
    check_dtypes(name, input=x, **parameters)
    if not 1 <= ndim <= x.ndim:
        raise ValueError(f"{name}: cannot normalise {ndim} axes of shape {x.shape}")
    expected = x.shape[x.ndim - ndim :]
    if 0 in expected:
        raise ValueError(f"{name}: expected at least one entry to normalise, got {x.shape}")
    for label, parameter in parameters.items():
        if parameter is not None and parameter.shape != expected:
            raise ValueError(f"{name}: {label} should be {expected}, got {parameter.shape}")
