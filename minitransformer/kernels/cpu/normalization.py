"""Layer norm and RMS norm over the last axis: a row is read once from memory, written once.

The gradients of weight and bias sum over all rows: each chunk sums its own, and the sums of
the chunks are added in order, so that timing cannot change a bit of the result.
"""

from math import sqrt
from typing import Any

import numpy as np
from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.rows import as_rows, contiguous, fits
from minitransformer.kernels.cpu.runtime import chunks_for, kernel, share
from minitransformer.kernels.cpu.sums import dot, moment, spread, total


@accelerates(ops.LayerNorm, device="cpu")
class LayerNorm:
    """Saves x with each row's mean and 1 / deviation, and not the normalised rows."""

    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        weight: Any = None,
        bias: Any = None,
        eps: float = 1e-5,
        normalized_ndim: int = 1,
    ) -> Any:
        if not fits(x) or normalized_ndim != 1:
            return NotImplemented
        rows, y = as_rows(x), memory.empty(x.shape, x.dtype)
        weight = parameter(weight, 1, x)
        mean, rstd = np.empty((2, len(rows)), x.dtype)
        eps = x.dtype.type(eps)
        chunks = chunks_for(x.size)
        layer_norm_rows(rows, weight, parameter(bias, 0, x), eps, as_rows(y), mean, rstd, chunks)
        ctx.save(rows, weight, mean, rstd, x.shape)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        rows, weight, mean, rstd, shape = ctx.saved
        dx, chunks = memory.empty(shape, dy.dtype), chunks_for(dy.size)
        sums = np.zeros((chunks, 2, len(weight)), dy.dtype)
        layer_norm_gradient(rows, weight, mean, rstd, as_rows(dy), as_rows(dx), sums, chunks)
        dweight, dbias = sums.sum(axis=0)
        return (dx, dweight, dbias)[: len(ctx.needs)]


@accelerates(ops.RMSNorm, device="cpu")
class RMSNorm:
    """Saves x and each row's 1 / root mean square."""

    @staticmethod
    def forward(
        ctx: Node, x: Any, weight: Any = None, eps: float = 1e-5, normalized_ndim: int = 1
    ) -> Any:
        if not fits(x) or normalized_ndim != 1:
            return NotImplemented
        rows, y = as_rows(x), memory.empty(x.shape, x.dtype)
        weight = parameter(weight, 1, x)
        rstd = np.empty(len(rows), x.dtype)
        rms_norm_rows(rows, weight, x.dtype.type(eps), as_rows(y), rstd, chunks_for(x.size))
        ctx.save(rows, weight, rstd, x.shape)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        rows, weight, rstd, shape = ctx.saved
        dx, chunks = memory.empty(shape, dy.dtype), chunks_for(dy.size)
        sums = np.zeros((chunks, len(weight)), dy.dtype)
        rms_norm_gradient(rows, weight, rstd, as_rows(dy), as_rows(dx), sums, chunks)
        return (dx, sums.sum(axis=0))[: len(ctx.needs)]


def parameter(given: Any, otherwise: float, x: Any) -> Any:
    """A weight or bias; what has no effect in the place of one left out."""
    return np.full(x.shape[-1], otherwise, x.dtype) if given is None else contiguous(given)


@kernel
def layer_norm_rows(x, weight, bias, eps, y, mean, rstd, chunks):
    real = x.dtype.type
    for chunk in prange(chunks):
        for i in share(len(x), chunk, chunks):
            row, out = x[i], y[i]
            centre = total(row) / real(row.size)
            variance = spread(row, centre) / real(row.size)
            scale = real(1) / real(sqrt(variance + eps))
            for j in range(row.size):
                out[j] = (row[j] - centre) * scale * weight[j] + bias[j]
            mean[i], rstd[i] = centre, scale


@kernel
def layer_norm_gradient(x, weight, mean, rstd, dy, dx, sums, chunks):
    """With g = dy · weight: dx = rstd (g - mean(g) - x̂ mean(g x̂)); dweight = Σ dy x̂."""
    real = x.dtype.type
    for chunk in prange(chunks):
        dweight, dbias = sums[chunk, 0], sums[chunk, 1]
        for i in share(len(x), chunk, chunks):
            row, g, out = x[i], dy[i], dx[i]
            centre, scale = mean[i], rstd[i]
            mean_g = dot(g, weight) / real(row.size)
            along = scale * moment(row, centre, g, weight) / real(row.size)
            for j in range(row.size):
                xhat = (row[j] - centre) * scale
                dweight[j] += g[j] * xhat
                dbias[j] += g[j]
                out[j] = scale * (g[j] * weight[j] - mean_g - xhat * along)


@kernel
def rms_norm_rows(x, weight, eps, y, rstd, chunks):
    real = x.dtype.type
    for chunk in prange(chunks):
        for i in share(len(x), chunk, chunks):
            row, out = x[i], y[i]
            scale = real(1) / real(sqrt(dot(row, row) / real(row.size) + eps))
            for j in range(row.size):
                out[j] = row[j] * scale * weight[j]
            rstd[i] = scale


@kernel
def rms_norm_gradient(x, weight, rstd, dy, dx, sums, chunks):
    """With g = dy · weight: dx = rstd (g - x̂ mean(g x̂)); dweight = Σ dy x̂."""
    real = x.dtype.type
    for chunk in prange(chunks):
        dweight = sums[chunk]
        for i in share(len(x), chunk, chunks):
            row, g, out, scale = x[i], dy[i], dx[i], rstd[i]
            along = scale * moment(row, real(0), g, weight) / real(row.size)
            for j in range(row.size):
                xhat = row[j] * scale
                dweight[j] += g[j] * xhat
                out[j] = scale * (g[j] * weight[j] - xhat * along)
