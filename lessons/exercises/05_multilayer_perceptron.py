"""Lesson 05: first weights, and the backward passes of a linear layer, ReLU and a whole network."""

import numpy as np


def initialise(rng, fan_in, fan_out):
    """First values of a layer that ReLU follows: (weight, bias).

    The weight (fan_out, fan_in) is normal with mean 0 and variance 2 / fan_in: draw it as
    rng.normal(size=(fan_out, fan_in)), once, and scale it. The bias (fan_out,) is 0.

    rng: as from np.random.default_rng.

    For fan_in = 200 the weights have a standard deviation of 0.1.
    """
    raise NotImplementedError


def linear_backward(dy, x, weight, bias):
    """The gradients of a linear layer.

        y = x weightᵀ + bias

    x: (N, in); weight: (out, in); bias: (out,); dy: the upstream gradient (N, out).
    Returns (dx, dweight, dbias), shaped like x, weight and bias.

    For x = [[1, 2]], weight = [[3, 4]], bias = [0] and dy = [[10]]:
    dx = [[30, 40]], dweight = [[10, 20]], dbias = [10]
    """
    raise NotImplementedError


def relu_backward(dy, x):
    """The gradient of ReLU, y = max(x, 0), in x.

    dy, x: of one shape. Returns that shape, and leaves dy as it is.

    relu_backward(np.array([5.0, -6.0]), np.array([2.0, -3.0])) = [5, 0]
    """
    raise NotImplementedError


def mlp_backward(dy, w1, b1, w2, b2, x):
    """The gradients of a network of two layers in its four parameters.

        z = x w1ᵀ + b1,   h = max(z, 0),   scores = h w2ᵀ + b2

    w1: (hidden, in); b1: (hidden,); w2: (out, hidden); b2: (out,); x: the batch (N, in), which
    needs no gradient; dy: the upstream gradient of the scores (N, out).
    Returns (dw1, db1, dw2, db2), shaped like the parameters.

    For x = [[1]], w1 = [[2], [−1]], w2 = [[3, 5]], biases of 0 and dy = [[1]]: z = [[2, −1]], so
    the second unit is closed. dw1 = [[3], [0]], db1 = [3, 0], dw2 = [[2, 0]], db2 = [1]
    """
    raise NotImplementedError
