"""The strict module refuses what CuPy refuses, and what CuPy lets pass with no defined result."""

import numpy as np
import pytest

from . import strict_cupy as cp
from .strict_rules import CuPyError

HOST = np.ones((2, 3), np.float32)

LACKING = {
    "errstate": lambda x: cp.errstate,
    "vecdot": lambda x: cp.vecdot,
    "sum(where=)": lambda x: cp.sum(x, where=x > 0),
    "max(initial=) of an array": lambda x: x.max(initial=0),
    "exp(where=)": lambda x: cp.exp(x, where=True),
    "einsum(out=)": lambda x: cp.einsum("ij->i", x, out=cp.ones(2)),
    "maximum.reduce": lambda x: cp.maximum.reduce(x),
    "subtract.at": lambda x: cp.subtract.at(x, cp.arange(2), 1.0),
    "flags.writeable": lambda x: x.flags.writeable,
    "an index from a 0-d array": lambda x: [1, 2, 3][cp.asarray([1]).max()],
}

MIXED = {
    "numpy.exp": lambda x: np.exp(x),
    "numpy.sum": lambda x: np.sum(x),
    "numpy.asarray": lambda x: np.asarray(x),
    "device + host": lambda x: x + HOST,
    "host + device": lambda x: HOST + x,
    "a host array of shape ()": lambda x: x * np.asarray(2.0),
    "stack of host arrays": lambda x: cp.stack([HOST]),
    "a host index": lambda x: x[np.array([0])],
}

UNDEFINED = {
    "an index out of range": lambda x: x[cp.asarray([5])],
    "one place assigned twice": lambda x: x.__setitem__(cp.asarray([0, 0]), cp.ones((2, 3))),
}


@pytest.fixture
def x():
    return cp.asarray(HOST)


@pytest.mark.parametrize("what", LACKING)
def test_what_cupy_lacks(x, what):
    with pytest.raises((AttributeError, TypeError, NotImplementedError)):
        LACKING[what](x)


@pytest.mark.parametrize("what", MIXED)
def test_host_and_device_mixed(x, what):
    with pytest.raises(CuPyError):
        MIXED[what](x)


@pytest.mark.parametrize("what", UNDEFINED)
def test_what_has_no_defined_result(x, what):
    with pytest.raises((CuPyError, IndexError)):
        UNDEFINED[what](x)


def test_a_list_or_host_array_is_no_value_to_assign(x):
    for value in (HOST[0], [1, 2, 3]):
        with pytest.raises(ValueError, match="cannot be used for fill"):
            x[0] = value


def test_what_is_allowed(x):
    assert (np.float32(2) * x).dtype == (x * 2.0).dtype == np.float32
    assert isinstance(x.sum(), cp.ndarray) and x.sum().shape == ()
    assert x[1:].T.base is x and cp.asarray(x) is x
    assert np.isnan(cp.empty(3).get()).all()
    x += 1
    assert (x.get() == 2).all() and (HOST == 1).all()


def test_trips_to_the_host_are_counted(x):
    cp.TRIPS.clear()
    float(x.sum()), x.get(), bool((x > 0).all()), x[x > 0]
    assert cp.TRIPS == {"float": 1, "get": 1, "bool": 1, "boolean index": 1}
