"""Attention without the matrix of weights: a block of query rows at a time, products by BLAS.

The scores of a block fit in cache, where they become weights, and are forgotten. Two numbers a
row are kept, its maximum and 1 / Σ exp, from which the backward pass makes the weights again:
so memory grows with T, not T². Dao et al. 2022, https://arxiv.org/abs/2205.14135
"""

from math import sqrt
from typing import Any

import numpy as np
from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu import blas
from minitransformer.kernels.cpu.blas import gemm
from minitransformer.kernels.cpu.dropout import kept, scale_of, threshold_of
from minitransformer.kernels.cpu.rows import contiguous, empty_like_heads, fits, matrices
from minitransformer.kernels.cpu.runtime import chunks_for, helper, share, strided_kernel
from minitransformer.kernels.cpu.sums import dot, total
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
        options = scale, bool(is_causal), mask, attn_mask is not None, dropout_p > 0, *drop
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
        for g in gradients[1:]:
            g.fill(0)  # blocks add to dk and dv
        arrays = [matrices(x) for x in (q, k, v, dy, *gradients)]
        attention_gradient(*arrays, norms, *options, chunks_for(options[2].size))
        return (*gradients, None)[: len(ctx.needs)]


@accelerates(ops.PackedAttention, device="cpu")
class PackedAttention:
    """The same kernels on views of the packed arrays: nothing is cut apart or put together."""

    @staticmethod
    def forward(
        ctx: Node, qkv: Any, dropout_p: float = 0.0, is_causal: bool = False, seed: int = 0
    ) -> Any:
        if not (blas.library and fits(qkv) and qkv.size):
            return NotImplemented
        batch, length, _, n_head, head_dim = qkv.shape
        real = qkv.dtype.type
        q, k, v = heads = qkv_views(contiguous(qkv))
        mask = additive(None, (batch, n_head, length, length), qkv.dtype)
        drop = threshold_of(dropout_p), real(scale_of(dropout_p)), np.uint64(seed)
        options = real(1 / sqrt(head_dim)), bool(is_causal), mask, False, dropout_p > 0, *drop
        y = memory.empty((batch, length, n_head, head_dim), qkv.dtype)
        norms = np.empty((batch, n_head, length, 2), qkv.dtype)
        attention_rows(q, k, v, y.swapaxes(1, 2), norms, *options, chunks_for(mask.size))
        ctx.save(heads, norms, options)
        return y.reshape(batch, length, n_head * head_dim)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (q, k, v), norms, options = ctx.saved
        batch, n_head, length, head_dim = q.shape
        dy = contiguous(dy).reshape(batch, length, n_head, head_dim).swapaxes(1, 2)
        dqkv = memory.empty((batch, length, 3, n_head, head_dim), q.dtype)
        dqkv[:, :, 1:] = 0  # blocks add to dk and dv
        chunks = chunks_for(options[2].size)
        attention_gradient(q, k, v, dy, *qkv_views(dqkv), norms, *options, chunks)
        return (dqkv,)


def qkv_views(packed: np.ndarray) -> Any:
    """The queries, keys and values in (B, T, 3, H, D), as an array of three (B, H, T, D)."""
    return packed.transpose(2, 0, 3, 1, 4)


def additive(mask: Any, scores: tuple[int, ...], dtype: Any) -> Any:
    """The mask as numbers to add, 0 and -∞ for a boolean one, seen in the scores' shape."""
    if mask is None:
        mask = np.zeros(1, dtype)
    elif mask.dtype == bool:
        mask = np.where(mask, dtype.type(0), dtype.type(-np.inf))
    return np.broadcast_to(mask.astype(dtype), (1,) * (4 - len(scores)) + scores)


