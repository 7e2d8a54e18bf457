"""Choosing the next token: temperature, top-k, top-p, and a draw."""

from typing import Any

import numpy as np


def sample(
    logits: np.ndarray,
    generator: np.random.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> np.ndarray:
    """A token for each row, drawn from softmax(logits / temperature), cut to its likeliest.

    Args:
        logits: (B, V).
        generator: one uniform number is drawn for each row.
        temperature: below 1 favours the likely tokens, above 1 the unlikely ones.
        top_k: only the k likeliest tokens; of equal ones those with lower ids.
        top_p: only the likeliest tokens whose probabilities first reach p together (after
            top_k). Holtzman et al. 2019, https://arxiv.org/abs/1904.09751

    Returns:
        (B,) int64.
    """
    top = logits.max(axis=-1, keepdims=True).astype(np.float64)
    if not np.isfinite(top).all():
        raise FloatingPointError(f"sample: the largest logit should be finite, got {top.max()}")
    order = np.argsort(-logits, axis=-1, kind="stable")[:, :top_k]
    with np.errstate(over="ignore"):  # a tiny temperature: -inf, and a probability of 0
        p = np.exp((np.take_along_axis(logits, order, axis=-1) - top) / temperature)
    p /= p.sum(axis=-1, keepdims=True)
    if top_p is not None:
        p[np.cumsum(p, axis=-1) - p >= top_p] = 0  # what lies before has reached top_p alone
    reached = np.cumsum(p, axis=-1)
    draw = generator.random((len(p), 1)) * reached[:, -1:]
    rank = (reached <= draw).sum(axis=-1, keepdims=True)
    return np.take_along_axis(order, rank, axis=-1)[:, 0]


def check_sampling(max_new_tokens: Any, temperature: float, top_k: Any, top_p: Any) -> None:
    """Refuse options that `sample` cannot follow, before anything is computed."""
    if not isinstance(max_new_tokens, int | np.integer) or max_new_tokens < 0:
        raise ValueError(f"generate: max_new_tokens should be 0 or more, got {max_new_tokens!r}")
    if not 0 < temperature < float("inf"):
        raise ValueError(
            f"generate: temperature should be positive, got {temperature}; use top_k=1 for greedy"
        )
    if top_k is not None and (not isinstance(top_k, int | np.integer) or top_k < 1):
        raise ValueError(f"generate: top_k should be an integer of at least 1, got {top_k!r}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"generate: top_p should be in (0, 1], got {top_p}")
