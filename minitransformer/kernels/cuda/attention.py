"""Attention without the matrix of weights: one block of threads for 32 queries of a head.

One number a query is kept, log Σ exp of its scores, from which the backward pass makes the
weights again: so memory grows with T, not T². Dao et al. 2022, https://arxiv.org/abs/2205.14135
"""

from math import prod, sqrt
from typing import Any

import numpy as np

from minitransformer import ops
from minitransformer.devices import array_module
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cuda.dropout import scale_of, threshold_of
from minitransformer.kernels.cuda.launch import Kernel
from minitransformer.kernels.cuda.rows import contiguous, empty, fits

attention_rows = Kernel("attention", "attention_rows")
attention_gradient_queries = Kernel("attention", "attention_gradient_queries")
attention_gradient_keys = Kernel("attention", "attention_gradient_keys")

TILE, WIDEST, THREADS = 32, 64, 256  # as in attention.cu


@accelerates(ops.Attention, device="cuda")
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
        if not (fits(q, k, v) and q.ndim <= 4 and max(q.shape[-1], v.shape[-1]) <= WIDEST):
            return NotImplemented
        if ctx.needs[3:] == (True,) or not (q.size and k.size and v.size):
            return NotImplemented  # the gradient of a mask is as large as the weights
        scale = 1 / sqrt(q.shape[-1]) if scale is None else scale
        options = scale, is_causal, *mask_of(attn_mask, q), *dropout_of(dropout_p, seed)
        return attend(ctx, contiguous(q), contiguous(k), contiguous(v), options)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        gradients = [empty(x, x.shape) for x in ctx.saved[:3]]
        differentiate(ctx, contiguous(dy), *gradients)
        return (*gradients, None)[: len(ctx.needs)]


@accelerates(ops.PackedAttention, device="cuda")
class PackedAttention:
    """Heads are cut from the packed projection by one copy, and joined again by another."""

    @staticmethod
    def forward(
        ctx: Node, qkv: Any, dropout_p: float = 0.0, is_causal: bool = False, seed: int = 0
    ) -> Any:
        batch, length, _, n_head, head_dim = qkv.shape
        if not fits(qkv) or head_dim > WIDEST or not qkv.size:
            return NotImplemented
        q, k, v = contiguous(qkv.transpose(2, 0, 3, 1, 4))
        options = 1 / sqrt(head_dim), is_causal, *mask_of(None, q), *dropout_of(dropout_p, seed)
        y = attend(ctx, q, k, v, options)
        return y.swapaxes(1, 2).reshape(batch, length, n_head * head_dim)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        batch, n_head, length, head_dim = shape = ctx.saved[0].shape
        packed = empty(dy, (3, *shape))
        dy = dy.reshape(batch, length, n_head, head_dim).swapaxes(1, 2)
        differentiate(ctx, contiguous(dy), *packed)
        return (packed.transpose(1, 3, 0, 2, 4),)


def attend(ctx: Node, q: Any, k: Any, v: Any, options: tuple) -> Any:
    """The result of attention; saves what `differentiate` needs."""
    y, lse = empty(q, (*q.shape[:-1], v.shape[-1])), empty(q, q.shape[:-1])
    attention_rows(grid(q), THREADS, q, k, v, y, lse, *sizes(q, v), *options)
    ctx.save(q, k, v, y, lse, options)
    return y


def differentiate(ctx: Node, dy: Any, dq: Any, dk: Any, dv: Any) -> None:
    """Fill the gradients of q, k and v."""
    q, k, v, y, lse, options = ctx.saved
    delta, options = empty(lse, lse.shape), (*sizes(q, v), *options)
    attention_gradient_queries(grid(q), THREADS, q, k, v, y, dy, lse, delta, dq, *options)
    attention_gradient_keys(grid(k), THREADS, q, k, v, dy, lse, delta, dk, dv, *options)


def grid(x: Any) -> int:
    """A block for each TILE rows of each head."""
    return prod(x.shape[:-2]) * -(-x.shape[-2] // TILE)


def sizes(q: Any, v: Any) -> tuple[int, int, int, int]:
    """queries, keys, dim, value_dim."""
    return q.shape[-2], v.shape[-2], q.shape[-1], v.shape[-1]


def mask_of(mask: Any, q: Any) -> tuple:
    """The mask as numbers to add, whether there is one, and how far apart its entries lie.

    Along an axis that broadcasts they lie 0 apart: nothing is copied for that.
    """
    heads = q.shape[-3] if q.ndim > 2 else 1
    if mask is None:
        return empty(q, (1,)), False, heads, 0, 0, 0, 0
    if mask.dtype == bool:
        xp = array_module(mask)
        mask = xp.where(mask, np.float32(0), np.float32(-np.inf))
    shape = (1,) * (4 - mask.ndim) + mask.shape
    strides = [0 if n == 1 else prod(shape[i + 1 :]) for i, n in enumerate(shape)]
    return contiguous(mask.astype(np.float32, copy=False)), True, heads, *strides


def dropout_of(p: float, seed: int) -> tuple:
    return p > 0, threshold_of(p), scale_of(p), seed
