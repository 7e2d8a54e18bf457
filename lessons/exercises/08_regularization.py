"""Lesson 08: dropout forward and backward, the slope of L1 and L2 penalties, early stopping."""

import numpy as np


def dropout(x, draws, p):
    """Zero each number with probability p, and scale the rest so that the expected value stays.

        y = x / (1 − p)  where draws ≥ p,   else 0

    x: of any shape; draws: uniform from 0 to 1, of x's shape; p: a number, 0 ≤ p < 1.
    Returns x's shape, and leaves x as it is.

    dropout(np.array([3.0, 6.0]), np.array([0.1, 0.9]), 0.25) = [0, 8]
    """
    raise NotImplementedError


def dropout_backward(dy, x, kept, p):
    """The gradient of y = x · kept / (1 − p) in x.

    dy: the upstream gradient, x's shape; kept: booleans of x's shape, False where the forward
    pass dropped; p: a number, 0 ≤ p < 1. Returns x's shape.

    For dy = [3, 3], kept = [False, True] and p = 0.25: [0, 4]
    """
    raise NotImplementedError


def penalty_backward(dy, weight, l1, l2):
    """The gradient of a penalty on large weights, in the weights.

        L = l1 Σ |w| + ½ l2 Σ w²        where w is 0, the slope of |w| is taken as 0

    weight: of any shape; l1, l2: numbers, not negative; dy: the upstream gradient of L, a number.
    Returns weight's shape.

    penalty_backward(1.0, np.array([3.0, -2.0]), 0.5, 0.1) = [0.8, −0.7]
    """
    raise NotImplementedError


def early_stop(losses, patience):
    """When to stop, and which weights to keep.

    losses: the held-out loss after each epoch, (N,), N ≥ 1, in the order in which training would
    bring them; patience: an integer ≥ 1. Training stops after the epoch that is the `patience`-th
    in a row without a new lowest loss (an equal one is not new), or with the last.
    Returns (best, last): the epochs, counted from 0, of the lowest loss until then, and of the
    stop.

    early_stop(np.array([5.0, 3.0, 4.0, 4.5, 1.0]), 2) = (1, 3): the 1.0 is never seen
    """
    raise NotImplementedError
