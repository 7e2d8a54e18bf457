"""The one place where kernels get memory from.

A fresh large array costs a page fault for every 4 kB touched, often more than the
arithmetic that fills it. So large arrays are cut from blocks that come back to a pool
when the last array (or view) over them dies, and are handed to the next one of that size.
"""

import threading

import numpy as np

SMALLEST_BLOCK = 1 << 16  # bytes; below it the C library's own free lists are as fast
_pool: dict[int, list[np.ndarray]] = {}
_lock = threading.Lock()


class Block(np.ndarray):
    """Raw bytes under pooled arrays; goes back to the pool when nothing looks at it."""

    def __del__(self) -> None:
        raw = self.base
        if raw is not None and type(raw) is np.ndarray:
            _pool.setdefault(raw.nbytes, []).append(raw)


def empty(shape: tuple[int, ...], dtype: np.dtype | type = np.float32) -> np.ndarray:
    """An uninitialised C-contiguous array, over reused memory where there is some."""
    dtype = np.dtype(dtype)
    size = dtype.itemsize
    for n in shape:
        size *= n
    if size < SMALLEST_BLOCK:
        return np.empty(shape, dtype)
    try:
        raw = _pool[size].pop()
    except (KeyError, IndexError):
        raw = np.empty(size, np.uint8)
    return np.ndarray(shape, dtype, buffer=raw.view(Block))


def empty_like(x: np.ndarray) -> np.ndarray:
    """An uninitialised C-contiguous array of `x`'s shape and dtype."""
    return empty(x.shape, x.dtype)


def is_own(x: np.ndarray) -> bool:
    """Whether `x` is the whole of its memory, not a view of another array's."""
    base = x.base
    return base is None or type(base) is Block


def release() -> int:
    """Give all unused blocks back to the system; the number of bytes they held."""
    with _lock:
        blocks = [raw for waiting in _pool.values() for raw in waiting]
        _pool.clear()
    return sum(raw.nbytes for raw in blocks)
