"""Wrong backward passes of the activations."""

import numpy as np

from .operation import Operation


def _matrix(rng):
    return (rng.normal(size=(5, 7)),)


def relu(x):
    return np.maximum(x, 0)


def relu_backward(dy, x):
    return dy * (x > 0)


RELU = Operation("relu", relu, relu_backward, _matrix)


@RELU.mistake("Where x < 0 the output is flat: dy must be masked with x > 0.")
def unmasked(dy, x):
    return dy.copy()


@RELU.mistake("The mask is of dy; it must be of the input: dy * (x > 0).")
def masked_by_upstream(dy, x):
    return np.maximum(dy, 0)


@RELU.mistake("The derivative of ReLU is 1 or 0, not x or 0.")
def times_itself(dy, x):
    return dy * np.maximum(x, 0)


@RELU.mistake("The mask is the gradient for dy = 1; multiply by dy.")
def mask_only(dy, x):
    return (x > 0).astype(float)


@RELU.mistake("The mask is the wrong way round: the gradient flows where x > 0.")
def mask_inverted(dy, x):
    return dy * (x < 0)


def leaky_relu(x):
    return np.where(x > 0, x, 0.01 * x)


def leaky_relu_backward(dy, x):
    return dy * np.where(x > 0, 1, 0.01)


LEAKY_RELU = Operation("leaky_relu", leaky_relu, leaky_relu_backward, _matrix)


@LEAKY_RELU.mistake("Where x < 0 a little flows: the slope, not zero.")
def as_relu(dy, x):
    return dy * (x > 0)


@LEAKY_RELU.mistake("Where x < 0 the gradient is slope·dy, not slope·x·dy.")
def slope_times_input(dy, x):
    return dy * np.where(x > 0, 1, 0.01 * x)


@LEAKY_RELU.mistake("The two branches are exchanged: the slope belongs where x < 0.")
def branches_exchanged(dy, x):
    return dy * np.where(x > 0, 0.01, 1)


@LEAKY_RELU.mistake("The branch is chosen by the sign of dy; it must be by that of x.")
def branch_by_upstream(dy, x):
    return dy * np.where(dy > 0, 1, 0.01)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(dy, x):
    y = sigmoid(x)
    return dy * y * (1 - y)


SIGMOID = Operation("sigmoid", sigmoid, sigmoid_backward, _matrix)


@SIGMOID.mistake("The derivative is y(1 − y) of the output y; this uses the input x.")
def from_input(dy, x):
    return dy * x * (1 - x)


@SIGMOID.mistake("Half of the derivative: y(1 − y), the factor 1 − y is missing.")
def half_of_product(dy, x):
    return dy * sigmoid(x)


@SIGMOID.mistake("1 − y² is tanh's derivative; sigmoid's is y(1 − y).")
def as_tanh(dy, x):
    return dy * (1 - sigmoid(x) ** 2)


@SIGMOID.mistake("y is squashed twice: sigmoid of the output where the output is due.")
def squashed_twice(dy, x):
    y = sigmoid(sigmoid(x))
    return dy * y * (1 - y)


def tanh(x):
    return np.tanh(x)


def tanh_backward(dy, x):
    return dy * (1 - np.tanh(x) ** 2)


TANH = Operation("tanh", tanh, tanh_backward, _matrix)


@TANH.mistake("The derivative is 1 − y²: the square is missing.")
def not_squared(dy, x):
    return dy * (1 - np.tanh(x))


@TANH.mistake("The derivative is 1 − y² of the output y; this uses the input x.")
def of_the_input(dy, x):
    return dy * (1 - x**2)


@TANH.mistake("y(1 − y) is sigmoid's derivative; tanh's is 1 − y².")
def as_sigmoid(dy, x):
    y = np.tanh(x)
    return dy * y * (1 - y)


@TANH.mistake("tanh is applied to the output again: 1 − tanh(tanh(x))². Save y, and use 1 − y².")
def applied_twice(dy, x):
    return dy * (1 - np.tanh(np.tanh(x)) ** 2)


def silu(x):
    return x * sigmoid(x)


def silu_backward(dy, x):
    s = sigmoid(x)
    return dy * (s + x * s * (1 - s))


SILU = Operation("silu", silu, silu_backward, _matrix)


@SILU.mistake("A product has two terms: σ(x) and x·σ'(x). The second is missing.")
def first_term_only(dy, x):
    return dy * sigmoid(x)


@SILU.mistake("A product has two terms: σ(x) and x·σ'(x). The first is missing.")
def second_term_only(dy, x):
    s = sigmoid(x)
    return dy * x * s * (1 - s)


@SILU.mistake("The derivative of sigmoid in the second term is σ(1 − σ), not σ: a factor is lost.")
def sigmoid_not_differentiated(dy, x):
    s = sigmoid(x)
    return dy * (s + x * s)


@SILU.mistake("This is y + σ(1 − σ): the y belongs inside, y + σ(1 − y).")
def output_misplaced(dy, x):
    s, y = sigmoid(x), silu(x)
    return dy * (y + s * (1 - s))
