"""Softmax and its logarithm."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node


class Softmax(Function, name="softmax"):
    """Exponentials along an axis, scaled to sum to one.

    y_i = exp(x_i) / Σ_j exp(x_j)          x (..., D) -> y (..., D)
    The maximum is subtracted first: it cancels, and keeps exp from overflowing.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, axis: int = -1) -> Any:
        y = exp_shifted(x, axis)
        y /= y.sum(axis=axis, keepdims=True)
        ctx.save(y, axis)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        # Every output of a row depends on every input of it:
        # dy_i/dx_j = y_i (1[i=j] - y_j), so the row's mean gradient, weighted by y, is taken away.
        y, axis = ctx.saved
        return (y * (dy - (dy * y).sum(axis=axis, keepdims=True)),)


class LogSoftmax(Function, name="log_softmax"):
    """y_i = x_i - log Σ_j exp(x_j), exact where softmax would round to 0."""

    @staticmethod
    def forward(ctx: Node, x: Any, axis: int = -1) -> Any:
        y = x - log_sum_exp(x, axis)
        ctx.save(y, axis)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        # dy_i/dx_j = 1[i=j] - softmax(x)_j
        y, axis = ctx.saved
        return (dy - array_module(y).exp(y) * dy.sum(axis=axis, keepdims=True),)


def exp_shifted(x: Any, axis: int) -> Any:
    """exp(x - max x): at most 1, and at least one of each row is 1."""
    return array_module(x).exp(x - x.max(axis=axis, keepdims=True))


def log_sum_exp(x: Any, axis: int) -> Any:
    """log Σ exp(x) along an axis, kept as an axis of size 1."""
    return array_module(x).log(exp_shifted(x, axis).sum(axis=axis, keepdims=True)) + x.max(
        axis=axis, keepdims=True
    )
