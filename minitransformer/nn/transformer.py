"""The transformer block: attention between positions, then a small network at each."""

from typing import Any

from minitransformer import functional as F
from minitransformer.nn.attention import MultiHeadAttention
from minitransformer.nn.layers import Dropout, Linear
from minitransformer.nn.module import Module
from minitransformer.nn.normalization import LayerNorm
from minitransformer.tensor import Tensor


class TransformerBlock(Module):
    """Self-attention and a GELU network, each with a residual connection and a LayerNorm.

    Pre-norm: x + attention(norm(x)), steadier in deep stacks; Xiong et al. 2020,
    https://arxiv.org/abs/2002.04745. Post-norm: norm(x + attention(x)), as first published.
    The parameters have the names of PyTorch's TransformerEncoderLayer.

    Args:
        d_model: features in and out.
        n_head: number of heads; divides d_model.
        mlp_ratio: hidden features of the network, in multiples of d_model.
        dropout: probability, for attention weights, hidden features and both branches.
        causal: position i sees positions 0 to i only.
        norm_first: pre-norm; False for post-norm.
    """

    def __init__(
        self,
        d_model: int,
        n_head: int,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        causal: bool = False,
        norm_first: bool = True,
    ) -> None:
        super().__init__()
        self.self_attn = MultiHeadAttention(d_model, n_head, dropout)
        self.linear1 = Linear(d_model, int(mlp_ratio * d_model))
        self.linear2 = Linear(int(mlp_ratio * d_model), d_model)
        self.norm1 = LayerNorm(d_model)
        self.norm2 = LayerNorm(d_model)
        self.dropout = Dropout(dropout)
        self.causal, self.norm_first = causal, norm_first

    def forward(self, x: Tensor, attn_mask: Any = None) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model); `attn_mask` as for MultiHeadAttention."""
        if self.norm_first:
            x = x + self._attend(self.norm1(x), attn_mask)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._attend(x, attn_mask))
        return self.norm2(x + self._feed_forward(x))

    def _attend(self, x: Tensor, attn_mask: Any) -> Tensor:
        return self.dropout(self.self_attn(x, attn_mask=attn_mask, is_causal=self.causal))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.linear2(self.dropout(F.gelu(self.linear1(x)))))

    def extra_repr(self) -> str:
        return (
            ("causal, " if self.causal else "") + ("pre" if self.norm_first else "post") + "-norm"
        )
