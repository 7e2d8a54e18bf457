"""Attention without the matrix of weights: a block of queries at a time.

The scores of a block fit in cache, where they become weights, and are forgotten. They lie there
turned over, a row a key and a column a query: so the sums of softmax run down the columns, many
queries at once. Two numbers a query are kept, its largest score and 1 / Σ exp, from which the
backward pass makes the weights again: so memory grows with T, not T².
Dao et al. 2022, https://arxiv.org/abs/2205.14135
"""

from math import prod, sqrt
from typing import Any

import numpy as np
from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.dropout import kept, scale_of, threshold_of
from minitransformer.kernels.cpu.gemm import gemm
from minitransformer.kernels.cpu.rows import contiguous, empty_like_heads, fits, matrices
from minitransformer.kernels.cpu.runtime import chunks_for, helper, strided_kernel
from minitransformer.kernels.cpu.vector_math import exp

BLOCK = 64  # queries at a time


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
        if not (fits(q) and q.ndim <= 4 and q.size and k.size and v.size):
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
        attention_backward(*map(matrices, (q, k, v, dy, *gradients)), norms, options)
        return (*gradients, None)[: len(ctx.needs)]


@accelerates(ops.PackedAttention, device="cpu")
class PackedAttention:
    """The same kernels on views of the packed arrays: nothing is cut apart or put together."""

    @staticmethod
    def forward(
        ctx: Node, qkv: Any, dropout_p: float = 0.0, is_causal: bool = False, seed: int = 0
    ) -> Any:
        if not (fits(qkv) and qkv.size):
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
        attention_backward(q, k, v, dy, *qkv_views(dqkv), norms, options)
        return (dqkv,)


