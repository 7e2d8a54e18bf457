"""A text classifier in which every word looks at every other: Transformer blocks, then a mean.

The encoder of Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, with norms before attention.
"""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

from minitransformer import functional as F
from minitransformer import nn
from minitransformer.models.words import check_words
from minitransformer.nn import init
from minitransformer.nn.attention import check_heads
from minitransformer.nn.layers import check_sizes
from minitransformer.ops.checks import check_probability
from minitransformer.tensor import Tensor

HEADS = ("softmax", "sigmoid")


@dataclass(frozen=True)
class TransformerClassifierConfig:
    """The sizes of a Transformer classifier.

    Attributes:
        vocab_size: number of different words; word 0 is padding.
        max_length: longest text, in words.
        num_classes: classes to tell apart.
        d_model, n_head, n_layer: features of a word, heads in a block, blocks.
        mlp_ratio: hidden features of a block's network, in multiples of d_model.
        dropout: probability, for words' features, in the blocks and before the logits.
        head: "softmax" for a logit a class, "sigmoid" for one logit, of class 1 against 0.
    """

    vocab_size: int
    max_length: int
    num_classes: int
    d_model: int = 64
    n_head: int = 4
    n_layer: int = 1
    mlp_ratio: float = 2.0
    dropout: float = 0.0
    head: str = "softmax"

    def __post_init__(self) -> None:
        names = ("vocab_size", "max_length", "num_classes", "n_layer")
        check_sizes("TransformerClassifierConfig", **{name: getattr(self, name) for name in names})
        check_heads("TransformerClassifierConfig", d_model=self.d_model, n_head=self.n_head)
        check_probability("TransformerClassifierConfig", self.dropout)
        if self.head not in HEADS or (self.head == "sigmoid" and self.num_classes != 2):
            raise ValueError(
                "TransformerClassifierConfig: head should be 'softmax', or for two classes "
                f"'sigmoid', got {self.head!r} for {self.num_classes}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: the class, called with them, gives the same."""
        return asdict(self)


class TransformerClassifier(nn.Module):
    """Word ids (B, T) -> logits (B, num_classes), or (B,) from a sigmoid head."""

    def __init__(self, config: TransformerClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        init.normal_(self.embedding.weight, std=config.d_model**-0.5)
        self.positions = nn.SinusoidalPositions(config.max_length, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        sizes = (config.d_model, config.n_head, config.mlp_ratio, config.dropout)
        self.blocks = nn.ModuleList(nn.TransformerBlock(*sizes) for _ in range(config.n_layer))
        self.norm = nn.LayerNorm(config.d_model)
        logits = 1 if config.head == "sigmoid" else config.num_classes
        self.head = nn.Linear(config.d_model, logits)

    def forward(self, ids: Any, mask: Any = None) -> Tensor:
        """Logits, from the mean of the last block's features over the words.

        Args:
            ids: integers (B, T), T at most max_length, padded at the end.
            mask: boolean (B, T), True at words; all are words if left out.
        """
        ids, mask = check_words("TransformerClassifier", ids, mask)
        if ids.shape[1] > self.config.max_length:
            raise ValueError(
                f"TransformerClassifier: ids has {ids.shape[1]} words a row, more than max_length "
                f"({self.config.max_length})"
            )
        # As loud as the positions, though small weights move far in few steps.
        x = self.embedding(ids) * sqrt(self.config.d_model)
        x = self.dropout(self.positions(x))
        visible = nn.key_padding_mask(mask)
        for block in self.blocks:
            x = block(x, visible)
        logits = self.head(self.dropout(F.masked_mean(self.norm(x), mask)))
        return logits[:, 0] if self.config.head == "sigmoid" else logits
