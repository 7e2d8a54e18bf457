"""Lesson 06: softmax and the cross-entropy of scores, forward and backward, without overflow."""

import numpy as np

IGNORED = -100  # a target that does not count


def softmax(x):
    """Probabilities from scores, along the last axis.

        p_i = exp(x_i) / Σ_j exp(x_j)

    x: (..., C). Returns (..., C), positive, with the sum 1 along the last axis, however large the
    scores are.

    softmax(np.array([1.0, 2.0, 3.0])) = [0.090, 0.245, 0.665]
    """
    raise NotImplementedError


def softmax_backward(dy, x):
    """The gradient of softmax along the last axis, in the scores.

    dy: the upstream gradient (N, C); x: the scores (N, C). Returns (N, C).

    Each p_i depends on every score of its row: ∂p_i/∂x_j = p_i (1[i=j] − p_j). For x = [[0, 0]]
    and dy = [[1, 0]]: [[0.25, −0.25]]
    """
    raise NotImplementedError


def cross_entropy(logits, target):
    """The mean of −log p of the right classes, over the targets that count.

        L = 1/n Σ_i −log softmax(logits_i)[target_i]     over the i whose target is not IGNORED

    logits: scores (N, C); target: integers (N,) from 0 to C − 1, or IGNORED (−100); n: how many
    are not. One at least is not. Returns a number, finite however large the scores are.

    With scores whose softmax is [0.8, 0.2] and the target 0: −log 0.8 = 0.223
    """
    raise NotImplementedError


def cross_entropy_backward(dy, logits, target):
    """The gradient of `cross_entropy` in the logits.

    dy: the upstream gradient, a number; logits: (N, C); target: (N,), as in `cross_entropy`.
    Returns (N, C); rows whose target is IGNORED are 0.

    For logits whose softmax is [[0.8, 0.2]] and the target 0: dy · [[−0.2, 0.2]]
    """
    raise NotImplementedError
