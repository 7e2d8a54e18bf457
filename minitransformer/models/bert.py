"""BERT: a transformer encoder, in which every token sees those before it and those after it.

Devlin et al. 2019, https://arxiv.org/abs/1810.04805. Configuration and state-dict names are
those of Hugging Face's BertModel, so that published weights fit.
"""

import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer import nn
from minitransformer.methods import data_of
from minitransformer.models.pretrained import read_pretrained
from minitransformer.models.words import check_words
from minitransformer.nn import init
from minitransformer.nn.attention import check_heads
from minitransformer.nn.layers import check_sizes
from minitransformer.ops.checks import check_probability
from minitransformer.tensor import Tensor


@dataclass(frozen=True)
class BERTConfig:
    """The sizes of a BERT.

    Attributes:
        vocab_size: number of different tokens.
        hidden_size, num_hidden_layers, num_attention_heads: features, layers, heads in each.
        intermediate_size: features inside each layer's small network, usually 4 · hidden_size.
        max_position_embeddings: longest sequence, in tokens.
        type_vocab_size: segments: 2 for a text and its pair.
        hidden_dropout_prob, attention_probs_dropout_prob: probabilities in training.
        layer_norm_eps: keeps the norms' roots from 0.
        initializer_range: deviation of the first weights.
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02

    def __post_init__(self) -> None:
        check_sizes(
            "BERTConfig",
            vocab_size=self.vocab_size,
            num_hidden_layers=self.num_hidden_layers,
            intermediate_size=self.intermediate_size,
            max_position_embeddings=self.max_position_embeddings,
            type_vocab_size=self.type_vocab_size,
        )
        heads = self.num_attention_heads
        check_heads("BERTConfig", hidden_size=self.hidden_size, num_attention_heads=heads)
        for dropout in (self.hidden_dropout_prob, self.attention_probs_dropout_prob):
            check_probability("BERTConfig", dropout)

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: `BERTConfig(**config.to_dict())` is the same."""
        return asdict(self)


class Embeddings(nn.Module):
    """What a token is, where it stands and which text it is of, added up."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, size)
        self.LayerNorm = nn.LayerNorm(size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, ids: Any, segments: Any) -> Tensor:
        of_segment = self.token_type_embeddings
        segment = of_segment.weight[0] if segments is None else of_segment(segments)
        position = self.position_embeddings.weight[: ids.shape[1]]
        return self.dropout(self.LayerNorm(self.word_embeddings(ids) + position + segment))


class SelfAttention(nn.Module):
    """Each token takes a weighted mean of all real tokens, in each head's own features."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.n_head, self.dropout = config.num_attention_heads, config.attention_probs_dropout_prob

    def forward(self, x: Tensor, attn_mask: Any) -> Tensor:
        q, k, v = self._heads(self.query(x)), self._heads(self.key(x)), self._heads(self.value(x))
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask, dropout)
        return y.permute(0, 2, 1, 3).reshape(x.shape)

    def _heads(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        return x.reshape(batch, length, self.n_head, -1).permute(0, 2, 1, 3)


class Residual(nn.Module):
    """norm(residual + dense(x)): the norm comes last, as in the first transformers."""

    def __init__(self, features: int, config: BERTConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(features, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(residual + self.dropout(self.dense(x)))


class Attention(nn.Module):
    """Self-attention and its residual connection."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = Residual(config.hidden_size, config)

    def forward(self, x: Tensor, attn_mask: Any) -> Tensor:
        return self.output(self.self(x, attn_mask), x)


class Activated(nn.Module):
    """A linear layer and what comes after it: GELU in the layers, tanh in the pooler."""

    def __init__(self, in_features: int, out_features: int, activation: Any) -> None:
        super().__init__()
        self.dense = nn.Linear(in_features, out_features)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.dense(x))


class Layer(nn.Module):
    """Tokens talk to each other, then each thinks for itself."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Activated(config.hidden_size, config.intermediate_size, F.gelu)
        self.output = Residual(config.intermediate_size, config)

    def forward(self, x: Tensor, attn_mask: Any) -> Tensor:
        x = self.attention(x, attn_mask)
        return self.output(self.intermediate(x), x)


class Encoder(nn.Module):
    """The layers, one after the other."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(self, x: Tensor, attn_mask: Any) -> Tensor:
        for layer in self.layer:
            x = layer(x, attn_mask)
        return x


class BERT(nn.Module):
    """Token ids to features that know their context; `models.bert_heads` makes use of them.

    Args:
        config: the sizes.
        pooler: have the layer that `pooled` needs; weights of masked language models lack it.
    """

    def __init__(self, config: BERTConfig, pooler: bool = True) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        size = config.hidden_size
        self.pooler = Activated(size, size, F.tanh) if pooler else None
        initialise(self, config.initializer_range)

    def forward(self, ids: Any, mask: Any = None, segments: Any = None) -> Tensor:
        """The last layer's features, (B, T, hidden_size).

        Args:
            ids: integers (B, T), T at most max_position_embeddings.
            mask: boolean (B, T), True at real tokens; all of them without it.
            segments: integers (B, T), 0 in the first text and 1 in the second; 0 without it.

        Raises:
            ValueError: a shape does not fit, or a row has no real token.
            IndexError: an id or a segment is out of range.
        """
        ids, real = check_words("BERT", ids, mask)
        if ids.shape[1] > self.config.max_position_embeddings:
            raise ValueError(
                f"BERT: ids has {ids.shape[1]} tokens a row, more than max_position_embeddings "
                f"({self.config.max_position_embeddings}): encode with max_length"
            )
        if segments is not None and np.shape(data_of(segments)) != ids.shape:
            got = np.shape(data_of(segments))
            raise ValueError(f"BERT: segments should be {ids.shape} as ids, got {got}")
        visible = None if mask is None else nn.key_padding_mask(real)
        return self.encoder(self.embeddings(ids, segments), visible)

    def pooled(self, features: Tensor) -> Tensor:
        """tanh(dense(features of [CLS])): (B, T, hidden_size) -> (B, hidden_size)."""
        if self.pooler is None:
            raise ValueError("BERT.pooled: this model has no pooler")
        return self.pooler(features[:, 0])

    def sentence_embeddings(self, ids: Any, mask: Any = None) -> Tensor:
        """The mean feature of each row's real tokens, of length 1: (B, hidden_size).

        Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084. The product of two of them
        is their cosine.
        """
        features = self(ids, mask)
        mean = features.mean(axis=1) if mask is None else F.masked_mean(features, mask)
        return mean / (mean * mean).sum(axis=-1, keepdims=True).sqrt()

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> "BERT":
        """From a folder of config.json and model.safetensors, as Hugging Face writes it.

        Raises:
            FileNotFoundError: one of the two is missing.
            ValueError: one is damaged, it is another architecture, or weights are missing, not
                known or of another shape: all such are listed.
        """
        fields, weights = read_pretrained(folder, BERTConfig)
        model = cls(BERTConfig(**fields), pooler="pooler.dense.weight" in weights)
        model.load_state_dict(weights)
        return model.eval()


def initialise(model: nn.Module, deviation: float) -> None:
    """Matrices normal around 0, biases 0; norms stay 1 and 0."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            init.normal_(parameter, std=deviation)
        elif name.endswith("bias"):
            init.constant_(parameter, 0)
