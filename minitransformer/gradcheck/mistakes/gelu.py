"""Wrong backward passes of GELU, in its exact form and in the tanh form."""

import math

import numpy as np

from .operation import Operation

ROOT = math.sqrt(2 / math.pi)
erf = np.vectorize(math.erf, otypes=[float])


def _matrix(rng):
    return (rng.normal(size=(5, 7)),)


def below(x):
    """Φ(x): the share of a normal distribution below x."""
    return (1 + erf(x / math.sqrt(2))) / 2


def density(x):
    """φ(x), the derivative of Φ."""
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu(x):
    return x * below(x)


def gelu_backward(dy, x):
    return dy * (below(x) + x * density(x))


GELU = Operation("gelu", gelu, gelu_backward, _matrix)


@GELU.mistake("The forward pass is the exact form (erf), this gradient that of the tanh form.")
def tanh_form(dy, x):
    return gelu_tanh_backward(dy, x)


@GELU.mistake("x·Φ(x) has two terms: Φ(x) and x·φ(x). The second is missing.")
def without_density(dy, x):
    return dy * below(x)


@GELU.mistake("The normal density lacks its 1/√(2π).")
def density_not_normalised(dy, x):
    return dy * (below(x) + x * np.exp(-x * x / 2))


@GELU.mistake("The density is not multiplied by x: (xΦ)' = Φ + x·φ.")
def density_without_input(dy, x):
    return dy * (below(x) + density(x))


@GELU.mistake("erf is of x/√2, here of x: Φ(x) = (1 + erf(x/√2))/2.")
def root_forgotten(dy, x):
    return dy * ((1 + erf(x)) / 2 + x * density(x))


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(ROOT * (x + 0.044715 * x**3)))


def gelu_tanh_backward(dy, x):
    t = np.tanh(ROOT * (x + 0.044715 * x**3))
    slope = ROOT * (1 + 3 * 0.044715 * x**2)
    return dy * ((1 + t) / 2 + x / 2 * (1 - t**2) * slope)


GELU_TANH = Operation("gelu_tanh", gelu_tanh, gelu_tanh_backward, _matrix)


@GELU_TANH.mistake("The forward pass is the tanh form, this gradient that of the exact form (erf).")
def exact_form(dy, x):
    return gelu_backward(dy, x)


@GELU_TANH.mistake("The 3 of (x³)' = 3x² is missing.")
def without_three(dy, x):
    t = np.tanh(ROOT * (x + 0.044715 * x**3))
    return dy * ((1 + t) / 2 + x / 2 * (1 - t**2) * ROOT * (1 + 0.044715 * x**2))


@GELU_TANH.mistake("The chain rule stops at tanh: its argument's derivative is missing.")
def without_inner_slope(dy, x):
    t = np.tanh(ROOT * (x + 0.044715 * x**3))
    return dy * ((1 + t) / 2 + x / 2 * (1 - t**2))


@GELU_TANH.mistake("A product has two terms; the one with 1 − tanh² is missing.")
def first_term_only(dy, x):
    t = np.tanh(ROOT * (x + 0.044715 * x**3))
    return dy * (1 + t) / 2
