"""Arithmetic and functions of one entry at a time."""

import numpy as np

from .maker import Maker, of


@of("add", "sub", "mul")
def two_arrays(make: Maker) -> tuple:
    a, b = make.broadcast_pair()
    scalar = make.choose(None, None, 2, -1.5)
    return (make.normal(a), make.normal(b) if scalar is None else scalar), {}


@of("div")
def quotient(make: Maker) -> tuple:
    a, b = make.broadcast_pair()
    return (make.normal(a), make.nonzero(b)), {}


@of("pow")
def power(make: Maker) -> tuple:
    a, b = make.broadcast_pair()
    kind = make.choose("arrays", "integer exponent", "real exponent", "number base")
    inputs = {
        "arrays": (make.positive(a), make.normal(b)),
        "integer exponent": (make.nonzero(a), make.choose(0, 1, 2, 3, -1)),
        "real exponent": (make.positive(a), make.choose(0.5, -1.5)),
        "number base": (2.0, make.normal(b)),
    }
    return inputs[kind], {}


@of("maximum", "minimum")
def two_apart(make: Maker) -> tuple:
    a, b = make.broadcast_pair()
    return (make.distinct(a), make.distinct(b, offset=0.15)), {}


@of("where")
def choice(make: Maker) -> tuple:
    a, b = make.broadcast_pair()
    condition = np.asarray(make.rng.random(make.choose(a, b)) < 0.5)
    return (condition, make.normal(a), make.choose(make.normal(b), -1e9)), {}


@of("neg", "exp", "sin", "cos", "sigmoid", "tanh", "silu")
def one_smooth(make: Maker) -> tuple:
    return (make.normal((*make.batch(1), *make.shape())),), {}


@of("log", "sqrt")
def one_positive(make: Maker) -> tuple:
    return (make.positive((*make.batch(1), *make.shape())),), {}


@of("abs", "relu")
def one_nonzero(make: Maker) -> tuple:
    return (make.nonzero((*make.batch(1), *make.shape())),), {}


@of("leaky_relu")
def leaky(make: Maker) -> tuple:
    return one_nonzero(make)[0], {"negative_slope": make.choose(0.01, 0.3)}


@of("gelu")
def gelu(make: Maker) -> tuple:
    return one_smooth(make)[0], {"approximate": make.choose("none", "tanh")}


@of("clip")
def bounds(make: Maker) -> tuple:
    x = make.nonzero(make.shape())
    x[np.abs(np.abs(x) - 0.7) < 0.05] = 0.5
    low, high = make.choose((-0.7, 0.7), (-0.7, None), (None, 0.7))
    return (x,), {"low": low, "high": high}