@strided_kernel("y", "norms")
def attention_rows(
    q, k, v, y, norms, scale, causal, mask, masked, dropping, threshold, keep, seed, chunks
):
    """Blocks of all heads are dealt out in turn: under a causal mask, later ones take longer."""
    one, zero = q.dtype.type(1), q.dtype.type(0)
    batch, heads, queries, keys = mask.shape
    blocks = (queries + BLOCK - 1) // BLOCK
    for chunk in prange(chunks):
        scores = np.empty((BLOCK, keys), q.dtype)
        for unit in range(chunk, batch * heads * blocks, chunks):
            b, h, start = unit // blocks // heads, unit // blocks % heads, unit % blocks * BLOCK
            stop = min(start + BLOCK, queries)
            seen = min(stop, keys) if causal else keys
            block = scores[: stop - start, :seen]
            gemm(q[b, h, start:stop], k[b, h, :seen].T, block, scale, zero)
            for i in range(start, stop):
                looks = min(i + 1, seen) if causal else seen
                row = scores[i - start, :looks]
                if masked:
                    add(row, mask[b, h, i])
                top, shrink = softmax_in_place(row)
                norms[b, h, i, 0], norms[b, h, i, 1] = top, shrink
                if dropping:
                    first = ((b * heads + h) * queries + i) * keys
                    drop(row, first, threshold, keep, seed)
                clear(scores[i - start, looks:seen])
            gemm(block, v[b, h, :seen], y[b, h, start:stop], one, zero)


@strided_kernel("dq", "dk", "dv")
def attention_gradient(
    q, k, v, dy, dq, dk, dv, norms,
    scale, causal, mask, masked, dropping, threshold, keep, seed, chunks,
):  # fmt: skip
    """A thread takes whole heads: all blocks of a head add to the same dk and dv."""
    one, zero = q.dtype.type(1), q.dtype.type(0)
    batch, heads, queries, keys = mask.shape
    for chunk in prange(chunks):
        weights, dscores = np.empty((BLOCK, keys), q.dtype), np.empty((BLOCK, keys), q.dtype)
        for head in share(batch * heads, chunk, chunks):
            b, h = head // heads, head % heads
            for start in range(0, queries, BLOCK):
                stop = min(start + BLOCK, queries)
                seen = min(stop, keys) if causal else keys
                block, dblock = weights[: stop - start, :seen], dscores[: stop - start, :seen]
                rows, g = q[b, h, start:stop], dy[b, h, start:stop]
                gemm(rows, k[b, h, :seen].T, block, scale, zero)
                gemm(g, v[b, h, :seen].T, dblock, one, zero)
                for i in range(start, stop):
                    looks = min(i + 1, seen) if causal else seen
                    row, drow = weights[i - start, :looks], dscores[i - start, :looks]
                    first = ((b * heads + h) * queries + i) * keys
                    if masked:
                        add(row, mask[b, h, i])
                    softmax_again(row, norms[b, h, i, 0], norms[b, h, i, 1])
                    if dropping:
                        drop(drow, first, threshold, keep, seed)
                    through_softmax(row, drow, scale)
                    if dropping:
                        drop(row, first, threshold, keep, seed)
                    clear(weights[i - start, looks:seen])
                    clear(dscores[i - start, looks:seen])
                gemm(dblock, k[b, h, :seen], dq[b, h, start:stop], one, zero)
                gemm(dblock.T, rows, dk[b, h, :seen], one, one)
                gemm(block.T, g, dv[b, h, :seen], one, one)


@helper
def softmax_in_place(row):
    """Scores become weights; their maximum and 1 / Σ exp are returned.

    Where nothing may be looked at the maximum is -∞: then all of these are zeros.
    """
    zero = row.dtype.type(0)
    top = row_max(row)
    top = zero if top == row.dtype.type(-np.inf) else top
    for j in range(row.size):
        row[j] = exp(row[j] - top)
    whole = total(row)
    shrink = zero if whole == zero else row.dtype.type(1) / whole
    for j in range(row.size):
        row[j] *= shrink
    return top, shrink


@helper
def softmax_again(row, top, shrink):
    """The weights that `softmax_in_place` made, from what it returned."""
    for j in range(row.size):
        row[j] = exp(row[j] - top) * shrink


@helper
def through_softmax(row, drow, scale):
    """The gradient of the scores from that of the weights, in its place; as in softmax.py."""
    mean = dot(row, drow)
    for j in range(row.size):
        drow[j] = scale * row[j] * (drow[j] - mean)


@helper
def drop(row, first, threshold, keep, seed):
    """Dropout of one row of the weights, whose first entry has the flat index `first`."""
    for j in range(row.size):
        row[j] *= keep if kept(first + j, threshold, seed) else row.dtype.type(0)


@helper
def add(row, numbers):
    for j in range(row.size):
        row[j] += numbers[j]


@helper
def clear(row):
    for j in range(row.size):
        row[j] = row.dtype.type(0)
