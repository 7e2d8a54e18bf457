"""Softmax and its logarithm over the last axis: each row is finished while it is in cache."""

from math import log
from typing import Any

from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.rows import as_rows, fits
from minitransformer.kernels.cpu.runtime import chunks_for, kernel, share
from minitransformer.kernels.cpu.sums import dot, total
from minitransformer.kernels.cpu.vector_math import exp, row_max


@accelerates(ops.Softmax, device="cpu")
class Softmax:
    @staticmethod
    def forward(ctx: Node, x: Any, axis: int = -1) -> Any:
        if not over_rows(x, axis):
            return NotImplemented
        y = memory.empty(x.shape, x.dtype)
        softmax_rows(as_rows(x), as_rows(y), chunks_for(x.size))
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (y,) = ctx.saved
        dx = memory.empty(y.shape, y.dtype)
        softmax_gradient(as_rows(y), as_rows(dy), as_rows(dx), chunks_for(y.size))
        return (dx,)


@accelerates(ops.LogSoftmax, device="cpu")
class LogSoftmax:
    @staticmethod
    def forward(ctx: Node, x: Any, axis: int = -1) -> Any:
        if not over_rows(x, axis):
            return NotImplemented
        y = memory.empty(x.shape, x.dtype)
        log_softmax_rows(as_rows(x), as_rows(y), chunks_for(x.size))
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (y,) = ctx.saved
        dx = memory.empty(y.shape, y.dtype)
        log_softmax_gradient(as_rows(y), as_rows(dy), as_rows(dx), chunks_for(y.size))
        return (dx,)


def over_rows(x: Any, axis: int) -> bool:
    return fits(x) and x.ndim > 0 and axis in (-1, x.ndim - 1) and x.shape[-1] > 0


@kernel
def softmax_rows(x, y, chunks):
    real = x.dtype.type
    for chunk in prange(chunks):
        for i in share(len(x), chunk, chunks):
            row, out = x[i], y[i]
            top = row_max(row)
            for j in range(row.size):
                out[j] = exp(row[j] - top)
            scale = real(1) / total(out)
            for j in range(row.size):
                out[j] *= scale


@kernel
def softmax_gradient(y, dy, dx, chunks):
    for chunk in prange(chunks):
        for i in share(len(y), chunk, chunks):
            row, g, out = y[i], dy[i], dx[i]
            mean = dot(row, g)
            for j in range(row.size):
                out[j] = row[j] * (g[j] - mean)


@kernel
def log_softmax_rows(x, y, chunks):
    real = x.dtype.type
    for chunk in prange(chunks):
        for i in share(len(x), chunk, chunks):
            row, out = x[i], y[i]
            top = row_max(row)
            for j in range(row.size):
                out[j] = exp(row[j] - top)
            # Two subtractions: where logits are huge, top + shift would lose the second.
            shift = real(log(total(out)))
            for j in range(row.size):
                out[j] = (row[j] - top) - shift


@kernel
def log_softmax_gradient(y, dy, dx, chunks):
    for chunk in prange(chunks):
        for i in share(len(y), chunk, chunks):
            row, g, out = y[i], dy[i], dx[i]
            whole = total(g)
            for j in range(row.size):
                out[j] = g[j] - exp(row[j]) * whole
