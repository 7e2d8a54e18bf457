"""Arrays as the kernels take them: rows of float32 or float64, dense in memory."""

from typing import Any

import numpy as np

from minitransformer import memory

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def fits(*arrays: Any) -> bool:
    """Whether all arrays are float32, or all float64."""
    dtype = arrays[0].dtype
    if dtype != FLOAT32 and dtype != FLOAT64:
        return False
    for x in arrays:  # noqa: SIM110 (a generator takes three times as long)
        if x.dtype != dtype:
            return False
    return True


def as_rows(x: np.ndarray) -> np.ndarray:
    """`x` as a matrix of its last axis, which must not be empty; a copy only if it must be."""
    return contiguous(x).reshape(-1, x.shape[-1])


def flat(x: np.ndarray) -> np.ndarray:
    """All of `x` as one row."""
    return contiguous(x).reshape(-1)


def contiguous(x: np.ndarray) -> np.ndarray:
    """`x` in C order: itself if it is."""
    if x.flags.c_contiguous:
        return x
    y = memory.empty(x.shape, x.dtype)
    y[...] = x
    return y


def matrices(x: np.ndarray) -> np.ndarray:
    """`x` with four axes, the last two matrices of dense rows, any distance apart.

    So the heads of a packed projection, which are views, are not copied.
    """
    size, columns = x.itemsize, x.shape[-1]
    dense = x.strides[-1] == size and x.strides[-2] >= columns * size
    if not dense or x.strides[-2] % size:
        x = contiguous(x)
    return x.reshape((1,) * (4 - x.ndim) + x.shape)


def empty_like_heads(x: np.ndarray, columns: int) -> np.ndarray:
    """An array like `x` (..., H, T, D) with `columns` for D, its axes in memory ordered as x's.

    Heads that were cut from (..., T, H, D) can then be joined again without a copy.
    """
    shape = (*x.shape[:-1], columns)
    if x.ndim < 3 or x.strides[-3] >= x.strides[-2]:
        return memory.empty(shape, x.dtype)
    return memory.empty((*shape[:-3], shape[-2], shape[-3], columns), x.dtype).swapaxes(-3, -2)
