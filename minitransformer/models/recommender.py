"""A recommender that reads histories as BERT reads sentences: which item is behind the mask?

Sun et al. 2019, "BERT4Rec", https://arxiv.org/abs/1904.06690, with norms before attention.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer import nn
from minitransformer.data import pad_sequences
from minitransformer.devices import to_device
from minitransformer.graph import no_grad
from minitransformer.models.neighbours import check_items
from minitransformer.nn import init
from minitransformer.nn.attention import check_heads
from minitransformer.nn.layers import check_sizes
from minitransformer.ops.checks import check_probability
from minitransformer.tensor import Tensor


@dataclass(frozen=True)
class SequentialRecommenderConfig:
    """The sizes of a sequential recommender.

    Attributes:
        n_items: different items, numbered from 0.
        max_length: of longer histories the newest items count, one place being the mask's.
        d_model, n_head, n_layer: features of an item, heads in a block, blocks.
        dropout: probability, for items' features and in the blocks.
    """

    n_items: int
    max_length: int = 100
    d_model: int = 64
    n_head: int = 2
    n_layer: int = 2
    dropout: float = 0.2

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_sizes(name, n_items=self.n_items, n_layer=self.n_layer)
        check_heads(name, d_model=self.d_model, n_head=self.n_head)
        check_probability(name, self.dropout)
        if self.max_length < 2:
            raise ValueError(f"{name}: max_length should be at least 2, got {self.max_length}")

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: the class, called with them, gives the same."""
        return asdict(self)


class SequentialRecommender(nn.Module):
    """Histories with masked items -> logits over all items at the masks.

    A history stands newest first, so that position k is k steps ago, however long it is; attention
    goes both ways. To ask for the next item, a mask is put before the newest.
    """

    def __init__(self, config: SequentialRecommenderConfig) -> None:
        super().__init__()
        self.config = config
        self.padding, self.mask = config.n_items, config.n_items + 1
        self.items = nn.Embedding(config.n_items + 2, config.d_model)
        init.normal_(self.items.weight, std=0.02)
        self.positions = nn.LearnedPositions(config.max_length, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            nn.TransformerBlock(config.d_model, config.n_head, dropout=config.dropout)
            for _ in range(config.n_layer)
        )
        self.norm = nn.LayerNorm(config.d_model)
        self.head = nn.Linear(config.d_model, config.d_model)
        self.bias = nn.Parameter(np.zeros(config.n_items, np.float32))

    def forward(self, ids: Any, chosen: Any) -> Tensor:
        """Logits (N, n_items) at the N positions that are chosen, row by row.

        Args:
            ids: integers (B, T), newest first: items, `self.mask`, and at the end `self.padding`.
            chosen: boolean (B, T), True where a logit is wanted.
        """
        x = self.dropout(self.positions(self.items(ids)))
        visible = nn.key_padding_mask(np.asarray(ids) != self.padding)
        for block in self.blocks:
            x = block(x, visible)
        x = F.gather_positions(self.norm(x), chosen)
        # Both ends of the model share one table of items.
        return F.linear(F.gelu(self.head(x)), self.items.weight[: self.config.n_items], self.bias)

    @no_grad()
    def scores(self, histories: Sequence[Any]) -> np.ndarray:
        """(B, n_items) of the next item, for B histories of item numbers, oldest first.

        Raises ValueError where a history is empty, or has an item that there is not.
        """
        for number, history in enumerate(histories):
            if not len(history):
                raise ValueError(f"SequentialRecommender: history {number} is empty")
            check_items("SequentialRecommender", history, self.config.n_items)
        ids = self.ask(histories)
        with nn.evaluating(self):
            return to_device(self(ids, ids == self.mask).data, "cpu")

    def ask(self, histories: Sequence[Any]) -> np.ndarray:
        """(B, T) ids for `forward`: a mask, then the newest items, then padding."""
        newest = [np.asarray(row)[::-1][: self.config.max_length - 1] for row in histories]
        rows = [np.concatenate([[self.mask], row]) for row in newest]
        return pad_sequences(rows, value=self.padding)[0]

    def recommend(self, history: Any, k: int = 10) -> np.ndarray:
        """(k,) the numbers of the best items that the history does not have, the best first.

        Raises ValueError where an item is unknown, the history empty, or k below 1.
        """
        if k < 1:
            raise ValueError(f"SequentialRecommender: k should be at least 1, got {k}")
        scores = self.scores([history])[0]
        scores[np.asarray(history)] = -np.inf
        k = min(k, int(np.isfinite(scores).sum()))
        return np.argsort(-scores, kind="stable")[:k]


def mask_items(
    histories: Sequence[np.ndarray],
    model: SequentialRecommender,
    rng: np.random.Generator,
    p: float = 0.2,
    only_newest: float = 0.1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ids (B, T), chosen (B, T), items (N,)): a batch to learn from, with items hidden.

    Of each history a window of max_length items at random. Each item is masked with probability
    p, one at least; or, with probability `only_newest`, only the newest, as when one asks.
    """
    rows, hidden = [], []
    for history in histories:
        start = rng.integers(max(len(history) - model.config.max_length, 0) + 1)
        row = history[start : start + model.config.max_length][::-1]
        chosen = rng.random(len(row)) < p
        if rng.random() < only_newest:
            chosen[:] = np.arange(len(row)) == 0
        elif not chosen.any():
            chosen[rng.integers(len(row))] = True
        rows.append(row)
        hidden.append(chosen)
    ids, real = pad_sequences(rows, value=model.padding)
    chosen = np.zeros(ids.shape, bool)
    chosen[real] = np.concatenate(hidden)
    items = ids[chosen]
    return np.where(chosen, model.mask, ids), chosen, items
