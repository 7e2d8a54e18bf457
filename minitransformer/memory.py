"""The one place where kernels get memory from.

A fresh large array costs a page fault for every 4 kB touched, often more than the
arithmetic that fills it. So large arrays are cut from blocks that come back to a pool
when the last array (or view) over them dies, and are handed to the next one of that size.
What waits and what is in use never hold more together than 5/4 of what was once in use at one
time: room enough for a training step, whose sizes peak at different moments.
"""

import threading
from collections import OrderedDict, deque
from math import prod
from typing import Any

import numpy as np

SMALLEST_BLOCK = 1 << 16  # bytes; below it the C library's own free lists are as fast
ALIGNMENT = 64

# Blocks come back from any thread, at any instruction, even inside `empty`: appending to a
# deque is all that may happen then. `empty` moves them to the pool, under the lock.
_returned: deque["Bytes"] = deque()
_lock = threading.Lock()


class Bytes:
    """Memory from the system, aligned to what the widest registers load at once."""

    __slots__ = ("array", "place", "size")

    def __init__(self, size: int) -> None:
        self.array = np.empty(size + ALIGNMENT, np.uint8)
        start, read_only = self.array.__array_interface__["data"]
        self.place = start + -start % ALIGNMENT, read_only
        self.size = size


class Block:
    """The owner of a pooled array's memory, its `base`; gives it back when nothing looks at it.

    Not an ndarray: NumPy would skip it and make the raw bytes the base of each view.
    """

    __slots__ = ("__array_interface__", "memory")

    def __init__(self, memory: Bytes, shape: tuple[int, ...], typestr: str) -> None:
        self.memory = memory
        layout = {"data": memory.place, "shape": shape, "typestr": typestr, "version": 3}
        self.__array_interface__ = layout

    def __del__(self, give_back: Any = _returned.append) -> None:
        give_back(self.memory)


class Pool:
    """Unused memory by size, the sizes in the order in which they were last asked for."""

    def __init__(self) -> None:
        self.waiting: OrderedDict[int, list[Bytes]] = OrderedDict()
        self.idle = self.used = self.most_used = 0  # bytes

    def take(self, size: int) -> Bytes:
        """Memory of `size` bytes, some that waits if there is any."""
        if _returned:
            self.collect()
        waiting = self.waiting.get(size)
        self.used += size
        if self.used > self.most_used:
            self.most_used = self.used
        if waiting:
            self.waiting.move_to_end(size)
            self.idle -= size
            return waiting.pop()
        self.trim(self.most_used * 5 // 4 - self.used)
        return Bytes(size)

    def collect(self) -> None:
        """Put the memory that came back where it can be found."""
        while _returned:
            memory = _returned.popleft()
            self.waiting.setdefault(memory.size, []).append(memory)
            self.idle += memory.size
            self.used -= memory.size

    def trim(self, allowed: int) -> int:
        """Free memory until no more than `allowed` bytes wait; the bytes freed."""
        before = self.idle
        while self.idle > allowed:
            size, waiting = next(iter(self.waiting.items()))
            if waiting:
                waiting.pop()
                self.idle -= size
            else:
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
        memory = _pool.take(size)
    return np.asarray(Block(memory, shape, dtype.str))


def empty_like(x: np.ndarray) -> np.ndarray:
    """An uninitialised C-contiguous array of `x`'s shape and dtype."""
    return empty(x.shape, x.dtype)


def add(a: Any, b: Any) -> Any:
    """a + b; two large arrays of one kind give one over reused memory."""
    if not (type(a) is type(b) is np.ndarray) or a.nbytes < SMALLEST_BLOCK:
        return a + b
    if a.shape != b.shape or a.dtype != b.dtype:
        return a + b
    return np.add(a, b, out=empty(a.shape, a.dtype))


def is_own(x: np.ndarray) -> bool:
    """Whether `x` is the whole of its memory, not a view of another array's."""
    base = x.base
    return base is None or type(base) is Block


def release() -> int:
    """Give all unused blocks back to the system; the number of bytes they held."""
    with _lock:
        _pool.collect()
        return _pool.trim(0)
