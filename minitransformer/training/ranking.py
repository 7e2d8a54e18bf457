"""How far up a recommender puts what a user took next, among all that the user did not have."""

from collections.abc import Sequence

import numpy as np

from minitransformer.training.metrics import hit_rate, ndcg, ranks_of


def ranks_of_next(
    scores: np.ndarray, histories: Sequence[np.ndarray], targets: np.ndarray
) -> np.ndarray:
    """(U,) the place of each user's next item; 1 is the top.

    The target stands among all items that the history does not have: none is sampled.

    Args:
        scores: (U, n_items).
        histories: U rows of item numbers.
        targets: (U,) what was taken next, not in the history.
    """
    scores = np.array(scores, np.float64)
    for own, row in zip(scores, histories, strict=True):
        own[row] = -np.inf
    return ranks_of(scores, targets)


def top_10(
    scores: np.ndarray, histories: Sequence[np.ndarray], targets: np.ndarray
) -> dict[str, float]:
    """{"hit_rate_10": …, "ndcg_10": …} of `ranks_of_next`."""
    ranks = ranks_of_next(scores, histories, targets)
    return {"hit_rate_10": hit_rate(ranks, 10), "ndcg_10": ndcg(ranks, 10)}
