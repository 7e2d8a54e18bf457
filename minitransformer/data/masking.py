"""Hiding tokens for a model to guess: anew in each batch, so that no text is seen twice alike."""

from collections.abc import Sequence
from typing import Any

import numpy as np

SHARE, MASKED, REPLACED = 0.15, 0.8, 0.1
IGNORED = -100


def mask_tokens(
    ids: Any,
    rng: np.random.Generator,
    *,
    vocab_size: int,
    mask_id: int,
    special_ids: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """(inputs, targets), both int64 (B, T): BERT's game of guessing tokens.

    15% of the tokens are to be guessed: their targets are the tokens themselves, and all others'
    -100. Of these, 80% become [MASK], 10% a random token, and 10% stay as they are, since texts
    in use have no [MASK]. Devlin et al. 2019, https://arxiv.org/abs/1810.04805, appendix A.1.
    Each token is drawn by itself; one at least is drawn in all.

    Args:
        ids: integers (B, T), not changed.
        rng: what to draw from.
        vocab_size, mask_id: of the tokenizer.
        special_ids: padding and the like: neither to be guessed nor put in.

    Raises ValueError where there is no other token to draw.
    """
    ids = np.asarray(ids)
    ordinary = np.setdiff1d(np.arange(vocab_size), special_ids)
    places = np.flatnonzero(~np.isin(ids, special_ids))
    if not places.size or not ordinary.size:
        raise ValueError(f"mask_tokens: ids {ids.shape} has no token that is not special")
    chosen = places[rng.random(places.size) < SHARE]
    if not chosen.size:
        chosen = rng.choice(places, 1)
    inputs = ids.astype(np.int64)
    targets = np.full(ids.shape, IGNORED)
    targets.flat[chosen] = inputs.flat[chosen]
    fate = rng.random(chosen.size)
    replaced = chosen[(fate >= MASKED) & (fate < MASKED + REPLACED)]
    inputs.flat[chosen[fate < MASKED]] = mask_id
    inputs.flat[replaced] = rng.choice(ordinary, replaced.size)
    return inputs, targets
