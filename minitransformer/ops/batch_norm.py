"""Normalisation of each channel over the batch and all its positions."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node
from minitransformer.ops.checks import check_dtypes, check_floating


class BatchNorm(Function, name="batch_norm"):
    """y = x̂ · weight + bias, where x̂ = (x - mean) / √(variance + eps), for each channel.

    x (B, C, ...), weight (C,), bias (C,) -> y (B, C, ...). Mean and variance are the batch's:
    over all axes but the second, divided by their number n. A list given as `statistics`
    receives them, (C,) each, for whoever keeps running ones.
    Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
    """

    @staticmethod
    def check(
        x: Any,
        weight: Any = None,
        bias: Any = None,
        eps: float = 1e-5,
        statistics: list | None = None,
    ) -> None:
        check_channels("batch_norm", x, weight=weight, bias=bias)
        if x.shape[1] and x.size < 2 * x.shape[1]:
            raise ValueError(
                "batch_norm: expected more than one entry a channel in training, "
                f"got input shape {x.shape}"
            )

    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        weight: Any = None,
        bias: Any = None,
        eps: float = 1e-5,
        statistics: list | None = None,
    ) -> Any:
        axes = (0, *range(2, x.ndim))
        mean = x.mean(axis=axes, keepdims=True)
        centred = x - mean
        variance = (centred * centred).mean(axis=axes, keepdims=True)
        rstd = 1 / array_module(x).sqrt(variance + eps)
        y = xhat = centred * rstd
        if weight is not None:
            y = y * per_channel(weight, x)
        if bias is not None:
            y = y + per_channel(bias, x)
        if statistics is not None:
            statistics += [mean.reshape(-1), variance.reshape(-1)]
        ctx.save(xhat, rstd, weight, axes)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        # As in layer norm, with the batch in the place of the features: the mean and the
        # deviation of a channel move with all of its entries. weight and bias are the same for
        # a whole channel, so their gradients are the sums that dx needs anyway.
        xhat, rstd, weight, axes = ctx.saved
        dbias, dweight = dy.sum(axis=axes), (dy * xhat).sum(axis=axes)
        dx = None
        if ctx.needs[0]:
            n = dy.size // max(dy.shape[1], 1)
            mean, along = per_channel(dbias, dy) / n, per_channel(dweight, dy) / n
            scale = rstd if weight is None else rstd * per_channel(weight, dy)
            dx = scale * (dy - mean - xhat * along)
        gradients = dx, dweight, dbias
        return tuple([g if need else None for g, need in zip(gradients, ctx.needs, strict=False)])


def per_channel(parameter: Any, x: Any) -> Any:
    """One number a channel, (C,), so that it broadcasts against x (B, C, ...)."""
    return parameter.reshape(-1, *(1,) * (x.ndim - 2))


def check_channels(name: str, x: Any, **parameters: Any) -> None:
    """Refuse an input without channels, or parameters that are not one number for each."""
    check_floating(name, x)
    if x.ndim < 2:
        raise ValueError(f"{name}: input should be (B, C, ...), got shape {x.shape}")
    check_dtypes(name, input=x, **parameters)
    expected = x.shape[1:2]
    for label, parameter in parameters.items():
        if parameter is not None and parameter.shape != expected:
            raise ValueError(f"{name}: {label} should be {expected}, got {parameter.shape}")
