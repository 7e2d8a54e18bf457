"""Transformer blocks: attention between positions, then a small network at each."""

from typing import Any

from minitransformer import functional as F
from minitransformer.nn.attention import MultiHeadAttention
from minitransformer.nn.layers import Dropout, Linear
from minitransformer.nn.module import Module
from minitransformer.nn.normalization import LayerNorm
from minitransformer.tensor import Tensor

ACTIVATIONS = {"gelu": F.gelu, "relu": F.relu}


class Block(Module):
    """What both kinds of block have: self-attention and a network.

    Args:
        d_model: features in and out.
        n_head: number of heads; divides d_model.
        mlp_ratio: hidden features of the network, in multiples of d_model.
        dropout: probability, for attention weights, hidden features and all branches.
        norm_first: pre-norm, x + f(norm(x)), steadier in deep stacks; Xiong et al. 2020,
            https://arxiv.org/abs/2002.04745. False for post-norm, norm(x + f(x)), as first
            published.
        activation: of the network, "gelu" or "relu".
        eps: of the norms.
    """

    def __init__(
        self,
        d_model: int,
        n_head: int,
        mlp_ratio: float,
        dropout: float,
        norm_first: bool,
        activation: str,
        eps: float,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            name = type(self).__name__
            raise ValueError(f'{name}: activation should be "gelu" or "relu", got {activation!r}')
        self.self_attn = MultiHeadAttention(d_model, n_head, dropout)
        self.linear1 = Linear(d_model, int(mlp_ratio * d_model))
        self.linear2 = Linear(int(mlp_ratio * d_model), d_model)
        self.norm1 = LayerNorm(d_model, eps)
        self.norm2 = LayerNorm(d_model, eps)
        self.dropout = Dropout(dropout)
        self.norm_first, self.activation = norm_first, activation

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = ACTIVATIONS[self.activation](self.linear1(x))
        return self.dropout(self.linear2(self.dropout(hidden)))

    def extra_repr(self) -> str:
        return ("pre" if self.norm_first else "post") + "-norm"


class TransformerBlock(Block):
    """Self-attention and a small network, each with a residual connection and a LayerNorm.

    The parameters have the names of PyTorch's TransformerEncoderLayer; see Block for the other
    arguments.

    Args:
        causal: position i sees positions 0 to i only.
    """

    def __init__(
        self,
        d_model: int,
        n_head: int,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        causal: bool = False,
        norm_first: bool = True,
        activation: str = "gelu",
        eps: float = 1e-5,
    ) -> None:
        super().__init__(d_model, n_head, mlp_ratio, dropout, norm_first, activation, eps)
        self.causal = causal

    def forward(self, x: Tensor, attn_mask: Any = None) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model); `attn_mask` as for MultiHeadAttention."""
        if self.norm_first:
            x = x + self._attend(self.norm1(x), attn_mask)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._attend(x, attn_mask))
        return self.norm2(x + self._feed_forward(x))

    def _attend(self, x: Tensor, attn_mask: Any) -> Tensor:
        return self.dropout(self.self_attn(x, attn_mask=attn_mask, is_causal=self.causal))

    def extra_repr(self) -> str:
        return ("causal, " if self.causal else "") + super().extra_repr()


class TransformerDecoderBlock(Block):
    """Causal self-attention, attention to what an encoder made of the source, and a network.

    Each has a residual connection and a LayerNorm. The parameters have the names of PyTorch's
    TransformerDecoderLayer; see Block for the arguments.
    """

    def __init__(
        self,
        d_model: int,
        n_head: int,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        norm_first: bool = True,
        activation: str = "gelu",
        eps: float = 1e-5,
    ) -> None:
        super().__init__(d_model, n_head, mlp_ratio, dropout, norm_first, activation, eps)
        self.multihead_attn = MultiHeadAttention(d_model, n_head, dropout)
        self.norm3 = LayerNorm(d_model, eps)

    def forward(
        self, x: Tensor, memory: Tensor, memory_mask: Any = None, cache: Any = None
    ) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model), where position t sees 0 to t and all of the memory.

        Args:
            memory: the encoder's output, (B, S, d_model).
            memory_mask: as `attn_mask` of MultiHeadAttention; `key_padding_mask` hides padding.
            cache: a `models.generation.DecoderCache`: x follows the positions that it holds.
                x may then have several rows for each of the memory's, one after the other.
        """
        if self.norm_first:
            x = x + self._attend(self.norm1(x), cache)
            x = x + self._look(self.norm2(x), memory, memory_mask, cache)
            return x + self._feed_forward(self.norm3(x))
        x = self.norm1(x + self._attend(x, cache))
        x = self.norm2(x + self._look(x, memory, memory_mask, cache))
        return self.norm3(x + self._feed_forward(x))

    def _attend(self, x: Tensor, cache: Any) -> Tensor:
        if cache is not None:
            return self.self_attn.attend_next(x, cache)
        return self.dropout(self.self_attn(x, is_causal=True))

    def _look(self, x: Tensor, memory: Tensor, memory_mask: Any, cache: Any) -> Tensor:
        if cache is None:
            return self.dropout(self.multihead_attn(x, memory, attn_mask=memory_mask))
        if cache.memory is None:
            cache.memory = self.multihead_attn.keys_and_values(memory)
        keys, values = cache.memory
        return self.multihead_attn.attend_to(x, keys, values, memory_mask)
