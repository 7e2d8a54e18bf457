"""Lesson 01: the step downhill, the path of many steps, and the gradient of a line's loss."""

import numpy as np


def step(x, slope, rate):
    """The place after one step of gradient descent.

        x − rate · slope

    x, slope: (N,); rate: a positive number. Returns (N,), and leaves x as it is.

    From 2, where x² has the slope 4, with rate 0.1: step(2.0, 4.0, 0.1) = 1.6
    """
    raise NotImplementedError


def descend(gradient, x, rate, steps):
    """All the places that gradient descent visits, the start among them.

    gradient: a function from a place (N,) to the slope there (N,); x: the start (N,).
    Returns (steps + 1, N): row 0 is the start, and row k is where step k ends.

    On x² from 2: descend(lambda x: 2 * x, np.array([2.0]), 0.1, 2) = [[2.0], [1.6], [1.28]]
    """
    raise NotImplementedError


def line_backward(dy, w, b, x, y):
    """The gradients of the mean squared error of a line.

        L = 1/N Σ (y − (w x + b))²

    w, b: numbers; x, y: (N,); dy: the upstream gradient of L, a number.
    Returns (∂L/∂w, ∂L/∂b), each times dy.

    With one point x = 3, y = 10 and the line w = 2, b = 1, the error y − ŷ is 3:
    line_backward(1.0, 2.0, 1.0, np.array([3.0]), np.array([10.0])) = (−18, −6)
    """
    raise NotImplementedError
