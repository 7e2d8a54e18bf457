"""Scaled dot-product attention: each query takes a weighted mean of the values.

S = scale · q kᵀ,  P = softmax(S),  y = P v
q (..., T, D), k (..., S, D), v (..., S, Dv) -> y (..., T, Dv);  scale is 1 / √D
Vaswani et al. 2017, https://arxiv.org/abs/1706.03762
"""

from math import sqrt
from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node, unbroadcast
from minitransformer.ops.checks import check_dtypes, check_floating, check_probability
from minitransformer.ops.dropout import scaled_mask


class Attention(Function, name="scaled_dot_product_attention"):
    """softmax(scale · q kᵀ + mask) v.

    A boolean mask is True where a query may look; a floating one is added to the scores.
    `is_causal` lets query i look at keys 0 to i. A row that may look nowhere gives zeros.
    With `dropout_p`, the weights pass through dropout, whose mask grows from `seed`.
    """

    @staticmethod
    def check(
        q: Any,
        k: Any,
        v: Any,
        attn_mask: Any = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        seed: int = 0,
    ) -> None:
        name = Attention.op_name
        check_floating(name, q, "query")
        check_dtypes(name, query=q, key=k, value=v)
        check_probability(name, dropout_p)
        if min(q.ndim, k.ndim, v.ndim) < 2:
            shapes = f"{q.shape}, {k.shape}, {v.shape}"
            raise ValueError(f"{name}: expected at least two axes (length, features), got {shapes}")
        if q.shape[-1] != k.shape[-1] or q.shape[:-2] != k.shape[:-2]:
            raise ValueError(f"{name}: key {k.shape} does not fit query {q.shape}")
        if k.shape[:-1] != v.shape[:-1]:
            raise ValueError(f"{name}: value {v.shape} does not fit key {k.shape}")
        if attn_mask is not None:
            check_mask(name, attn_mask, (*q.shape[:-1], k.shape[-2]))

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
        scale = 1 / sqrt(q.shape[-1]) if scale is None else scale
        weights = masked_softmax(q @ k.swapaxes(-1, -2) * scale, attn_mask, is_causal)
        dropped = weights
        if dropout_p > 0:
            dropped = weights * scaled_mask(weights, weights.shape, dropout_p, seed)
        mask = None if attn_mask is None else (attn_mask.shape, attn_mask.dtype)
        ctx.save(q, k, v, weights, scale, dropout_p, seed, mask)
        return dropped @ v

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        dq, dk, dv, dscores = gradients(dy, *ctx.saved[:-1])
        if len(ctx.needs) == 3:
            return dq, dk, dv
        if not ctx.needs[3]:
            return dq, dk, dv, None
        shape, dtype = ctx.saved[-1]
        return dq, dk, dv, unbroadcast(dscores, shape).astype(dtype)


class PackedAttention(Function, name="packed_self_attention"):
    """Self-attention straight from the projection that q, k and v share, and back to features.

    qkv (B, T, 3, n_head, head_dim) -> y (B, T, n_head · head_dim); the rest is as in Attention.
    """

    @staticmethod
    def check(qkv: Any, dropout_p: float = 0.0, is_causal: bool = False, seed: int = 0) -> None:
        name = PackedAttention.op_name
        check_floating(name, qkv, "qkv")
        check_probability(name, dropout_p)
        if qkv.ndim != 5 or qkv.shape[2] != 3:
            raise ValueError(
                f"{name}: qkv should be (B, T, 3, n_head, head_dim), got shape {qkv.shape}"
            )

    @staticmethod
    def forward(
        ctx: Node, qkv: Any, dropout_p: float = 0.0, is_causal: bool = False, seed: int = 0
    ) -> Any:
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)
        y = Attention.forward(ctx, q, k, v, None, dropout_p, is_causal, None, seed)
        batch, length, _, n_head, head_dim = qkv.shape
        return y.swapaxes(1, 2).reshape(batch, length, n_head * head_dim)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        batch, n_head, length, head_dim = ctx.saved[0].shape
        dy = dy.reshape(batch, length, n_head, head_dim).swapaxes(1, 2)
        packed = array_module(dy).stack(gradients(dy, *ctx.saved[:-1])[:3], axis=2)
        return (packed.transpose(0, 3, 2, 1, 4),)


def gradients(
    dy: Any, q: Any, k: Any, v: Any, weights: Any, scale: float, dropout_p: float, seed: int
) -> tuple:
    """The gradients of q, k, v and of the scores."""
    dropped, dweights = weights, dy @ v.swapaxes(-1, -2)
    if dropout_p > 0:
        kept = scaled_mask(weights, weights.shape, dropout_p, seed)
        dropped, dweights = weights * kept, dweights * kept
    # Through the softmax, as in softmax.py; a row of zeros stays zero.
    dscores = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True))
    dq = dscores @ k * scale
    dk = dscores.swapaxes(-1, -2) @ q * scale
    dv = dropped.swapaxes(-1, -2) @ dy
    return dq, dk, dv, dscores


def masked_softmax(scores: Any, attn_mask: Any, is_causal: bool) -> Any:
    """Softmax of the last axis over what may be looked at; zeros where that is nothing."""
    xp = array_module(scores)
    blocked = scores.dtype.type(-float("inf"))
    if attn_mask is not None and attn_mask.dtype == bool:
        scores = xp.where(attn_mask, scores, blocked)
    elif attn_mask is not None:
        scores = scores + attn_mask.astype(scores.dtype)
    if is_causal:
        scores = xp.where(xp.tril(xp.ones(scores.shape[-2:], dtype=bool)), scores, blocked)
    top = scores.max(axis=-1, keepdims=True)
    weights = xp.exp(scores - xp.where(top == blocked, scores.dtype.type(0), top))
    total = weights.sum(axis=-1, keepdims=True)
    return weights / xp.where(total == 0, scores.dtype.type(1), total)


def check_mask(name: str, mask: Any, scores: tuple[int, ...]) -> None:
    """Refuse a mask that is neither boolean nor floating, or does not broadcast to the scores."""
    if mask.dtype.kind not in "bf":
        raise TypeError(f"{name}: expected a boolean or floating attn_mask, got {mask.dtype}")
    sizes = zip(reversed(mask.shape), reversed(scores), strict=False)
    if mask.ndim > len(scores) or any(m not in (1, n) for m, n in sizes):
        raise ValueError(f"{name}: attn_mask {mask.shape} does not broadcast to scores {scores}")
