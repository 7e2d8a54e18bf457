"""Lesson 02: the squared error, its gradient, the normal equations, and inputs of one scale."""

import numpy as np


def mean_squared_error(prediction, target):
    """The mean of the squared differences.

        1/N Σ (target_i − prediction_i)²

    prediction, target: arrays of one shape, of N numbers in all. Returns a number.
    Raises ValueError where the shapes differ: NumPy would stretch (N, 1) against (N,) to (N, N).

    mean_squared_error(np.array([2.9, 1.9, 0.8]), np.array([3.0, 2.0, 1.0])) = 0.02
    """
    raise NotImplementedError


def regression_backward(dy, w, b, x, y):
    """The gradients of the mean squared error of a linear model with D inputs.

        L = 1/N Σ_i (y_i − (x_i · w + b))²

    w: (D,); b: a number; x: (N, D), a row a sample; y: (N,); dy: the upstream gradient of L, a
    number. Returns (∂L/∂w, ∂L/∂b), of shape (D,) and a number, each times dy.

    For x = [[1, 2], [3, 4]], y = [5, 6], w = [1, 0], b = 0 and dy = 1 the errors y − ŷ are 4 and 3:
    ∂L/∂w = −2/2 · [4·1 + 3·3, 4·2 + 3·4] = [−13, −20] and ∂L/∂b = −7
    """
    raise NotImplementedError


def solve_normal_equations(x, y):
    """The w and b of the linear model with the least mean squared error.

        XᵀX v = Xᵀy,  where X is x with a column of ones, and v is w with b behind it

    x: (N, D), with N > D; y: (N,). Returns (w, b): w (D,) and b a number.

    x = [[0], [1], [2]], y = [1, 3, 5] lie on the line 2x + 1: w = [2], b = 1
    """
    raise NotImplementedError


def standardize(x, x_test):
    """Both sets of rows, with each column shifted and scaled by the *training* rows' figures.

        (x − mean) / deviation       deviation = √(mean of (x − mean)²)

    x: (N, D), the training rows; x_test: (M, D), rows held out. Returns (x, x_test), changed.
    A column of x that does not vary is shifted only (its deviation would be 0).

    standardize(np.array([[1.0], [3.0]]), np.array([[4.0]])) = ([[−1], [1]], [[2]])
    """
    raise NotImplementedError
