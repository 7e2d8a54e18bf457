"""The float32 functions that kernels are made of, over all exponents, against float64."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.special

numba = pytest.importorskip("numba")

from minitransformer.kernels.cpu import vector_math  # noqa: E402


def compiled(function: Callable) -> Callable:
    """A loop over a function that only kernels can call; quick to compile, and not cached."""

    @numba.njit(error_model="numpy")
    def loop(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    def call(x: np.ndarray) -> np.ndarray:
        y = np.empty_like(x)
        loop(x, y)
        return y

    return call


@numba.njit
def distribution(x):
    return vector_math.normal(x)[0]


@numba.njit
def density(x):
    return vector_math.normal(x)[1]


def bell(x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)


# name: function, the truth, largest error in ulp, largest absolute error beside that.
CASES = {
    "exp": (vector_math.exp, np.exp, 1.03, 1.7e-38),
    "sigmoid": (vector_math.sigmoid, scipy.special.expit, 2.5, 6e-39),
    "tanh": (vector_math.tanh, np.tanh, 3.1, 0),
    "normal": (distribution, scipy.special.ndtr, 0, 2.1e-7),
    "density": (density, bell, 1, 5e-8),
}
FUNCTIONS = {name: compiled(case[0]) for name, case in CASES.items()}


def excess(name: str, x: np.ndarray) -> float:
    """By how much the worst error goes beyond what is promised; NaNs must be where they belong."""
    _, truth, ulps, absolute = CASES[name]
    got = FUNCTIONS[name](x)
    with np.errstate(all="ignore"):
        exact = truth(x.astype(np.float64))
        rounded = exact.astype(np.float32)
    assert np.array_equal(np.isnan(got), np.isnan(x))
    both = np.isfinite(rounded)
    assert np.array_equal(got[~both & ~np.isnan(x)], rounded[~both & ~np.isnan(x)])
    allowed = ulps * np.spacing(np.abs(rounded[both])) + absolute
    return float((np.abs(got[both] - exact[both]) - allowed).max(initial=-1))


def every_float32(step: int, start: int = 0) -> np.ndarray:
    return np.arange(start, 1 << 32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)


@pytest.mark.parametrize("name", CASES)
def test_a_dense_sample_of_all_floats(name):
    # An odd step reaches all exponents, signs, infinities' neighbours, NaNs and subnormals.
    assert excess(name, every_float32(step=4099)) <= 0


def sweep(function: Callable, beside: float) -> Callable:
    """A loop over all 2^32 floats: the largest error in ulp, beyond `beside`, and absolute.

    The truth is the same function in float64. The third number counts results that are not
    NaN or infinite where they should be, or are where they should not.
    """

    @numba.njit(parallel=True, error_model="numpy")
    def loop(found):
        for part in numba.prange(len(found)):
            ulps, absolute, wrong = 0.0, 0.0, 0.0
            for low in range(1 << 24):
                x = np.uint32((part << 24) + low).view(np.float32)
                got, exact = np.float64(function(x)), function(np.float64(x))
                rounded = np.float32(exact)
                if np.isnan(x) or np.isinf(rounded):
                    wrong += not (got == rounded or (np.isnan(got) and np.isnan(x)))
                    continue
                error = abs(got - exact)
                wrong += not np.isfinite(got)
                absolute = max(absolute, error)
                exponent = np.uint32(rounded.view(np.uint32) & np.uint32(0x7F800000))
                if exponent > 0:
                    spacing = np.float64(exponent.view(np.float32)) * 2.0**-23
                    ulps = max(ulps, (error - beside) / spacing)
            found[part] = ulps, absolute, wrong

    def run() -> tuple[float, float, int]:
        found = np.zeros((256, 3))
        loop(found)
        ulps, absolute, wrong = found.max(axis=0)
        return float(ulps), float(absolute), int(wrong)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_all_floats(name):
    function, _, promised, beside = CASES[name]
    ulps, absolute, wrong = sweep(function, beside)()
    print(f"{name}: {ulps:.3f} ulp beyond {beside:.2g}, {absolute:.2e} absolute")
    assert wrong == 0
    assert ulps <= promised


@pytest.mark.parametrize("name", CASES)
def test_special_values(name):
    tiny = np.float32(1e-45)
    x = np.array([np.nan, np.inf, -np.inf, 0, -0.0, tiny, -tiny, 88.72, 88.73, -104], np.float32)
    got, truth = FUNCTIONS[name](x), CASES[name][1]
    with np.errstate(all="ignore"):
        expected = truth(x.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(got, expected, rtol=3e-7, atol=2e-7)


@pytest.mark.parametrize("name", CASES)
def test_float64_is_exact(name, rng):
    x = np.concatenate([rng.standard_normal(1000) * 5, [0.0, np.inf, -np.inf, np.nan]])
    np.testing.assert_allclose(FUNCTIONS[name](x), CASES[name][1](x), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_row_max(rng, dtype):
    largest = compiled_max()
    for size in (1, 2, 15, 64, 100):
        for shift in (-5, 0, 5):
            row = (rng.standard_normal(size) + shift).astype(dtype)
            assert largest(row) == row.max()
    assert largest(np.array([-np.inf, -np.inf], dtype)) == -np.inf
    assert largest(np.array([-0.0, 0.0], dtype)) == 0


def compiled_max() -> Callable:
    @numba.njit
    def largest(row):
        return vector_math.row_max(row)

    return largest
