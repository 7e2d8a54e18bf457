"""Lesson 11: attention forward and backward, the mask that hides the future, and heads."""

import numpy as np


def softmax(s):
    """Exponentials of each row, scaled to sum to 1; s: (..., S)."""
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention(q, k, v):
    """Scaled dot-product attention: for each query the weighted mean of the values.

        softmax(q kᵀ / √D) v,    the softmax along each row, over the keys

    q: (T, D); k: (S, D); v: (S, E). Returns (T, E). `softmax` above may be used.

    With one feature, D = 1, query 1 scores [1, 2, 3], so its weights are [0.090, 0.245, 0.665]:
    attention(np.array([[1.0]]), np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [3.0]]))
    = [[2.575]]
    """
    raise NotImplementedError


def attention_backward(dy, q, k, v):
    """The gradients of attention in q, k and v.

        S = q kᵀ / √D,    P = softmax(S),    y = P v

    dy: the upstream gradient of y, (T, E); q: (T, D); k: (S, D); v: (S, E).
    Returns (dq, dk, dv), of the shapes of q, k and v. `softmax` above may be used.

    One query with two equal keys has P = [½, ½]. With q = [[2]], k = [[3], [3]], v = [[1], [5]]
    and dy = [[1]]: ([[0]], [[−2], [2]], [[½], [½]])
    """
    raise NotImplementedError


def hide_future(scores):
    """Scores in which no query sees a later key: −∞ where the key's place is after the query's.

    scores: (N, T, T), N sequences; entry [n, i, j] is how well key j answers query i.
    Returns (N, T, T): the same where j ≤ i, −∞ where j > i. The softmax comes after it.

    hide_future(np.array([[[1.0, 2.0], [3.0, 4.0]]])) = [[[1, −∞], [3, 4]]]
    """
    raise NotImplementedError


def split_heads(x, n_head):
    """The features of each position, shared out among the heads.

    Head h gets the features h · D/n_head to (h + 1) · D/n_head − 1 of every position.

    x: (T, D), n_head divides D. Returns (n_head, T, D / n_head).

    split_heads(np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]), 2)
    = [[[1, 2], [5, 6]], [[3, 4], [7, 8]]]
    """
    raise NotImplementedError
