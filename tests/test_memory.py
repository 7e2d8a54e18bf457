"""The pool of large arrays: reused, never too early, and never growing."""

import gc
import threading

import numpy as np
import pytest

from minitransformer import memory
from minitransformer.memory import SMALLEST_BLOCK, Pool, empty, is_own

LARGE = (SMALLEST_BLOCK // 4,)


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    """A pool that has seen nothing."""
    gc.collect()
    memory._returned.clear()
    fresh = Pool()
    monkeypatch.setattr(memory, "_pool", fresh)
    yield fresh
    gc.collect()
    memory._returned.clear()


def address(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]


def test_what_it_gives_is_an_ordinary_array():
    for shape, dtype in [(LARGE, np.float32), ((3, 50, 400), np.float64), ((2, 0), np.float32)]:
        x = empty(shape, dtype)
        assert (x.shape, x.dtype, type(x)) == (shape, np.dtype(dtype), np.ndarray)
        assert x.flags.c_contiguous and x.flags.writeable and is_own(x)
        assert not x.size or not is_own(x[:1])


def test_memory_of_a_dead_array_is_handed_to_the_next():
    x = empty(LARGE)
    x[...] = 7
    where = address(x)
    del x
    assert address(empty(LARGE)) == where
    assert address(empty((2, LARGE[0] // 2))) == where  # of the same size in bytes


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[10:20],
        lambda x: x.reshape(2, -1).T,
        lambda x: x.view(np.int32)[5:],
        lambda x: np.asarray(memoryview(x)),
        lambda x: x[::2][1:].reshape(-1, 1),
    ],
)
def test_a_view_keeps_the_memory(view):
    x = empty(LARGE)
    x[...] = 7
    kept = view(x)
    before, where = kept.copy(), address(x)
    del x
    other = empty(LARGE)
    other[...] = 8
    assert address(other) != where
    assert np.array_equal(kept, before)


def test_it_holds_little_more_than_was_in_use_at_once(pool):
    for size in [1, 3, 2, 5, 4, 1, 7, 6, 3, 8]:
        x = empty((LARGE[0] * size,))
        del x
        assert pool.most_used <= 8 * SMALLEST_BLOCK
        assert pool.idle + pool.used <= pool.most_used * 5 / 4


def test_a_repeated_pattern_needs_no_fresh_memory(pool, monkeypatch):
    def step() -> None:
        kept = [empty((LARGE[0] * n,)) for n in (1, 2, 4, 1)]
        del kept[0], kept[1]
        kept.append(empty((LARGE[0] * 2,)))

    step()
    made = []
    monkeypatch.setattr(memory, "Bytes", made.append)
    step()
    assert made == []


def test_release_gives_back_what_is_unused(pool):
    x, y = empty(LARGE), empty(LARGE)
    del x
    assert memory.release() == SMALLEST_BLOCK
    assert (pool.idle, pool.used) == (0, y.nbytes)
    assert memory.release() == 0


def test_large_arrays_are_aligned():
    assert all(address(empty((size,))) % 64 == 0 for size in (20000, 20001, 30003))


def test_small_arrays_do_not_go_through_the_pool(pool):
    x = empty((10,))
    assert x.base is None
    assert pool.most_used == 0


def test_threads_never_share_a_block(pool):
    wrong = []

    def work(number: int) -> None:
        for i in range(300):
            x, y = empty(LARGE), empty((LARGE[0] * (1 + i % 2),))
            x[...], y[...] = number, -number
            if not (x == number).all() or not (y == -number).all():
                wrong.append(number)

    workers = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    memory.release()
    assert (pool.used, pool.idle) == (0, 0)


def test_blocks_caught_in_a_cycle_come_back(pool):
    cycle = [empty(LARGE)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    pool.collect()
    assert pool.idle == SMALLEST_BLOCK


def test_training_leaves_memory_flat(pool):
    import minitransformer as mt
    from minitransformer import functional as F

    weight = mt.Tensor(np.ones((256, 256), np.float32), requires_grad=True)
    held = []
    for _ in range(6):
        x = mt.Tensor(np.ones((300, 256), np.float32))
        F.gelu(F.linear(x, weight)).sum().backward()
        weight.grad = None
        pool.collect()
        held.append(pool.idle + pool.used)
    assert held[1] == held[-1]
