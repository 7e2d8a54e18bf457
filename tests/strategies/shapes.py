"""Ops that move, pick, join or convert entries."""

import numpy as np
from hypothesis import strategies as st

from .maker import SIZES, Maker, of


@of("reshape")
def reshaped(make: Maker) -> tuple:
    x = make.normal(make.shape(1))
    return (x,), {"shape": make.choose((-1,), x.shape[::-1], (1, *x.shape), (x.size, 1))}


@of("permute")
def permuted(make: Maker) -> tuple:
    x = make.normal((*make.batch(1), *make.shape()))
    axes = make.draw(st.permutations(range(x.ndim)))
    return (x,), {"axes": tuple(i - x.ndim if make.choose(False, True) else i for i in axes)}


@of("getitem")
def indexed(make: Maker) -> tuple:
    x = make.normal((3, 4, 5))
    twice = np.array([[0, 2], [2, 2]])
    indices = (
        *(1, -1, slice(None, None, 2), slice(3, 0, -1), ..., None, (slice(None), None, 2)),
        *(twice, (slice(None), twice), (twice, slice(1, 3), twice), (..., np.array([0, 0, 4]))),
        *(make.rng.random((3, 4)) < 0.5, (0, make.rng.random(4) < 0.5), np.int64(2), slice(0, 0)),
    )
    return (x,), {"index": indices[make.draw(st.integers(0, len(indices) - 1))]}


@of("concatenate")
def end_to_end(make: Maker) -> tuple:
    shape = make.shape(1)
    axis = make.axis(len(shape))
    shapes = [list(shape) for _ in range(make.choose(1, 2, 3))]
    for other in shapes:
        other[axis] = make.draw(SIZES)
    return tuple(make.normal(tuple(s)) for s in shapes), {"axis": axis}


@of("stack")
def stacked(make: Maker) -> tuple:
    shape = make.shape()
    xs = tuple(make.normal(shape) for _ in range(make.choose(1, 2, 3)))
    return xs, {"axis": make.axis(len(shape) + 1)}


@of("pad")
def padded(make: Maker) -> tuple:
    x = make.normal(make.shape())
    width = tuple((make.choose(0, 1, 2), make.choose(0, 3)) for _ in x.shape)
    return (x,), {"pad_width": width, "value": make.choose(0.0, -2.5)}


@of("broadcast_to")
def repeated(make: Maker) -> tuple:
    shape = (*make.batch(1), *make.shape(1))
    return (make.normal(make.thinner(shape)),), {"shape": shape}


@of("tril")
def triangle(make: Maker) -> tuple:
    return (make.normal((*make.batch(), *make.shape(2, 2))),), {"k": make.choose(0, -1, 1)}


@of("to")
def converted(make: Maker) -> tuple:
    return (make.normal(make.shape()),), {"device": make.choose(None, "cpu"), "dtype": make.dtype}
