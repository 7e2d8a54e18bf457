"""Who took what, one thing after the other: what a sequential recommender learns from."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Histories(NamedTuple):
    """A row of item numbers for each user, oldest first; no row is empty.

    Numbers count from 0, in the order of `users` and `items`, which hold the ids of the data.
    """

    users: np.ndarray  # (U,) sorted ids
    items: np.ndarray  # (I,) sorted ids
    rows: list[np.ndarray]  # U of them, int64
    order: np.ndarray  # (N,) where the items of all rows, one after the other, stand in the data

    def user_number(self, user: Any) -> int:
        """ValueError where there is no such user."""
        return int(_numbers("user", self.users, [user])[0])

    def item_numbers(self, items: Any) -> np.ndarray:
        """(N,) the numbers of item ids (N,). ValueError where one is unknown."""
        return _numbers("item", self.items, items)


class LeaveOneOut(NamedTuple):
    """Histories less their last two items, which are held out: one to validate, one to test."""

    train: list[np.ndarray]
    validation: np.ndarray  # (U,) the last item but one
    test: np.ndarray  # (U,) the last item


def histories(user: Any, item: Any, time: Any) -> Histories:
    """Each user's items in the order of time; those of one moment in the order of the rows.

    user, item, time: (N,), a row for each time that a user took an item.

    Raises ValueError where lengths differ, there is no row, or a user took an item twice.
    """
    user, item, time = np.asarray(user), np.asarray(item), np.asarray(time)
    if not user.shape == item.shape == time.shape or user.ndim != 1 or not len(user):
        raise ValueError(
            "histories: expected user, item and time (N,), one row at least, got"
            f" {user.shape}, {item.shape}, {time.shape}"
        )
    users, user_numbers = np.unique(user, return_inverse=True)
    items, item_numbers = np.unique(item, return_inverse=True)
    if len(np.unique(user_numbers * len(items) + item_numbers)) < len(user):
        raise ValueError("histories: a user took an item twice: keep one of the two rows")
    order = np.lexsort((np.arange(len(user)), time, user_numbers))
    ends = np.cumsum(np.bincount(user_numbers))[:-1]
    return Histories(users, items, np.split(item_numbers[order], ends), order)


def leave_one_out(rows: Sequence[np.ndarray]) -> LeaveOneOut:
    """The last item of each history tests, the one before validates, the others train.

    Raises ValueError where a history has fewer than 3 items.
    """
    for number, row in enumerate(rows):
        if len(row) < 3:
            raise ValueError(
                f"leave_one_out: history {number} has {len(row)} items; three at least are needed,"
                " to train, to validate and to test"
            )
    return LeaveOneOut(
        train=[row[:-2] for row in rows],
        validation=np.array([row[-2] for row in rows]),
        test=np.array([row[-1] for row in rows]),
    )


def _numbers(what: str, known: np.ndarray, ids: Any) -> np.ndarray:
    ids = np.asarray(ids)
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    if len(unknown := ids[known[places] != ids]):
        raise ValueError(
            f"histories: no {what} {unknown[0]}: there are {len(known):,}, from {known[0]} to"
            f" {known[-1]}"
        )
    return places
