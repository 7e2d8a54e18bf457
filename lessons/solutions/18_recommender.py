"""Lesson 18: hold out what came last, hide items, find what goes together, and rank honestly."""

import numpy as np


def leave_one_out(histories):
    """What to train on, and what to be asked: the last two items of each history are held out.

    histories: a list of arrays of item numbers, oldest first, three items each at least.
    Returns (train, validation, test): a list of arrays without the last two items; an array (U,)
    of the items before the last; an array (U,) of the last.

    leave_one_out([np.array([7, 3, 5, 2])]) = ([[7, 3]], [5], [2])
    """
    train = [history[:-2] for history in histories]
    validation = np.array([history[-2] for history in histories])
    test = np.array([history[-1] for history in histories])
    return train, validation, test


def item_similarity(table):
    """How alike any two items are: the cosine of their columns.

        s_ij = Σ_u x_ui x_uj / (√Σ_u x_ui² · √Σ_u x_uj²)    for i ≠ j;    s_ii = 0

    table: x (U, I), 1 where a user has an item, else 0. Returns (I, I). An item that nobody has is
    like none: its row and column are 0.

    For the users [1, 1, 0] and [1, 0, 0]: s_01 = 1 / (√2 · √1) = 0.7071, and all else is 0.
    """
    lengths = np.sqrt((table**2).sum(axis=0))
    unit = table / np.where(lengths > 0, lengths, 1)
    similarity = unit.T @ unit
    np.fill_diagonal(similarity, 0)
    return similarity


def hide(ids, chosen, mask, padding):
    """The inputs and targets of a model that is to find hidden items.

        input:   mask where an item is chosen, else the id
        target:  the id where an item is chosen, else −100, which the loss passes over

    ids: (B, T) integers; chosen: (B, T) boolean. Padding is never hidden, though it be chosen.
    Returns (inputs, targets), both (B, T); `ids` stays as it is.

    ids [[4, 2, 9]], chosen [[True, False, True]], mask 8, padding 9:
    ([[8, 2, 9]], [[4, −100, −100]])
    """
    hidden = chosen & (ids != padding)
    return np.where(hidden, mask, ids), np.where(hidden, ids, -100)


def ndcg(scores, seen, targets, k):
    """What lists of k recommendations are worth, to users of whom we know the next item.

        rank = how many items, unseen by the user, score at least as high as the target
        worth = 1 / log₂(rank + 1) if rank ≤ k, else 0;    the mean over all users

    scores: (U, I); seen: (U, I) boolean, True for what a user has already, which is no candidate;
    targets: (U,) the numbers of the next items, unseen. The target itself counts, so that the
    highest rank is 1; equal scores count against it. Returns a number from 0 to 1.

    For one user with the scores [9, 5, 7, 8], who has item 0 and takes item 2 next: item 3 is
    before it, so the rank is 2, and the worth 1 / log₂ 3 = 0.6309
    """
    own = scores[np.arange(len(targets)), targets]
    ranks = (~seen & (scores >= own[:, None])).sum(axis=1)
    return np.where(ranks <= k, 1 / np.log2(ranks + 1), 0).mean()
