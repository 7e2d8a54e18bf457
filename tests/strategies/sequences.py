"""Ops of padded sequences, and of positions."""

from .maker import Maker, of


@of("masked_mean")
def some_real(make: Maker) -> tuple:
    batch, (length, features) = make.choose(1, 2, 3, 0), make.shape(2, 2)
    mask = make.rng.random((batch, length)) < 0.5
    mask[:, make.choose(0, -1)] = True
    return (make.normal((batch, length, features)), mask), {}


@of("rotary")
def turned(make: Maker) -> tuple:
    length, features = make.choose(1, 2, 5), make.choose(2, 4, 6)
    options = {"base": make.choose(10000.0, 10.0), "start": make.choose(0, 3)}
    return (make.normal((*make.batch(), length, features)),), options
