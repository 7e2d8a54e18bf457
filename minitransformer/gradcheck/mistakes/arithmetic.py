"""Wrong backward passes of elementwise arithmetic, where broadcasting is forgotten."""

import numpy as np

from .operation import Operation


def add(x, bias):
    return x + bias


def add_backward(dy, x, bias):
    return dy.copy(), dy.sum(axis=0)


ADD = Operation("add", add, add_backward, lambda rng: (rng.normal(size=(3, 5)), rng.normal(size=5)))


@ADD.mistake("The smaller input was broadcast along axis 0; its gradient is dy summed over it.")
def not_summed(dy, x, bias):
    return dy.copy(), 1 * dy


@ADD.mistake("Broadcasting copies, and copies add up: sum dy over axis 0, do not average it.")
def averaged(dy, x, bias):
    return dy.copy(), dy.mean(axis=0)


@ADD.mistake("Both gradients are one array: adding into one changes the other. Copy dy.")
def shared(dy, x, bias):
    return dy, dy[0]


@ADD.mistake("The gradient of a sum passes dy on; ones are right only at the very end.")
def ones(dy, x, bias):
    return np.ones_like(x), np.full_like(bias, len(x))


def mul(x, scale):
    return x * scale


def mul_backward(dy, x, scale):
    return dy * scale, (dy * x).sum(axis=0)


MUL = Operation("mul", mul, mul_backward, lambda rng: (rng.normal(size=(3, 5)), rng.normal(size=5)))


@MUL.mistake("d(x·s)/dx is s and d(x·s)/ds is x: each gets the other factor, not its own.")
def own_factor(dy, x, scale):
    return dy * x, (dy * scale).sum(axis=0)


@MUL.mistake("The factor was broadcast along axis 0; its gradient is dy·x summed over it.")
def factor_not_summed(dy, x, scale):
    return dy * scale, dy * x


@MUL.mistake("The factor's gradient is dy·x summed: the x is missing.")
def factor_without_input(dy, x, scale):
    return dy * scale, dy.sum(axis=0)


@MUL.mistake("The product's gradient for x is dy·s: the factor s is missing.")
def passed_on(dy, x, scale):
    return dy.copy(), (dy * x).sum(axis=0)


def div(a, b):
    return a / b


def div_backward(dy, a, b):
    return dy / b, -dy * a / b**2


DIV = Operation(
    "div",
    div,
    div_backward,
    lambda rng: (rng.normal(size=(3, 5)), rng.uniform(0.5, 2, size=(3, 5))),
)


@DIV.mistake("The denominator's gradient is −dy·a/b²: the minus sign is missing.")
def denominator_sign(dy, a, b):
    return dy / b, dy * a / b**2


@DIV.mistake("The denominator's gradient is −dy·a/b²: the square is missing.")
def denominator_not_squared(dy, a, b):
    return dy / b, -dy * a / b


@DIV.mistake("The denominator's gradient is −dy·a/b²: the numerator a is missing.")
def denominator_without_numerator(dy, a, b):
    return dy / b, -dy / b**2


@DIV.mistake("The numerator's gradient is dy/b: dividing by b again, not multiplying.")
def numerator_times(dy, a, b):
    return dy * b, -dy * a / b**2
