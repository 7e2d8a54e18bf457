"""A text classifier that reads word by word: LSTM layers, then the mean of what they say.

Hochreiter and Schmidhuber 1997, "Long short-term memory".
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer import nn
from minitransformer.models.words import check_words
from minitransformer.nn import init
from minitransformer.nn.layers import check_sizes
from minitransformer.ops.checks import check_probability
from minitransformer.tensor import Tensor


@dataclass(frozen=True)
class LSTMClassifierConfig:
    """The sizes of an LSTM classifier.

    Attributes:
        vocab_size: number of different words; word 0 is padding.
        num_classes: logits that come out.
        d_embedding: features of a word.
        d_hidden: features of each LSTM layer, in each direction.
        n_layer: LSTM layers.
        bidirectional: a second LSTM reads from the end.
        dropout: probability, for words' features, between layers and before the logits.
    """

    vocab_size: int
    num_classes: int
    d_embedding: int = 64
    d_hidden: int = 64
    n_layer: int = 2
    bidirectional: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        sizes = {name: getattr(self, name) for name in ("vocab_size", "num_classes", "n_layer")}
        features = {"d_embedding": self.d_embedding, "d_hidden": self.d_hidden}
        check_sizes("LSTMClassifierConfig", **sizes, **features)
        check_probability("LSTMClassifierConfig", self.dropout)

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: `LSTMClassifierConfig(**config.to_dict())` is the same."""
        return asdict(self)


class LSTMClassifier(nn.Module):
    """Word ids (B, T) -> logits (B, num_classes)."""

    def __init__(self, config: LSTMClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_embedding)
        init.normal_(self.embedding.weight, std=0.1)  # rare words begin, and stay, near silence
        self.dropout = nn.Dropout(config.dropout)
        self.lstm = nn.LSTM(
            config.d_embedding,
            config.d_hidden,
            config.n_layer,
            dropout=config.dropout if config.n_layer > 1 else 0.0,
            bidirectional=config.bidirectional,
        )
        features = config.d_hidden * (2 if config.bidirectional else 1)
        self.head = nn.Linear(features, config.num_classes)

    def forward(self, ids: Any, mask: Any = None) -> Tensor:
        """Logits, from the mean of the last layer's outputs over the words.

        Args:
            ids: integers (B, T), padded at the end.
            mask: boolean (B, T), True at words; all are words if left out.
        """
        ids, mask = check_words("LSTMClassifier", ids, mask)
        x = self.dropout(self.embedding(ids))
        outputs, _ = self.lstm(x, lengths=mask.sum(axis=1).astype(np.int64))
        return self.head(self.dropout(F.masked_mean(outputs, mask)))
