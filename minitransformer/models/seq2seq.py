"""Seq2Seq: an encoder reads a source, a decoder writes the target, a token at a time.

Vaswani et al. 2017, "Attention is all you need", https://arxiv.org/abs/1706.03762, with norms
before the branches. Which task to do is for the source's tokens to say, as in T5 (Raffel et al.
2020, https://arxiv.org/abs/1910.10683): to the model they are tokens like others.
"""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer import nn
from minitransformer.methods import data_of
from minitransformer.models.beam import beam_search, greedy_search
from minitransformer.models.generation import DecoderCache, as_ids
from minitransformer.nn import init
from minitransformer.nn.attention import check_heads
from minitransformer.nn.layers import check_sizes
from minitransformer.tensor import Tensor


@dataclass(frozen=True)
class Seq2SeqConfig:
    """The sizes of a Seq2Seq.

    Attributes:
        source_vocab_size, target_vocab_size: number of different tokens.
        block_size: longest source, and longest target, in tokens.
        n_layer, n_head, n_embd: blocks on each side, heads in each, features.
        dropout: probability in training.
        pad_id: fills up short sources and targets; never looked at, never learned.
        start_id, end_id: the first and last token of every target.
    """

    source_vocab_size: int
    target_vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    pad_id: int = 0
    start_id: int = 1
    end_id: int = 2

    def __post_init__(self) -> None:
        sizes = ("source_vocab_size", "target_vocab_size", "block_size", "n_layer")
        check_sizes("Seq2SeqConfig", **{name: getattr(self, name) for name in sizes})
        check_heads("Seq2SeqConfig", n_embd=self.n_embd, n_head=self.n_head)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"Seq2SeqConfig: dropout should be in [0, 1), got {self.dropout}")
        special = self.pad_id, self.start_id, self.end_id
        if len(set(special)) < 3 or not all(0 <= i < self.target_vocab_size for i in special):
            raise ValueError(
                "Seq2SeqConfig: pad_id, start_id and end_id should be three different tokens of "
                f"the target's {self.target_vocab_size}, got {special}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: `Seq2SeqConfig(**config.to_dict())` is the same."""
        return asdict(self)


class Embedded(nn.Module):
    """Tokens as features: a row of a table, lengthened by √n_embd, and where it stands."""

    def __init__(self, vocab_size: int, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, config.n_embd)
        init.normal_(self.tokens.weight, std=config.n_embd**-0.5)
        self.positions = nn.SinusoidalPositions(config.block_size, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Any, start: int = 0) -> Tensor:
        x = self.tokens(ids)
        return self.dropout(self.positions(x * sqrt(x.shape[-1]), start))


class Encoder(nn.Module):
    """All of a source looks at all of it: ids (B, S) -> memory (B, S, n_embd)."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        sizes = config.n_embd, config.n_head
        blocks = (
            nn.TransformerBlock(*sizes, dropout=config.dropout) for _ in range(config.n_layer)
        )
        self.embedded = Embedded(config.source_vocab_size, config)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(config.n_embd)

    def forward(self, ids: Any, mask: Any) -> Tensor:
        x = self.embedded(ids)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)


class Decoder(nn.Module):
    """A target looks back at itself, and at the memory: ids (B, T) -> (B, T, n_embd)."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        sizes = config.n_embd, config.n_head
        blocks = (
            nn.TransformerDecoderBlock(*sizes, dropout=config.dropout)
            for _ in range(config.n_layer)
        )
        self.embedded = Embedded(config.target_vocab_size, config)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(config.n_embd)

    def forward(
        self, ids: Any, memory: Tensor, mask: Any, caches: list[DecoderCache] | None = None
    ) -> Tensor:
        x = self.embedded(ids, start=caches[0].length if caches else 0)
        of_block = caches or [None] * len(self.blocks)  # type: ignore[list-item]
        for block, cache in zip(self.blocks, of_block, strict=True):
            x = block(x, memory, mask, cache)
        return self.norm(x)


class Seq2Seq(nn.Module):
    """A model from sequence to sequence; its output layer is the target's table of tokens."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.head = nn.Linear(config.n_embd, config.target_vocab_size, bias=False)
        self.head.weight = self.decoder.embedded.tokens.weight

    def forward(
        self, source: Any, target: Any, label_smoothing: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Teacher forcing: at every position the true tokens so far are given, the next is asked.

        Args:
            source: integers (B, S), filled up with pad_id.
            target: integers (B, T): start_id, the tokens, end_id, then pad_id.
            label_smoothing: share of each target that is spread over all tokens.

        Returns:
            logits (B, T - 1, target_vocab_size), those of position t for token t + 1, and the
            mean cross-entropy over the tokens that are no padding, a Tensor of shape ().

        Raises:
            ValueError: the shapes do not fit, a sequence is longer than block_size, or a source
                has no token.
            IndexError: a token is not in the vocabulary.
        """
        source, target = self._source(source), as_ids("Seq2Seq", target)
        if len(target) != len(source) or target.shape[1] < 2:
            raise ValueError(
                "Seq2Seq: target should be (B, T) for as many rows as the source, with T at least "
                f"2, got {target.shape} for source {source.shape}"
            )
        logits = self.decode(target[:, :-1], *self.encode(source))
        rows, wanted = logits.reshape(-1, logits.shape[-1]), target[:, 1:].reshape(-1)
        loss = F.cross_entropy(
            rows, wanted, ignore_index=self.config.pad_id, label_smoothing=label_smoothing
        )
        return logits, loss

    def encode(self, source: Any) -> tuple[Tensor, Any]:
        """(B, S) -> memory (B, S, n_embd), and the mask (B, 1, 1, S) that hides its padding."""
        source = self._source(source)
        mask = nn.key_padding_mask(source != self.config.pad_id)
        return self.encoder(source, mask), mask

    def decode(
        self, target: Any, memory: Tensor, mask: Any, caches: list[DecoderCache] | None = None
    ) -> Tensor:
        """Logits after each token of target (B, T); with caches, it follows what they hold."""
        target = as_ids("Seq2Seq", target)
        self._check_length("target", target.shape[1] + (caches[0].length if caches else 0))
        return self.head(self.decoder(target, memory, mask, caches))

    def generate(
        self,
        source: Any,
        max_new_tokens: int | None = None,
        beam: int = 1,
        length_penalty: float = 1.0,
    ) -> list[list[int]]:
        """The target of each source (B, S): its tokens, without start_id and end_id.

        Args:
            source: as for `forward`.
            max_new_tokens: at most so many, end_id among them; block_size by default.
            beam: how many hypotheses to follow; 1 takes the likeliest token each time.
            length_penalty: see `beam.beam_search`.

        Raises:
            ValueError: an option is out of range, or a source as for `forward`.
        """
        if beam == 1:
            return greedy_search(self, source, max_new_tokens)
        return beam_search(self, source, beam, max_new_tokens, length_penalty)

    def _source(self, source: Any) -> Any:
        source = as_ids("Seq2Seq", source)
        self._check_length("source", source.shape[1])
        empty = np.flatnonzero(data_of((source == self.config.pad_id).all(axis=1)))
        if len(empty):
            raise ValueError(f"Seq2Seq: expected a token in every source, row {empty[0]} has none")
        return source

    def _check_length(self, which: str, length: int) -> None:
        if length > self.config.block_size:
            raise ValueError(
                f"Seq2Seq: {which} has {length} tokens a row, more than block_size "
                f"({self.config.block_size})"
            )
