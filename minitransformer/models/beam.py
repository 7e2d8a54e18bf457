"""Searching for a likely target: the likeliest token each time, or several hypotheses at once.

Keys and values are cached: the target's grow by a token a step, the memory's are computed once.
"""

from typing import Any

import numpy as np

from minitransformer import nn
from minitransformer.devices import to_device
from minitransformer.functional import log_softmax
from minitransformer.graph import no_grad
from minitransformer.models.generation import DecoderCache


def greedy_search(model: Any, source: Any, max_new_tokens: int | None = None) -> list[list[int]]:
    """The likeliest token each time, for each row of source (B, S)."""
    steps = check_steps(model, max_new_tokens)
    decoding = Decoding(model, source)
    token = np.full(decoding.batch, model.config.start_id)
    tokens: list[np.ndarray] = []
    going = np.ones(decoding.batch, bool)
    while going.any() and len(tokens) < steps:
        token = np.where(going, decoding.next(token).argmax(axis=1), model.config.end_id)
        tokens.append(token)
        going &= token != model.config.end_id
    return [until(row, model.config.end_id) for row in np.array(tokens).T.tolist()]


def beam_search(
    model: Any,
    source: Any,
    beam: int,
    max_new_tokens: int | None = None,
    length_penalty: float = 1.0,
) -> list[list[int]]:
    """The best of what `beam` hypotheses lead to, for each row of source (B, S).

    A hypothesis is worth Σ log p(token) / length^length_penalty. At each step, of all that one
    more token makes of them, the `beam` likeliest go on; one that ends leaves, and the beam is
    narrower from then on. Sutskever et al. 2014, https://arxiv.org/abs/1409.3215

    Args:
        model: a Seq2Seq.
        source: as for its `generate`.
        beam: 1 is greedy search.
        max_new_tokens: at most so many, the end among them; what is longer is cut.
        length_penalty: 0 favours short targets, for every token makes one less likely; 1
            compares the mean logarithm of a token.

    Raises:
        ValueError: an option is out of range.
    """
    steps = check_steps(model, max_new_tokens)
    if isinstance(beam, bool) or not isinstance(beam, int | np.integer) or beam < 1:
        raise ValueError(f"beam_search: beam should be an integer of at least 1, got {beam!r}")
    if not 0 <= length_penalty < float("inf"):
        raise ValueError(f"beam_search: length_penalty should be 0 or more, got {length_penalty}")
    decoding = Decoding(model, source)
    batch, end = decoding.batch, model.config.end_id
    tokens = np.full((batch, beam, 1), model.config.start_id)
    scores = np.full((batch, beam), -np.inf)
    scores[:, 0] = 0  # all begin alike: the others would be copies
    best: list[list[int]] = [[] for _ in range(batch)]
    best_score = np.full(batch, -np.inf)
    for length in range(1, steps + 1):
        following = decoding.next(tokens[..., -1].reshape(-1)).reshape(batch, beam, -1)
        parent, token, scores = likeliest(scores[..., None] + following, beam)
        tokens = np.concatenate([tokens[rows(batch), parent], token[..., None]], axis=2)
        worth = scores / length**length_penalty
        ended = (token == end) | (length == steps)
        for i, j in np.argwhere(ended):
            if worth[i, j] > best_score[i]:
                best[i], best_score[i] = tokens[i, j, 1:].tolist(), worth[i, j]
        scores = np.where(ended, -np.inf, scores)
        # More tokens only make one less likely: is any left that could still be better?
        if (best_score >= scores.max(axis=1) / steps**length_penalty).all():
            break
        decoding.select((parent + beam * rows(batch)).reshape(-1))
    return [until(hypothesis, end) for hypothesis in best]


class Decoding:
    """A decoder about to write, one hypothesis or several for each source."""

    def __init__(self, model: Any, source: Any) -> None:
        config = model.config
        self.model, self.evaluating = model, nn.evaluating(model)
        with no_grad(), self.evaluating:
            self.memory, self.mask = model.encode(source)
        self.batch = self.memory.shape[0]
        self.caches = [DecoderCache(config.block_size) for _ in range(config.n_layer)]

    def next(self, tokens: np.ndarray) -> np.ndarray:
        """Log-probabilities of what follows, (R, V), when each hypothesis goes on with its token.

        tokens (R,): of the first source's hypotheses, then of the second's, and so on.
        """
        with no_grad(), self.evaluating:
            logits = self.model.decode(tokens[:, None], self.memory, self.mask, self.caches)
            return to_device(log_softmax(logits[:, -1]).data, "cpu")

    def select(self, chosen: np.ndarray) -> None:
        """Go on with these hypotheses, (R,), each of which stays with its source."""
        for cache in self.caches:
            cache.select(chosen)


def likeliest(totals: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The `count` largest of each row of (B, W, V), best first: where in W, which of V, and how."""
    flat = totals.reshape(len(totals), -1)
    some = np.argpartition(-flat, count - 1, axis=1)[:, :count]
    order = np.argsort(-flat[rows(len(flat)), some], axis=1, kind="stable")
    chosen = some[rows(len(flat)), order]
    parent, token = np.divmod(chosen, totals.shape[2])
    return parent, token, flat[rows(len(flat)), chosen]


def rows(count: int) -> np.ndarray:
    """Numbers of rows, (count, 1), to pick along them."""
    return np.arange(count)[:, None]


def until(tokens: list[int], end: int) -> list[int]:
    """The tokens before the first that is `end`."""
    return tokens[: tokens.index(end)] if end in tokens else tokens


def check_steps(model: Any, max_new_tokens: int | None) -> int:
    """Refuse a number of tokens for which there are no positions."""
    most = model.config.block_size
    steps = most if max_new_tokens is None else max_new_tokens
    if not 1 <= steps <= most:
        raise ValueError(
            f"Seq2Seq: max_new_tokens should be from 1 to block_size ({most}), got {steps}"
        )
    return steps
