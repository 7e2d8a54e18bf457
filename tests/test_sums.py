"""The kernels' sums of rows, at sizes around that of their blocks."""

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from minitransformer.kernels.cpu.sums import LANES, dot, moment, spread, total  # noqa: E402

SIZES = [0, 1, 5, LANES - 1, LANES, LANES + 1, 2 * LANES, 5 * LANES + 3, 1037]


@numba.njit
def every_sum(x, a, b, centre):
    return total(x), dot(x, a), spread(x, centre), moment(x, centre, a, b)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_those_of_numpy(size, dtype, rng):
    beyond = np.full((3, size + LANES), np.nan, dtype)
    beyond[:, :size] = rng.standard_normal((3, size))
    x, a, b = beyond[:, :size]
    found = every_sum(x, a, b, dtype(0.5))
    x, a, b = (row.astype(np.float64) for row in (x, a, b))
    terms = [x, x * a, (x - 0.5) ** 2, (x - 0.5) * a * b]
    for value, due in zip(found, terms, strict=True):
        assert abs(value - due.sum()) <= 4 * np.finfo(dtype).eps * np.abs(due).sum()


def test_entry_j_goes_to_running_sum_j_modulo_lanes():
    """The order of additions is part of the result: other machines give the same bits."""
    x = np.random.default_rng(0).standard_normal(5 * LANES + 3).astype(np.float32)
    sums = np.zeros(LANES, np.float32)
    for j, value in enumerate(x):
        sums[j % LANES] += value
    while len(sums) > 1:
        sums = sums[: len(sums) // 2] + sums[len(sums) // 2 :]
    assert every_sum(x, x, x, np.float32(0))[0] == sums[0]
