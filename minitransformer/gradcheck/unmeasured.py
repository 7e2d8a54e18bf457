"""Inputs too large to measure every entry: all at once along a direction, halved if it fails."""

from collections.abc import Callable, Sequence

import numpy as np

from .evidence import RTOL, Sample
from .numeric import slope_along


def find_wrong_entry(
    forward: Callable[[Sequence], np.ndarray], sample: Sample, rng: np.random.Generator
) -> tuple[int, ...] | None:
    """An entry whose gradient is wrong, None if all are right (or a kink forbids to tell).

    The slope of dy·forward along a random direction must be the gradient's component along it.
    """
    direction = rng.choice([-1.0, 1.0], sample.x.shape) * np.isfinite(sample.x)
    suspects = np.arange(sample.x.size)
    if _agrees(forward, sample, direction, suspects) is not False:
        return None
    while len(suspects) > 1:
        half = suspects[: len(suspects) // 2]
        agrees = _agrees(forward, sample, direction, half)
        if agrees is None:
            return None
        suspects = suspects[len(suspects) // 2 :] if agrees else half
    return tuple(int(i) for i in np.unravel_index(suspects[0], sample.x.shape))


def _agrees(forward, sample: Sample, direction: np.ndarray, entries: np.ndarray) -> bool | None:
    """Whether gradient and slope agree along these entries; None where there is no slope."""
    chosen = np.zeros(sample.x.size)
    chosen[entries] = direction.ravel()[entries]
    step = chosen.reshape(sample.x.shape)
    inputs = list(sample.point.inputs)

    def moved(distance: float) -> np.ndarray:
        inputs[sample.index] = sample.x + distance * step
        return np.atleast_1d(np.vdot(sample.dy, forward(inputs)))

    slope, error, smooth = slope_along(moved, sample.x)
    if not smooth:
        return None
    parts = np.where(step != 0, sample.got * step, 0.0)
    allowed = RTOL * np.abs(parts).sum() + 3 * float(error)
    return bool(abs(parts.sum() - float(slope)) <= allowed)
