"""Recommenders without a gradient: what everybody takes, and what goes with what one has."""

from collections.abc import Sequence

import numpy as np


class MostPopular:
    """Scores each item by how many histories have it, whoever asks.

    Args:
        histories: rows of item numbers, no item twice in one.
        n_items: numbers are below it.
    """

    def __init__(self, histories: Sequence[np.ndarray], n_items: int) -> None:
        self.counts = has_item(histories, n_items).sum(axis=0)

    def scores(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """(B, n_items) for B histories."""
        return np.tile(self.counts, (len(histories), 1))


class ItemNeighbours:
    """Scores each item by its similarity to those one has, summed.

    The similarity of items i and j is the cosine of their columns in the table of histories,
    n_ij / √(n_i n_j): in how many both are, against how many have each. Sarwar et al. 2001,
    "Item-based collaborative filtering recommendation algorithms".

    Args:
        histories, n_items: as for MostPopular.
        k: only the k most similar neighbours of each item speak for it; None for all.
    """

    def __init__(self, histories: Sequence[np.ndarray], n_items: int, k: int | None = None) -> None:
        if k is not None and k < 1:
            raise ValueError(f"ItemNeighbours: k should be at least 1, got {k}")
        self.n_items = n_items
        self.similarity = cosine(has_item(histories, n_items))
        if k is not None and k < n_items:
            least = np.partition(self.similarity, -k, axis=0)[-k]
            self.similarity[self.similarity < least] = 0

    def scores(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """(B, n_items) for B histories."""
        return has_item(histories, self.n_items) @ self.similarity


def has_item(histories: Sequence[np.ndarray], n_items: int) -> np.ndarray:
    """(B, n_items) 1.0 where the history has the item, else 0.0.

    Raises ValueError where a number is not from 0 to below n_items.
    """
    table = np.zeros((len(histories), n_items))
    for row, history in zip(table, histories, strict=True):
        check_items("has_item", history, n_items)
        row[history] = 1
    return table


def cosine(table: np.ndarray) -> np.ndarray:
    """(I, I) the cosines between columns (B, I), with 0 of an item to itself or to a 0 column."""
    lengths = np.sqrt((table**2).sum(axis=0))
    similarity = table.T @ table / np.maximum(np.outer(lengths, lengths), 1e-12)
    np.fill_diagonal(similarity, 0)
    return similarity


def check_items(who: str, history: np.ndarray, n_items: int) -> None:
    """Refuse numbers of items that there are not."""
    history = np.asarray(history)
    if len(history) and (history.min() < 0 or history.max() >= n_items):
        wrong = history[(history < 0) | (history >= n_items)][0]
        raise ValueError(f"{who}: no item {wrong}: expected numbers from 0 to {n_items - 1}")
