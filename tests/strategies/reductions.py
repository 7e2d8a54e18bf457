"""Sums, means and extremes along axes."""

import numpy as np

from .maker import Maker, of


def along(make: Maker, x: np.ndarray) -> tuple:
    return (x,), {"axis": make.axis(x.ndim, several=True), "keepdims": make.choose(False, True)}


@of("sum")
def summed(make: Maker) -> tuple:
    return along(make, make.normal((*make.batch(1), *make.shape())))


@of("mean")
def averaged(make: Maker) -> tuple:
    return along(make, make.normal(make.shape()))


@of("max", "min")
def extreme(make: Maker) -> tuple:
    return along(make, make.distinct(make.shape()))


@of("var")
def spread_out(make: Maker) -> tuple:
    (x,), options = averaged(make)
    axes = range(x.ndim) if options["axis"] is None else np.atleast_1d(options["axis"]).astype(int)
    n = int(np.prod([x.shape[i] for i in axes]))
    return (x,), {**options, "correction": make.choose(0, 1) if n > 1 else 0}
