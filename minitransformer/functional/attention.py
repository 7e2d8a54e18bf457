"""Attention of queries to keys and values."""

from typing import Any

from minitransformer import ops, random
from minitransformer.functional.inputs import Input, beside
from minitransformer.tensor import Tensor


def scaled_dot_product_attention(
    query: Input,
    key: Input,
    value: Input,
    attn_mask: Input | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale · query keyᵀ + mask) value.

    Args:
        query: (..., T, D), in a transformer (B, n_head, T, head_dim).
        key: (..., S, D).
        value: (..., S, Dv).
        attn_mask: boolean, True where a query may look, or floating, added to the scores.
        dropout_p: probability with which a weight is zeroed. Always applied: pass 0 to evaluate.
        is_causal: query i sees keys 0 to i. With an attn_mask, both hold.
        scale: 1 / √D by default.

    Returns:
        (..., T, Dv); a query that may look nowhere gets zeros.
    """
    options = {"dropout_p": dropout_p, "is_causal": is_causal, "scale": scale}
    if dropout_p > 0:
        options["seed"] = random.draw_seed()
    if attn_mask is None:
        return ops.Attention.apply(query, key, value, **options)
    mask = beside(attn_mask, query)
    return ops.Attention.apply(query, key, value, mask, **options)


def packed_self_attention(qkv: Input, dropout_p: float = 0.0, is_causal: bool = False) -> Tensor:
    """Attention among all positions, from one projection: the quick way for self-attention.

    Args:
        qkv: (B, T, 3, n_head, head_dim): queries, keys and values side by side.
        dropout_p, is_causal: as in `scaled_dot_product_attention`.

    Returns:
        (B, T, n_head · head_dim), the heads joined again.
    """
    options: dict[str, Any] = {"dropout_p": dropout_p, "is_causal": is_causal}
    if dropout_p > 0:
        options["seed"] = random.draw_seed()
    return ops.PackedAttention.apply(qkv, **options)