def attention_backward(
    q: Any, k: Any, v: Any, dy: Any, dq: Any, dk: Any, dv: Any, norms: Any, options: tuple
) -> None:
    """Fill dq, dk and dv. A thread takes whole heads, or, where those are few, parts of each."""
    batch, heads, queries, _ = mask_shape = options[2].shape
    chunks = chunks_for(prod(mask_shape))
    parts = 1 if batch * heads >= 4 * chunks or batch * heads % chunks == 0 else chunks
    parts = min(parts, -(-queries // BLOCK))
    if parts == 1:
        sums = dk[None], dv[None]
    else:  # all blocks of a head add to the same dk and dv: each part adds to its own
        sums = memory.empty((parts, *dk.shape), q.dtype), memory.empty((parts, *dv.shape), q.dtype)
    for g in sums:
        g.fill(0)
    attention_gradient(q, k, v, dy, dq, *sums, norms, *options, chunks)
    if parts > 1:
        sums[0].sum(axis=0, out=dk)
        sums[1].sum(axis=0, out=dv)


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
    real = type(scale)
    batch, heads, queries, keys = mask.shape
    blocks = (queries + BLOCK - 1) // BLOCK
    for chunk in prange(chunks):
        scores = np.empty((keys, BLOCK), q.dtype)
        tops, shrinks = np.empty(BLOCK, q.dtype), np.empty(BLOCK, q.dtype)
        for unit in range(chunk, batch * heads * blocks, chunks):
            b, h, start = unit // blocks // heads, unit // blocks % heads, unit % blocks * BLOCK
            stop = min(start + BLOCK, queries)
            seen, count = min(stop, keys) if causal else keys, stop - start
            top, shrink, block = tops[:count], shrinks[:count], scores[:seen, :count]
            gemm(k[b, h, :seen], q[b, h, start:stop].T, block, scale, False)
            if masked:
                add_mask(block, mask[b, h, start:stop])
            if causal:
                hide_later_keys(scores, start, seen, count, real(-np.inf))
            softmax_columns(scores, seen, top, shrink)
            if dropping:
                first = ((b * heads + h) * queries + start) * keys
                drop(scores, seen, count, first, keys, threshold, keep, seed)
            out = y[b, h, start:stop]
            gemm(block.T, v[b, h, :seen], out, real(1), False)
            for i in range(count):
                norms[b, h, start + i, 0], norms[b, h, start + i, 1] = top[i], shrink[i]
                for j in range(out.shape[1]):
                    out[i, j] *= shrink[i]


@strided_kernel("dq", "dk", "dv")
def attention_gradient(
    q, k, v, dy, dq, dk, dv, norms,
    scale, causal, mask, masked, dropping, threshold, keep, seed, chunks,
):  # fmt: skip
    """dk and dv have a first axis of parts: every so many blocks of a head, which start as 0."""
    real, parts = type(scale), len(dk)
    batch, heads, queries, keys = mask.shape
    for chunk in prange(chunks):
        weights, dscores = np.empty((keys, BLOCK), q.dtype), np.empty((keys, BLOCK), q.dtype)
        tops, shrinks = np.empty(BLOCK, q.dtype), np.empty(BLOCK, q.dtype)
        for unit in range(chunk, batch * heads * parts, chunks):
            b, h, part = unit // parts // heads, unit // parts % heads, unit % parts
            for start in range(part * BLOCK, queries, parts * BLOCK):
                stop = min(start + BLOCK, queries)
                seen, count = min(stop, keys) if causal else keys, stop - start
                block, dblock = weights[:seen, :count], dscores[:seen, :count]
                some_k, some_v = k[b, h, :seen], v[b, h, :seen]
                rows, g = q[b, h, start:stop], dy[b, h, start:stop]
                gemm(some_k, rows.T, block, scale, False)
                gemm(some_v, g.T, dblock, real(1), False)
                if masked:
                    add_mask(block, mask[b, h, start:stop])
                if causal:
                    hide_later_keys(weights, start, seen, count, real(-np.inf))
                for i in range(count):
                    tops[i], shrinks[i] = norms[b, h, start + i, 0], norms[b, h, start + i, 1]
                softmax_again(weights, seen, tops[:count], shrinks[:count])
                first = ((b * heads + h) * queries + start) * keys
                if dropping:
                    drop(dscores, seen, count, first, keys, threshold, keep, seed)
                through_softmax(weights, dscores, seen, tops[:count], scale)
                if dropping:
                    drop(weights, seen, count, first, keys, threshold, keep, seed)
                gemm(dblock.T, some_k, dq[b, h, start:stop], real(1), False)
                gemm(dblock, rows, dk[part, b, h, :seen], real(1), True)
                gemm(block, g, dv[part, b, h, :seen], real(1), True)


@helper
def softmax_columns(scores, seen, top, shrink):
    """Scores become exp(score - top): each column's largest and 1 / Σ are filled in.

    Where nothing may be looked at the largest is -∞: then all of these are zeros.
    """
    real = type(top[0])
    for i in range(top.size):
        top[i], shrink[i] = real(-np.inf), real(0)
    for j in range(seen):
        row = scores[j, : top.size]
        for i in range(row.size):
            top[i] = row[i] if row[i] > top[i] else top[i]
    for i in range(top.size):
        top[i] = real(0) if top[i] == real(-np.inf) else top[i]
    for j in range(seen):
        row = scores[j, : top.size]
        for i in range(row.size):
            row[i] = exp(row[i] - top[i])
            shrink[i] += row[i]
    for i in range(top.size):
        shrink[i] = real(0) if shrink[i] == real(0) else real(1) / shrink[i]


@helper
def softmax_again(scores, seen, top, shrink):
    """The weights that `softmax_columns` led to, from what it filled in."""
    for j in range(seen):
        row = scores[j, : top.size]
        for i in range(row.size):
            row[i] = exp(row[i] - top[i]) * shrink[i]


@helper
def through_softmax(weights, dscores, seen, mean, scale):
    """The gradient of the scores from that of the weights, in its place; as in softmax.py.

    `mean` is memory for the mean gradient of each column.
    """
    for i in range(mean.size):
        mean[i] = type(scale)(0)
    for j in range(seen):
        row, drow = weights[j, : mean.size], dscores[j, : mean.size]
        for i in range(row.size):
            mean[i] += row[i] * drow[i]
    for j in range(seen):
        row, drow = weights[j, : mean.size], dscores[j, : mean.size]
        for i in range(row.size):
            drow[i] = scale * row[i] * (drow[i] - mean[i])


@helper
def hide_later_keys(scores, start, seen, count, hidden):
    """Query start + i looks at keys 0 to start + i."""
    for j in range(start + 1, seen):
        row = scores[j, : min(j - start, count)]
        for i in range(row.size):
            row[i] = hidden


@helper
def drop(weights, seen, count, first, keys, threshold, keep, seed):
    """Dropout; `first` is the flat index of the first query's first weight."""
    for j in range(seen):
        row = weights[j, :count]
        for i in range(row.size):
            index = first + i * keys + j
            row[i] *= keep if kept(index, threshold, seed) else type(keep)(0)


@helper
def add_mask(block, mask):
    for j in range(len(block)):
        for i in range(block.shape[1]):
            block[j, i] += mask[i, j]
