"""Rows to train on, and rows held out."""

from typing import Any

import numpy as np


def split(*rows: Any, held_out: float = 0.2, seed: int = 0) -> tuple[tuple, tuple]:
    """((training rows of each), (held-out rows of each)), shuffled alike by a seeded permutation.

        (x, y), (x_test, y_test) = split(x, y, held_out=0.2, seed=0)

    Args:
        rows: arrays or lists of the same length, such as images and their labels.
        held_out: the fraction of the rows that is held out, rounded to a whole row.
        seed: of the permutation; the same seed gives the same split on every machine.

    Raises ValueError where lengths differ, or a side would be empty.
    """
    lengths = [len(r) for r in rows]
    if len(set(lengths)) != 1:
        raise ValueError(f"split: expected rows of one length, got {lengths}")
    count = round(lengths[0] * held_out)
    if not 0 < count < lengths[0]:
        raise ValueError(
            f"split: held_out {held_out} of {lengths[0]} rows leaves {count} of them held out:"
            " both sides need one at least"
        )
    order = np.random.default_rng(seed).permutation(lengths[0])
    return (
        tuple(_take(r, order[count:]) for r in rows),
        tuple(_take(r, order[:count]) for r in rows),
    )


def _take(rows: Any, order: np.ndarray) -> Any:
    return rows[order] if isinstance(rows, np.ndarray) else [rows[i] for i in order]
