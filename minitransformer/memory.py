"""The one place where kernels get memory from.

A fresh large array costs a page fault for every 4 kB touched, often more than the
arithmetic that fills it. So large arrays are cut from blocks that come back to a pool
when the last array (or view) over them dies, and are handed to the next one of that size.
The pool and what is in use never hold more together than was once in use at one time.
"""

import threading
from collections import OrderedDict, deque
from math import prod
from typing import Any

import numpy as np

SMALLEST_BLOCK = 1 << 16  # bytes; below it the C library's own free lists are as fast

# Blocks come back from any thread, at any instruction, even inside `empty`: appending to a
# deque is all that may happen then. `empty` moves them to the pool, under the lock.
_returned: deque[np.ndarray] = deque()
_lock = threading.Lock()


class Block:
    """The owner of a pooled array's memory, its `base`; gives it back when nothing looks at it.

    Not an ndarray: NumPy would skip it and make the raw bytes the base of each view.
    """

    __slots__ = ("__array_interface__", "raw")

    def __init__(self, raw: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.raw = raw
        place = raw.__array_interface__["data"]
        self.__array_interface__ = {
            "data": place, "shape": shape, "typestr": dtype.str, "version": 3
        }  # fmt: skip

    def __del__(self, give_back: Any = _returned.append) -> None:
        give_back(self.raw)


class Pool:
    """Unused blocks by size, the sizes in the order in which they were last asked for."""

    def __init__(self) -> None:
        self.waiting: OrderedDict[int, list[np.ndarray]] = OrderedDict()
        self.idle = self.used = self.most_used = 0  # bytes

    def take(self, size: int) -> np.ndarray:
        """A block of `size` bytes, a waiting one if there is one."""
        self.collect()
        blocks = self.waiting.setdefault(size, [])
        self.waiting.move_to_end(size)
        if blocks:
            self.idle -= size
            raw = blocks.pop()
        else:
            self.trim(self.most_used - self.used - size)
            raw = np.empty(size, np.uint8)
        self.used += size
        self.most_used = max(self.most_used, self.used)
        return raw

    def collect(self) -> None:
        """Put the blocks that came back where they can be found."""
        while _returned:
            raw = _returned.popleft()
            self.waiting.setdefault(raw.nbytes, []).append(raw)
            self.idle += raw.nbytes
            self.used -= raw.nbytes

    def trim(self, allowed: int) -> int:
        """Free blocks until no more than `allowed` bytes wait; the bytes freed."""
        before = self.idle
        while self.idle > max(0, allowed):
            size, blocks = next(iter(self.waiting.items()))
            if blocks:
                blocks.pop()
                self.idle -= size
            if not blocks:
                del self.waiting[size]
        return before - self.idle


_pool = Pool()


def empty(shape: tuple[int, ...], dtype: np.dtype | type = np.float32) -> np.ndarray:
    """An uninitialised C-contiguous array, over reused memory where there is some."""
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    if size < SMALLEST_BLOCK:
        return np.empty(shape, dtype)
    with _lock:
        raw = _pool.take(size)
    return np.asarray(Block(raw, shape, dtype))


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
        _pool.collect()
        return _pool.trim(0)
