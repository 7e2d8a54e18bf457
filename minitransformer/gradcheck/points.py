"""Other values of the same shapes, drawn near the given ones so that they stay in the domain.

A learner's example is often special (ones, zeros, a range), and special values hide mistakes.
"""

from collections.abc import Callable, Sequence

import numpy as np

WIDER = 1.5


def as_input(x: object) -> object:
    """Floats as a float64 array of their own; anything else as it is."""
    if isinstance(x, (list, tuple)):
        x = np.array(x)
    if isinstance(x, (float, np.floating)):
        return np.array(x, dtype=float)
    if isinstance(x, np.ndarray):
        return np.array(x, dtype=float if x.dtype.kind == "f" else None)
    return x


def is_checked(x: object) -> bool:
    """Whether an input has a gradient: a floating point array."""
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def draw_nearby(
    inputs: Sequence, accepts: Callable[[list], bool], rng: np.random.Generator
) -> list:
    """Other values for the float arrays among `inputs`; integers and booleans are left alone.

    Where `accepts` refuses them (log of a negative number), nearer ones are tried, and at last the
    given values.
    """
    wide = [np.asarray(_widen(x, rng)) if is_checked(x) else x for x in inputs]
    if accepts(wide):
        return wide
    drawn = [_mix(x, rng) if is_checked(x) else x for x in inputs]
    for share in (1.0, 0.3, 0.05):
        nearby = [
            _between(x, new, share) if is_checked(x) else x
            for x, new in zip(inputs, drawn, strict=True)
        ]
        if accepts(nearby):
            return nearby
    return list(inputs)


def _widen(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal values, a little wider, for an array of both signs; else as `_mix` does."""
    finite = x[np.isfinite(x)]
    if finite.size == 0 or finite.min() >= 0 or finite.max() <= 0:
        return _mix(x, rng)
    size = np.sqrt(np.mean(finite**2))
    return np.where(np.isfinite(x), WIDER * size * rng.normal(size=x.shape), x)


def _between(x, new, share):
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(x), x + share * (new - x), x)


def _mix(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each value mixed with another of its array, which keeps it between the lowest and highest.

    A little noise breaks ties; it never changes the sign of an array of one sign.
    """
    finite = x[np.isfinite(x)]
    if finite.size == 0 or _is_mask(finite):
        return x
    low, high = finite.min(), finite.max()
    if low == high:
        noise = rng.uniform(-1, 1, x.shape)
        return low * (1 + 0.3 * noise) if low else noise
    size = np.sqrt(np.mean(finite**2))
    noise = 0.02 * size * rng.uniform(-1, 1, x.shape)
    if low >= 0 or high <= 0:
        noise = np.copysign(noise, low + high)
    other = rng.choice(finite, x.shape)
    with np.errstate(invalid="ignore"):
        mixed = other + rng.uniform(0, 0.7, x.shape) * (x - other) + noise
    if low >= 0 and x.ndim and np.allclose(x.sum(axis=-1), 1):
        mixed = mixed / mixed.sum(axis=-1, keepdims=True)  # rows of probabilities stay such rows
    return mixed


def _is_mask(values: np.ndarray) -> bool:
    """Zeros and ones, both: a mask or a one-hot target, which other values would make nonsense."""
    return set(np.unique(values)) == {0.0, 1.0}
