"""Wrong backward passes of softmax and log_softmax."""

import numpy as np

from .operation import Operation


def _matrix(rng):
    return (rng.normal(size=(3, 5)),)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_backward(dy, x, axis=-1):
    y = softmax(x, axis)
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


SOFTMAX = Operation("softmax", softmax, softmax_backward, _matrix)


@SOFTMAX.mistake(
    "You treated softmax like a sigmoid: each output depends on every input of its row, so the "
    "row's Σ(dy·y) must be subtracted."
)
def diagonal(dy, x):
    y = softmax(x)
    return dy * y * (1 - y)


@SOFTMAX.mistake("The derivative runs over the wrong axis: the forward pass is over the last one.")
def wrong_axis(dy, x):
    return softmax_backward(dy, x, axis=0)


@SOFTMAX.mistake("The sum is over axis 0; the rows of softmax are along the last axis.")
def sum_over_batch(dy, x):
    y = softmax(x)
    return y * (dy - (dy * y).sum(axis=0, keepdims=True))


@SOFTMAX.mistake("The sum runs over the whole array; each row has its own.")
def sum_over_all(dy, x):
    y = softmax(x)
    return y * (dy - (dy * y).sum())


@SOFTMAX.mistake("y·dy is what an exp would pass on; the row's Σ(dy·y) must be subtracted.")
def without_the_sum(dy, x):
    return softmax(x) * dy


@SOFTMAX.mistake("The sum is of dy·y, weighted by the output; here dy is summed alone.")
def unweighted_sum(dy, x):
    return softmax(x) * (dy - dy.sum(axis=-1, keepdims=True))


@SOFTMAX.mistake("dy is missing: y(1 − y) is one entry of the Jacobian, not the gradient.")
def diagonal_without_upstream(dy, x):
    y = softmax(x)
    return y * (1 - y)


@SOFTMAX.mistake("A mean stands where the sum Σ(dy·y) is due: y is already the weight.")
def mean_for_sum(dy, x):
    y = softmax(x)
    return y * (dy - (dy * y).mean(axis=-1, keepdims=True))


@SOFTMAX.mistake("It is all zeros: right only for an upstream of ones, as rows sum to one.")
def zeros(dy, x):
    return np.zeros_like(x)


def log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_softmax_backward(dy, x):
    return dy - softmax(x) * dy.sum(axis=-1, keepdims=True)


LOG_SOFTMAX = Operation("log_softmax", log_softmax, log_softmax_backward, _matrix)


@LOG_SOFTMAX.mistake("The row's sum of dy is missing: dy − y·Σdy, not dy·(1 − y).")
def each_alone(dy, x):
    return dy * (1 - softmax(x))


@LOG_SOFTMAX.mistake("This subtracts y, as if dy summed to one: dy − y·Σdy.")
def as_one_hot(dy, x):
    return dy - softmax(x)


@LOG_SOFTMAX.mistake("The second term uses the output, which is a log: take its exp first.")
def log_for_probability(dy, x):
    return dy - log_softmax(x) * dy.sum(axis=-1, keepdims=True)


@LOG_SOFTMAX.mistake("This is softmax's gradient; log_softmax's is dy − y·Σdy.")
def as_softmax(dy, x):
    return softmax_backward(dy, x)


@LOG_SOFTMAX.mistake("dy passes straight through; the normaliser's part, y·Σdy, is missing.")
def without_normaliser(dy, x):
    return dy.copy()


@LOG_SOFTMAX.mistake("The sum of dy is over the whole array; each row has its own.")
def summed_over_all(dy, x):
    return dy - softmax(x) * dy.sum()
