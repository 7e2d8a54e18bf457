"""Arrays as the kernels take them: C-contiguous rows of float32 or float64."""

from typing import Any

import numpy as np

from minitransformer import memory

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def fits(*arrays: Any) -> bool:
    """Whether all arrays are float32, or all float64."""
    dtype = arrays[0].dtype
    return dtype in FLOATS and all(x.dtype == dtype for x in arrays)


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
