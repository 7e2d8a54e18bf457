"""Draws arrays of many shapes and layouts, and keeps the strategy of each op."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

STRATEGIES: dict[str, Callable] = {}
SIZES = st.sampled_from([1, 2, 3, 4, 5])
BATCH_SIZES = st.sampled_from([1, 2, 3, 2, 3, 0])
LAYOUTS = st.sampled_from(["C", "C", "C", "fortran", "strided", "reversed"])


def examples(name: str, dtype: str = "float64") -> st.SearchStrategy:
    """Inputs and options for the op called `name`."""
    return st.builds(Maker, st.data(), st.just(dtype)).map(STRATEGIES[name])


def of(*names: str) -> Callable:
    """Register a function of a Maker as the strategy of these ops."""

    def register(build: Callable) -> Callable:
        for name in names:
            assert name not in STRATEGIES, name
            STRATEGIES[name] = build
        return build

    return register


class Maker:
    """Draws shapes and choices through Hypothesis, and fills arrays from a drawn seed."""

    def __init__(self, data: st.DataObject, dtype: str) -> None:
        self.data = data
        self.dtype = np.dtype(dtype)
        self.rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))

    def draw(self, strategy: st.SearchStrategy) -> object:
        return self.data.draw(strategy)

    def choose(self, *values: object) -> object:
        return self.draw(st.sampled_from(values))

    def shape(self, least: int = 0, most: int = 3) -> tuple[int, ...]:
        """Axes that are never empty."""
        return tuple(self.draw(st.lists(SIZES, min_size=least, max_size=most)))

    def batch(self, most: int = 2) -> tuple[int, ...]:
        """Leading axes, one of which may be empty."""
        return tuple(self.draw(st.lists(BATCH_SIZES, max_size=most)))

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.laid_out(self.rng.standard_normal(shape))

    def positive(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.laid_out(self.rng.uniform(0.3, 2.5, shape))

    def nonzero(self, shape: tuple[int, ...]) -> np.ndarray:
        """Both signs, at least 0.2 from zero."""
        return self.laid_out(self.rng.choice([-1, 1], shape) * self.rng.uniform(0.2, 2, shape))

    def distinct(self, shape: tuple[int, ...], offset: float = 0.0) -> np.ndarray:
        """Values at least 0.1 apart, from each other and from those of another offset."""
        size = int(np.prod(shape))
        values = self.rng.permutation(size) * 0.3 + self.rng.uniform(0, 0.05, size)
        return self.laid_out((values - 0.15 * size + offset).reshape(shape))

    def laid_out(self, values: np.ndarray) -> np.ndarray:
        """The same values in memory of another order."""
        x = np.asarray(values, dtype=self.dtype)
        layout = self.draw(LAYOUTS) if x.ndim else "C"
        if layout == "fortran":
            return np.asfortranarray(x)
        if layout == "strided":
            every = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, self.dtype)
            every[..., ::2] = x
            return every[..., ::2]
        return x[::-1].copy()[::-1] if layout == "reversed" else x

    def broadcast_pair(self, least: int = 0) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Two shapes that broadcast: axes of size 1, axes left out, a batch of size 0."""
        full = (*self.batch(1), *self.shape(least, 2))
        return self.thinner(full), self.thinner(full)

    def thinner(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts to this one, often this one itself."""
        if self.draw(st.booleans()):
            return shape
        ones = tuple(n if self.draw(st.booleans()) else 1 for n in shape)
        return ones[self.draw(st.integers(0, len(shape))) :]

    def axis(self, ndim: int, several: bool = False) -> int | tuple[int, ...] | None:
        if ndim == 0:
            return None
        one = st.integers(-ndim, ndim - 1)
        if not several:
            return self.draw(one)
        some = st.lists(one, unique_by=lambda i: i % ndim, max_size=ndim).map(tuple)
        return self.draw(st.one_of(st.none(), one, some))
