"""Softmax and its logarithm over the last axis: one block of threads a row."""

from typing import Any

from minitransformer import ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cuda.launch import Kernel, threads_for
from minitransformer.kernels.cuda.rows import contiguous, empty, fits

softmax_rows = Kernel("softmax", "softmax_rows")
softmax_gradient = Kernel("softmax", "softmax_gradient")
log_softmax_rows = Kernel("softmax", "log_softmax_rows")
log_softmax_gradient = Kernel("softmax", "log_softmax_gradient")


@accelerates(ops.Softmax, device="cuda")
class Softmax:
    @staticmethod
    def forward(ctx: Node, x: Any, axis: int = -1) -> Any:
        if not over_rows(x, axis):
            return NotImplemented
        y = by_rows(softmax_rows, x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (by_rows(softmax_gradient, *ctx.saved, dy),)


@accelerates(ops.LogSoftmax, device="cuda")
class LogSoftmax:
    @staticmethod
    def forward(ctx: Node, x: Any, axis: int = -1) -> Any:
        if not over_rows(x, axis):
            return NotImplemented
        y = by_rows(log_softmax_rows, x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (by_rows(log_softmax_gradient, *ctx.saved, dy),)


def over_rows(x: Any, axis: int) -> bool:
    return fits(x) and x.ndim > 0 and axis in (-1, x.ndim - 1) and x.shape[-1] > 0


def by_rows(kernel: Kernel, *arrays: Any) -> Any:
    """A new array like the first, filled by `kernel(*arrays, out, columns)`, a block a row."""
    shape = arrays[0].shape
    columns, out = shape[-1], empty(arrays[0], shape)
    kernel(out.size // columns, threads_for(columns), *map(contiguous, arrays), out, columns)
    return out
