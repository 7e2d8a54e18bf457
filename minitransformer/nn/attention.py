"""Multi-head attention as a layer, with PyTorch's parameter names."""

from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer.devices import array_module
from minitransformer.methods import data_of
from minitransformer.nn import init
from minitransformer.nn.layers import Linear, check_sizes, new
from minitransformer.nn.module import Module
from minitransformer.ops.dropout import check_probability
from minitransformer.tensor import Tensor


class MultiHeadAttention(Module):
    """Each head attends in its own d_model / n_head features; a last projection mixes them.

    Query, key and value projections are packed in in_proj_weight (3 · d_model, d_model).
    Vaswani et al. 2017, https://arxiv.org/abs/1706.03762

    Args:
        d_model: features in and out.
        n_head: number of heads; divides d_model.
        dropout: probability with which an attention weight is zeroed in training.
        bias: have biases in the projections.
    """

    def __init__(self, d_model: int, n_head: int, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__()
        check_heads("MultiHeadAttention", d_model=d_model, n_head=n_head)
        check_probability("MultiHeadAttention", dropout)
        self.d_model, self.n_head, self.dropout = d_model, n_head, dropout
        self.in_proj_weight = init.xavier_uniform_(new(3 * d_model, d_model))
        self.in_proj_bias = init.constant_(new(3 * d_model), 0) if bias else None
        self.out_proj = Linear(d_model, d_model, bias)
        if self.out_proj.bias is not None:
            init.constant_(self.out_proj.bias, 0)

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        attn_mask: Any = None,
        is_causal: bool = False,
        need_weights: bool = False,
    ) -> Any:
        """Attend from `query` to `key` and `value`; to itself where they are left out.

        Args:
            query: (B, T, d_model).
            key: (B, S, d_model), `query` by default.
            value: (B, S, d_model), `key` by default.
            attn_mask: (T, S) or four axes that broadcast to (B, n_head, T, S): boolean, True
                where a query may look, or floating, added to the scores. For padded
                sequences: `key_padding_mask`.
            is_causal: query i sees keys 0 to i.
            need_weights: return (output, weights), weights (B, n_head, T, S) before dropout.
        """
        if attn_mask is not None and data_of(attn_mask).ndim not in (2, 4):
            raise ValueError(
                "MultiHeadAttention: attn_mask should be (T, S) or broadcast as (B, n_head, T, S), "
                f"got shape {data_of(attn_mask).shape}"
            )
        q, k, v = self._project(query, key, value)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask, dropout, is_causal)
        y = self.out_proj(y.permute(0, 2, 1, 3).reshape(query.shape))
        return (y, attention_weights(q, k, attn_mask, is_causal)) if need_weights else y

    def attend_next(self, x: Tensor, cache: Any) -> Tensor:
        """Self-attention of the positions that follow those in the cache (B, T, d_model)."""
        batch, length, _ = x.shape
        packed = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        return self.out_proj(cache.attend(packed.reshape(batch, length, 3, self.n_head, -1)))

    def keys_and_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Those of a memory (B, S, d_model), as heads: to be computed once, for `attend_to`."""
        weight, bias = self.in_proj_weight[self.d_model :], self.in_proj_bias
        packed = F.linear(memory, weight, None if bias is None else bias[self.d_model :])
        keys, values = packed.split(self.d_model, axis=-1)
        return self._heads(keys), self._heads(values)

    def attend_to(
        self, query: Tensor, keys: Tensor, values: Tensor, attn_mask: Any = None
    ) -> Tensor:
        """Attend from `query` (R, T, d_model) to what `keys_and_values` made of B rows.

        R is a multiple of B: the first R / B rows look at the first row of the memory, and so
        on. They are queries of one attention, so that nothing is copied for them.
        """
        d_model, bias = self.d_model, self.in_proj_bias
        q = F.linear(query, self.in_proj_weight[:d_model], None if bias is None else bias[:d_model])
        q = self._heads(q.reshape(keys.shape[0], -1, d_model))
        y = F.scaled_dot_product_attention(q, keys, values, attn_mask)
        return self.out_proj(y.permute(0, 2, 1, 3).reshape(query.shape))

    def _project(self, query: Tensor, key: Tensor | None, value: Tensor | None) -> list[Tensor]:
        """q, k and v as heads, (B, n_head, length, head_dim)."""
        if key is None and value is None:
            packed = F.linear(query, self.in_proj_weight, self.in_proj_bias)
            return [self._heads(x) for x in packed.split(self.d_model, axis=-1)]
        if key is None:
            raise ValueError("MultiHeadAttention: expected a key with the value, got None")
        inputs = (query, key, key if value is None else value)
        weights = self.in_proj_weight.split(self.d_model)
        bias = self.in_proj_bias
        biases = (None, None, None) if bias is None else bias.split(self.d_model)
        each = zip(inputs, weights, biases, strict=True)
        return [self._heads(F.linear(x, weight, bias)) for x, weight, bias in each]

    def _heads(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        return x.reshape(batch, length, self.n_head, -1).permute(0, 2, 1, 3)

    def extra_repr(self) -> str:
        return f"{self.d_model}, n_head={self.n_head}"


def key_padding_mask(mask: Any) -> Any:
    """What hides padding from attention: (B, T), True at real tokens -> (B, 1, 1, T).

    Raises:
        ValueError: the mask does not have two axes.
        TypeError: it is not boolean.
    """
    mask = data_of(mask) if hasattr(mask, "shape") else np.asarray(mask)
    if mask.ndim != 2:
        raise ValueError(f"key_padding_mask: mask should be (B, T), got shape {mask.shape}")
    if mask.dtype != bool:
        raise TypeError(f"key_padding_mask: mask should be boolean, got {mask.dtype}")
    return mask[:, None, None]


def attention_weights(q: Tensor, k: Tensor, attn_mask: Any, is_causal: bool) -> Tensor:
    """The weights themselves, (..., T, S): what attention gives where the values are one-hot."""
    length = k.shape[-2]
    one_hot = array_module(k.data).eye(length, dtype=k.dtype)
    values = array_module(k.data).broadcast_to(one_hot, (*k.shape[:-1], length))
    return F.scaled_dot_product_attention(q, k, values, attn_mask, is_causal=is_causal)


def check_heads(name: str, **sizes: Any) -> None:
    """Refuse features that cannot be shared out equally among the heads."""
    check_sizes(name, **sizes)
    (features, size), (heads, count) = sizes.items()
    if size % count:
        raise ValueError(f"{name}: {features} ({size}) should be divisible by {heads} ({count})")
