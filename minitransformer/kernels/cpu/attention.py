"""Attention without the matrix of weights: a block of query rows at a time, products by BLAS.

The scores of a block fit in cache, where they become weights, and are forgotten. Two numbers a
row are kept, its maximum and 1 / Σ exp, from which the backward pass makes the weights again:
so memory grows with T, not T². Dao et al. 2022, https://arxiv.org/abs/2205.14135
"""

from math import sqrt
from typing import Any

import numpy as np
from numba import prange

from minitransformer import ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu import blas
from minitransformer.kernels.cpu.blas import gemm
from minitransformer.kernels.cpu.dropout import kept, scale_of, threshold_of
from minitransformer.kernels.cpu.rows import empty_like_heads, fits, matrices
from minitransformer.kernels.cpu.runtime import chunks_for, helper, kernel, share
from minitransformer.kernels.cpu.vector_math import exp, row_max

BLOCK = 64  # query rows at a time


@accelerates(ops.Attention, device="cpu")
class Attention:
    @staticmethod
    def forward(
        ctx: Node,
        q: Any,
        k: Any,
        v: Any,
        attn_mask: Any = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        seed: int = 0,
    ) -> Any:
        if not (blas.library and fits(q) and q.ndim <= 4 and q.size and k.size and v.size):
            return NotImplemented
        if ctx.needs[3:] == (True,):
            return NotImplemented  # the gradient of a mask is as large as the weights
        real = q.dtype.type
        scale = real(1 / sqrt(q.shape[-1]) if scale is None else scale)
        mask = additive(attn_mask, (*q.shape[:-1], k.shape[-2]), q.dtype)
        drop = threshold_of(dropout_p), real(scale_of(dropout_p)), np.uint64(seed)
        options = scale, is_causal, mask, attn_mask is not None, dropout_p > 0, *drop
        y = empty_like_heads(q, v.shape[-1])
        norms = np.empty((*mask.shape[:3], 2), q.dtype)
        arrays = [matrices(x) for x in (q, k, v, y)]
        attention_rows(*arrays, norms, *options, chunks_for(mask.size))
        ctx.save(q, k, v, norms, options)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        q, k, v, norms, options = ctx.saved
        gradients = [empty_like_heads(x, x.shape[-1]) for x in (q, k, v)]
        arrays = [matrices(x) for x in (q, k, v, dy, *gradients)]
        attention_gradient(*arrays, norms, *options, chunks_for(options[2].size))
        return (*gradients, None)[: len(ctx.needs)]


def additive(mask: Any, scores: tuple[int, ...], dtype: Any) -> Any:
    """The mask as numbers to add, 0 and -∞ for a boolean one, seen in the scores' shape."""
    if mask is None:
        mask = np.zeros(1, dtype)
    elif mask.dtype == bool:
        mask = np.where(mask, dtype.type(0), dtype.type(-np.inf))
    return np.broadcast_to(mask.astype(dtype), (1,) * (4 - len(scores)) + scores)


@kernel
def attention_rows(
    q, k, v, y, norms, scale, causal, mask, masked, dropping, threshold, keep, seed, chunks
):
    """The blocks of all heads are dealt out in turn: under a causal mask, later ones take longer."""
    real = q.dtype.type
    batch, heads, queries, keys = mask.shape
    blocks = (queries + BLOCK - 1) // BLOCK
    for chunk in prange(chunks):
        scratch = np.empty((BLOCK, keys), q.dtype)
        for unit in range(chunk, batch * heads * blocks, chunks):
            b, h, start = unit // blocks // heads, unit // blocks % heads, unit % blocks * BLOCK
            stop = min(start + BLOCK, queries)
            seen = min(stop, keys) if causal else keys
            scores = scratch[: stop - start, :seen]
            gemm(q[b, h, :, start:stop].T, k[b, h, :, :seen], scores, scale, real(0))
            for i in range(start, stop):
                row = scores[i - start]
                if masked:
                    for j in range(row.size):
                        row[j] += mask[b, h, i, j]
                looks = min(i + 1, row.size) if causal else row.size
                norms[b, h, i] = softmax_in_place(row, looks)
                if dropping:
                    first = ((b * heads + h) * queries + i) * keys
                    for j in range(looks):
                        row[j] *= keep if kept(first + j, threshold, seed) else real(0)
            gemm(scores, v[b, h, :, :seen].T, y[b, h, :, start:stop].T, real(1), real(0))


@helper
def softmax_in_place(row, looks):
    """Weights of the first `looks` scores, zeros after; the maximum and 1 / Σ exp.

    Where nothing may be looked at the maximum is -∞: weights, and what is returned, are zeros.
    """
    real = row.dtype.type
    top, total = row_max(row[:looks]), real(0)
    if top == real(-np.inf):
        row[:] = real(0)
        return real(0), real(0)
    for j in range(looks):
        row[j] = exp(row[j] - top)
        total += row[j]
    scale = real(1) / total
    for j in range(looks):
        row[j] *= scale
    row[looks:] = real(0)
    return top, scale


@kernel
def attention_gradient(
    q, k, v, dy, dq, dk, dv, norms,
    scale, causal, mask, masked, dropping, threshold, keep, seed, chunks,
):
    """A thread takes whole heads: all blocks of a head add to the same dk and dv."""
    real = q.dtype.type
    one, zero = real(1), real(0)
    batch, heads, queries, keys = mask.shape
    for chunk in prange(chunks):
        scratch = np.empty((2, BLOCK, keys), q.dtype)
        for head in share(batch * heads, chunk, chunks):
            b, h = head // heads, head % heads
            dk[b, h], dv[b, h] = zero, zero
            for start in range(0, queries, BLOCK):
                stop = min(start + BLOCK, queries)
                seen = min(stop, keys) if causal else keys
                weights = scratch[0, : stop - start, :seen]
                dscores = scratch[1, : stop - start, :seen]
                rows, g = q[b, h, :, start:stop].T, dy[b, h, :, start:stop].T
                gemm(rows, k[b, h, :, :seen], weights, scale, zero)
                gemm(g, v[b, h, :, :seen], dscores, one, zero)
                for i in range(start, stop):
                    row, drow = weights[i - start], dscores[i - start]
                    if masked:
                        for j in range(row.size):
                            row[j] += mask[b, h, i, j]
                    looks = min(i + 1, row.size) if causal else row.size
                    for j in range(looks):
                        row[j] = exp(row[j] - norms[b, h, i, 0]) * norms[b, h, i, 1]
                    row[looks:], drow[looks:] = zero, zero
                    first = ((b * heads + h) * queries + i) * keys
                    if dropping:
                        for j in range(looks):
                            drow[j] *= keep if kept(first + j, threshold, seed) else zero
                    # Through the softmax, as in softmax.py.
                    mean = zero
                    for j in range(looks):
                        mean += row[j] * drow[j]
                    for j in range(looks):
                        drow[j] = scale * row[j] * (drow[j] - mean)
                    if dropping:
                        for j in range(looks):
                            row[j] *= keep if kept(first + j, threshold, seed) else zero
                gemm(dscores, k[b, h, :, :seen].T, dq[b, h, :, start:stop].T, one, zero)
                gemm(dscores.T, rows, dk[b, h, :, :seen].T, one, one)
                gemm(weights.T, g, dv[b, h, :, :seen].T, one, one)
