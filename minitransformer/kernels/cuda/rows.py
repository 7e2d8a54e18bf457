"""Arrays as the kernels take them: float32, dense in memory, seen as rows."""

from typing import Any

import numpy as np

from minitransformer.devices import array_module

LONGEST = 2**31 - 1  # what an `int` counts to


def fits(*arrays: Any) -> bool:
    """Whether the kernels know this dtype, and can count the elements."""
    return all(x.dtype == np.float32 and x.size <= LONGEST for x in arrays)


def contiguous(x: Any) -> Any:
    """`x` in C order: itself if it is."""
    return array_module(x).ascontiguousarray(x).reshape(x.shape)


def empty(like: Any, shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
    """An uninitialised array on the device of `like`."""
    return array_module(like).empty(shape, dtype)
