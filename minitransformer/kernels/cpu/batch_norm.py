"""Batch norm of images: a thread takes some channels, and each channel's planes three times.

A batch without positions, (B, C), is left to the textbook: NumPy adds its rows as fast.
"""

from math import sqrt
from typing import Any

import numpy as np
from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.rows import contiguous, fits
from minitransformer.kernels.cpu.runtime import chunks_for, helper, kernel, share
from minitransformer.kernels.cpu.sums import shifted, spread, sum_of_products, total


@accelerates(ops.BatchNorm, device="cpu")
class BatchNorm:
    """Saves x with each channel's mean and 1 / deviation, and not the normalised planes."""

    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        weight: Any = None,
        bias: Any = None,
        eps: float = 1e-5,
        statistics: list | None = None,
    ) -> Any:
        if not fits(x) or x.ndim == 2 or x.size == 0:
            return NotImplemented
        planes, y = as_planes(x), memory.empty(x.shape, x.dtype)
        mean, variance, rstd = np.empty((3, x.shape[1]), x.dtype)
        weight, bias = parameter(weight, 1, mean), parameter(bias, 0, mean)
        eps, chunks = x.dtype.type(eps), chunks_for(x.size)
        batch_norm_planes(planes, weight, bias, eps, as_planes(y), mean, variance, rstd, chunks)
        if statistics is not None:
            statistics += [mean, variance]
        ctx.save(planes, weight, mean, rstd, x.shape)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        planes, weight, mean, rstd, shape = ctx.saved
        dx, (dweight, dbias) = memory.empty(shape, dy.dtype), np.empty((2, len(mean)), dy.dtype)
        arrays = planes, weight, mean, rstd, as_planes(dy), as_planes(dx), dweight, dbias
        batch_norm_gradient(*arrays, chunks_for(dy.size))
        return (dx, dweight, dbias)[: len(ctx.needs)]


def as_planes(x: Any) -> Any:
    """(B, C, ...) with all positions along one axis, dense."""
    return contiguous(x).reshape(*x.shape[:2], -1)


def parameter(given: Any, otherwise: float, like: Any) -> Any:
    """A weight or bias; what has no effect in the place of one left out."""
    return np.full_like(like, otherwise) if given is None else contiguous(given)


@helper
def along(x, centre, g):
    """Σ (x - centre) g of two dense rows."""
    return sum_of_products(x.size, (shifted(x, centre), shifted(g, 0)))


@kernel
def batch_norm_planes(x, weight, bias, eps, y, mean, variance, rstd, chunks):
    real = x.dtype.type
    batch, channels, positions = x.shape
    n = real(batch * positions)
    for chunk in prange(chunks):
        for c in share(channels, chunk, chunks):
            centre, around = real(0), real(0)
            for b in range(batch):
                centre += total(x[b, c]) / n
            for b in range(batch):
                around += spread(x[b, c], centre) / n
            scale = real(1) / real(sqrt(around + eps))
            for b in range(batch):
                plane, out = x[b, c], y[b, c]
                for i in range(positions):
                    out[i] = (plane[i] - centre) * scale * weight[c] + bias[c]
            mean[c], variance[c], rstd[c] = centre, around, scale


@kernel
def batch_norm_gradient(x, weight, mean, rstd, dy, dx, dweight, dbias, chunks):
    """dx = weight · rstd (dy - mean(dy) - x̂ mean(dy x̂)) over each channel."""
    real = x.dtype.type
    batch, channels, positions = x.shape
    n = real(batch * positions)
    for chunk in prange(chunks):
        for c in share(channels, chunk, chunks):
            centre, scale, sum_g, sum_gx = mean[c], rstd[c], real(0), real(0)
            for b in range(batch):
                sum_g += total(dy[b, c])
                sum_gx += scale * along(x[b, c], centre, dy[b, c])
            for b in range(batch):
                plane, g, out = x[b, c], dy[b, c], dx[b, c]
                for i in range(positions):
                    xhat = (plane[i] - centre) * scale
                    out[i] = weight[c] * scale * (g[i] - sum_g / n - xhat * (sum_gx / n))
            dweight[c], dbias[c] = sum_gx, sum_g
