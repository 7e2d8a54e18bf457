"""Products in register tiles: every edge of a tile, every layout, both dtypes, NaN and infinity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")

from numba import prange

from minitransformer.kernels.cpu import register_tile, vectors
from minitransformer.kernels.cpu.gemm import DEPTH, WIDTH, gemm
from minitransformer.kernels.cpu.runtime import strided_kernel

CLOSE = {np.float32: 1e-6, np.float64: 1e-14}
LAYOUTS = {
    "rows": lambda x: x.copy(),
    "columns": lambda x: x.T.copy().T,
    "strided": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
    "reversed": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
}


@strided_kernel("c")
def multiply(a, b, c, alpha, add):
    for _ in prange(1):
        gemm(a, b, c, alpha, add)


def check(rng, sizes, dtype=np.float64, layouts=("rows", "rows"), add=False):
    m, depth, n = sizes
    a = LAYOUTS[layouts[0]](rng.standard_normal((m, depth)).astype(dtype))
    b = LAYOUTS[layouts[1]](rng.standard_normal((depth, n)).astype(dtype))
    around = rng.standard_normal((m + 2, n + 2)).astype(dtype)
    expected = around.astype(np.float64)
    inner = expected[1:-1, 1:-1]
    inner[...] = 0.5 * a.astype(np.float64) @ b.astype(np.float64) + (inner if add else 0)
    multiply(a, b, around[1:-1, 1:-1], dtype(0.5), add)
    assert np.abs(around - expected).max() <= CLOSE[dtype] * depth, sizes


@pytest.mark.parametrize("dtype", CLOSE)
@given(data=st.data())
def test_products_of_every_shape_and_layout(dtype, data):
    sizes = data.draw(st.tuples(*[st.integers(1, 70)] * 3))
    layouts = data.draw(st.tuples(*[st.sampled_from(list(LAYOUTS))] * 2))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    check(rng, sizes, dtype, layouts, data.draw(st.booleans()))


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("dtype", CLOSE)
def test_every_edge_of_a_tile(rng, dtype, add):
    columns = register_tile.VECTORS * vectors.VECTOR_BYTES // np.dtype(dtype).itemsize
    half = columns // 2
    for m in range(1, 2 * register_tile.ROWS + 2):
        for n in (1, half, half + 1, columns - 1, columns, columns + 1, 2 * columns + 3):
            check(rng, (m, 3, n), dtype, add=add)


def test_parts_that_are_packed_one_after_another(rng):
    check(rng, (9, 2 * DEPTH + 5, WIDTH + 37), np.float32, add=True)


def test_what_was_in_the_result_does_not_count(rng):
    a, b, c = rng.standard_normal((3, 9, 9)).astype(np.float32)
    c[...] = np.nan
    multiply(a, b, c, np.float32(1), False)
    assert np.abs(c - a @ b).max() < 1e-5


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_reaches_its_row_and_no_other(rng, bad):
    a, b, c = rng.standard_normal((3, 40, 40)).astype(np.float32)
    a[7, 5] = bad
    multiply(a, b, c, np.float32(1), False)
    assert not np.isfinite(c[7]).any()
    assert np.isfinite(np.delete(c, 7, axis=0)).all()
