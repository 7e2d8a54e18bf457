"""Wrong backward passes of the mean squared error and the binary cross-entropy."""

import numpy as np

from .activations import sigmoid
from .operation import Operation


def mse_loss(prediction, target):
    return ((prediction - target) ** 2).mean()


def mse_loss_backward(dy, prediction, target):
    d = 2 * dy * (prediction - target) / prediction.size
    return d, -d


MSE = Operation(
    "mse_loss",
    mse_loss,
    mse_loss_backward,
    lambda rng: (rng.normal(size=(3, 5)), rng.normal(size=(3, 5))),
)


@MSE.mistake("The 2 of the square is missing.")
def without_two(dy, prediction, target):
    d = dy * (prediction - target) / prediction.size
    return d, -d


@MSE.mistake("The mean is missing: divide by the number of elements.")
def without_mean(dy, prediction, target):
    d = 2 * dy * (prediction - target)
    return d, -d


@MSE.mistake("Divided by the batch only; the mean is over every element.")
def mean_over_batch(dy, prediction, target):
    d = 2 * dy * (prediction - target) / len(prediction)
    return d, -d


@MSE.mistake("The difference is the wrong way round: prediction − target.")
def difference_reversed(dy, prediction, target):
    d = 2 * dy * (target - prediction) / prediction.size
    return d, -d


@MSE.mistake("The upstream gradient is missing: a loss may be scaled, or be one of several.")
def without_upstream(dy, prediction, target):
    d = 2 * (prediction - target) / prediction.size
    return d, -d


@MSE.mistake("The target's gradient has the opposite sign to the prediction's.")
def target_sign(dy, prediction, target):
    d = 2 * dy * (prediction - target) / prediction.size
    return d, d.copy()


@MSE.mistake("This is the gradient of the absolute error; the square's is 2(prediction − target).")
def of_absolute_error(dy, prediction, target):
    d = dy * np.sign(prediction - target) / prediction.size
    return d, -d


def bce_with_logits(logits, target):
    x, t = logits, target
    return (np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))).mean()


def bce_with_logits_backward(dy, logits, target):
    return dy * (sigmoid(logits) - target) / logits.size, -dy * logits / logits.size


BCE = Operation(
    "bce_with_logits",
    bce_with_logits,
    bce_with_logits_backward,
    lambda rng: (rng.normal(size=(3, 5)), rng.random((3, 5))),
)


@BCE.mistake("σ(x) is missing: the logits are compared with the target as they are.")
def without_sigmoid(dy, logits, target):
    return dy * (logits - target) / logits.size, -dy * logits / logits.size


@BCE.mistake("The target is missing: σ(x) − t.")
def without_target(dy, logits, target):
    return dy * sigmoid(logits) / logits.size, -dy * logits / logits.size


@BCE.mistake("The mean is missing: divide by the number of elements.")
def not_averaged(dy, logits, target):
    return dy * (sigmoid(logits) - target), -dy * logits


@BCE.mistake("σ' is counted twice: with logits it cancels, and σ(x) − t is all that stays.")
def sigmoid_twice(dy, logits, target):
    y = sigmoid(logits)
    return dy * (y - target) * y * (1 - y) / logits.size, -dy * logits / logits.size


@BCE.mistake("The difference is the wrong way round: σ(x) − t.")
def sign_reversed(dy, logits, target):
    return dy * (target - sigmoid(logits)) / logits.size, -dy * logits / logits.size


@BCE.mistake("The upstream gradient is missing.")
def upstream_forgotten(dy, logits, target):
    return (sigmoid(logits) - target) / logits.size, -dy * logits / logits.size
