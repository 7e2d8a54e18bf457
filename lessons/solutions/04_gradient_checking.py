"""Lesson 04: measure a gradient, compare two, check many in two calls, and pass the check."""

import numpy as np


def numeric_gradient(f, x, h):
    """The gradient of f at x by central differences.

        g_i = (f(x with x_i + h) − f(x with x_i − h)) / 2h

    f: a function from an array like x to a number; x: an array of any shape; h: the step.
    Returns an array of x's shape, and leaves x as it is.

    For f(x) = Σ x³ at x = [1, 2] with h = 0.1: [3.01, 12.01] (the slopes are 3 and 12)
    """
    gradient = np.zeros_like(x)
    for entry in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[entry] = h
        gradient[entry] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


def relative_error(a, b):
    """How far two arrays are apart, beside how large they are.

        max_i |a_i − b_i|  /  the largest |entry| of both

    a, b: arrays of one shape. Returns a number: 0 where they are equal, and also where both are
    all zeros.

    relative_error(np.array([4.0, 0.0]), np.array([3.0, 0.5])) = 1 / 4
    """
    largest = max(np.abs(a).max(), np.abs(b).max())
    return np.abs(a - b).max() / largest if largest else 0.0


def projection_check(f, backward, x, dy, v, h):
    """What a backward pass should give along one direction, and what it gives.

        measured = Σ dy · (f(x + h v) − f(x − h v)) / 2h
        claimed  = Σ v · backward(dy, x)

    f: a function of x, an array to an array; backward: its backward pass; x, v: of one shape;
    dy: an upstream gradient, of the shape of f(x); h: the step. Returns (measured, claimed).

    For f(x) = x², backward(dy, x) = 2 x dy at x = [3], dy = [1], v = [2], h = 0.1: (12, 12)
    """
    measured = (dy * (f(x + h * v) - f(x - h * v))).sum() / (2 * h)
    return measured, (v * backward(dy, x)).sum()


def softmax_backward(dy, x):
    """The gradient of softmax over the rows of x.

        y_j = e^x_j / Σ_k e^x_k,    ∂y_j/∂x_i = y_j (1[i = j] − y_i)

    dy: the upstream gradient (N, D); x: (N, D). Returns (N, D). Rows of x may hold large numbers.

    For x = [[0, 0]] and dy = [[1, 0]]: y = [[½, ½]], and the gradient is [[¼, −¼]]
    """
    y = np.exp(x - x.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))
