"""What a BERT is trained for: to fill in masked words, and to tell classes of texts apart."""

from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer import nn
from minitransformer.methods import data_of
from minitransformer.models.bert import BERT, initialise
from minitransformer.nn.layers import check_sizes, new
from minitransformer.tensor import Tensor

IGNORED = -100  # the target of a token that is not to be predicted


class BERTMaskedLM(nn.Module):
    """Guesses the tokens that were masked; its output layer is the encoder's table of tokens."""

    def __init__(self, bert: BERT) -> None:
        super().__init__()
        size = bert.config.hidden_size
        self.dense = nn.Linear(size, size)
        self.norm = nn.LayerNorm(size, bert.config.layer_norm_eps)
        self.bias = nn.init.constant_(new(bert.config.vocab_size), 0)
        initialise(self, bert.config.initializer_range)
        self.bert = bert

    def forward(
        self, ids: Any, mask: Any = None, targets: Any = None
    ) -> tuple[Tensor, Tensor | None]:
        """Logits of the tokens, and the mean cross-entropy if there are targets.

        Args:
            ids, mask: as for BERT; `data.mask_tokens` makes ids and targets.
            targets: integers (B, T): the token that was at a masked place, -100 at all others.

        Returns:
            Without targets: logits (B, T, vocab_size), and None.
            With N targets that count: their logits (N, vocab_size) in the order of the places,
            and the loss. The other places cost nothing, though they are most of a batch.
        """
        features = self.bert(ids, mask)
        if targets is None:
            return self._logits(features), None
        targets = np.asarray(data_of(targets))
        if targets.shape != features.shape[:2]:
            raise ValueError(
                f"BERTMaskedLM: targets should be {features.shape[:2]} as ids, got {targets.shape}"
            )
        chosen = targets != IGNORED
        if not chosen.any():
            raise ValueError("BERTMaskedLM: no token is masked: all targets are -100")
        logits = self._logits(F.gather_positions(features, chosen))
        return logits, F.cross_entropy(logits, targets[chosen])

    def _logits(self, features: Tensor) -> Tensor:
        x = self.norm(F.gelu(self.dense(features)))
        return F.linear(x, self.bert.embeddings.word_embeddings.weight, self.bias)


class BERTClassifier(nn.Module):
    """Classes of texts, from the mean feature of their tokens.

    Args:
        bert: pretrained or not; it is trained further, with the head.
        classes: how many.
    """

    def __init__(self, bert: BERT, classes: int) -> None:
        super().__init__()
        check_sizes("BERTClassifier", classes=classes)
        self.dropout = nn.Dropout(bert.config.hidden_dropout_prob)
        self.classifier = nn.Linear(bert.config.hidden_size, classes)
        initialise(self, bert.config.initializer_range)
        self.bert = bert

    def forward(self, ids: Any, mask: Any = None, segments: Any = None) -> Tensor:
        """Logits (B, classes); arguments as for BERT."""
        features = self.bert(ids, mask, segments)
        mean = features.mean(axis=1) if mask is None else F.masked_mean(features, mask)
        return self.classifier(self.dropout(mean))
