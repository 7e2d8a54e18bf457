"""The truth, measured: Jacobians by central differences in float64.

Each input entry is moved by a step that suits its value, and the slope is believed when two step
sizes agree on it. Where none agree the function has a kink there, and the entry is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

STEP = 2e-4
POWERS = (0, -1, 1, -2, 2, -3, 3, -4, -5)  # steps tried, as powers of 8 times STEP
AGREE = 1e-7  # two steps that differ by less, relative to the steepest slope, are believed
KINK = 1e-4  # and by more than this at every step, is a kink
MAX_ENTRIES = 1000  # of all inputs together; if there are more, FEWER of them are drawn
FEWER = 300
MAX_NUMBERS = 8_000_000
UNSEEN = 1e-14  # slopes below this drown in the rounding of the forward pass
EPS = np.finfo(float).eps


@dataclass(frozen=True)
class Jacobian:
    """d output / d input, as (output.size, number of columns measured).

    `columns` are the flat indices of the input entries measured: all of them, or for a large
    input a random draw. `error` bounds the error of each slope, and `smooth` marks the columns
    where two step sizes agreed.
    """

    shape: tuple[int, ...]
    columns: np.ndarray
    slopes: np.ndarray
    error: np.ndarray
    smooth: np.ndarray

    @property
    def complete(self) -> bool:
        return len(self.columns) == prod(self.shape)

    @property
    def known(self) -> np.ndarray:
        """The entries of the input whose gradient is known: measured, and not at a kink."""
        known = np.zeros(prod(self.shape), bool)
        known[self.columns] = self.smooth
        return known.reshape(self.shape)

    def gradient(self, dy: np.ndarray) -> np.ndarray:
        """Jᵀ·dy in the shape of the input, 0 where not known."""
        return self._spread(np.ravel(dy) @ self.slopes)

    def tolerance(self, dy: np.ndarray, relative: float) -> np.ndarray:
        """How far a right answer may be from `gradient(dy)`, entry by entry.

        Relative to the sum of absolute values, so that a gradient of terms that cancel (a softmax,
        a layer norm) is not asked for more digits than float64 has.
        """
        magnitude = np.abs(np.ravel(dy)) @ np.abs(self.slopes)
        doubt = 3 * np.abs(np.ravel(dy)) @ self.error
        floor = 1e-9 * magnitude.max(initial=0.0) + UNSEEN
        return self._spread(relative * magnitude + doubt + floor)

    def push(self, dx: np.ndarray) -> np.ndarray:
        """J·dx, flat: the forward product."""
        return self.slopes @ np.ravel(dx)

    def _spread(self, values: np.ndarray) -> np.ndarray:
        spread = np.zeros(prod(self.shape))
        spread[self.columns] = np.where(self.smooth, values, 0.0)
        return spread.reshape(self.shape)


def jacobian(
    forward: Callable[[Sequence], np.ndarray],
    inputs: Sequence,
    index: int,
    rng: np.random.Generator,
    share: float = 1.0,
) -> Jacobian:
    """The Jacobian of `forward(inputs)` with respect to the float64 array `inputs[index]`.

    All columns are measured if there are at most `share` of MAX_ENTRIES, else a random draw of
    them; entries that are not finite are left out.
    """
    x = np.array(inputs[index], dtype=float)
    moved = list(inputs)
    moved[index] = x
    centre = np.ravel(forward(moved))
    columns = _choose(x, centre.size, share, rng)
    slopes, error = np.zeros((2, centre.size, len(columns)))
    smooth = np.ones(len(columns), bool)
    scale = _typical_size(x)
    steepest = 0.0
    for column, entry in enumerate(columns):
        at = np.unravel_index(entry, x.shape)

        def evaluate(value, at=at):
            kept, x[at] = x[at], value
            y = np.ravel(forward(moved))
            x[at] = kept
            return y

        slope = _slope(evaluate, float(x[at]), max(abs(x[at]), scale), centre, steepest)
        slopes[:, column], error[:, column], smooth[column] = slope
        steepest = max(steepest, np.abs(slopes[:, column]).max(initial=0.0) * smooth[column])
    return Jacobian(x.shape, columns, slopes, error, smooth)


def _choose(x, outputs, share, rng) -> np.ndarray:
    finite = np.flatnonzero(np.isfinite(x))
    room = MAX_NUMBERS / max(outputs, 1)
    if len(finite) <= max(16, min(share * MAX_ENTRIES, room)):
        return finite
    drawn = min(len(finite), max(16, int(min(share * FEWER, room))))
    return np.sort(rng.choice(finite, drawn, replace=False))


def _typical_size(x) -> float:
    finite = x[np.isfinite(x)]
    size = float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0
    return size or 1.0


def slope_along(
    moved: Callable[[float], np.ndarray], x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """(slope, error, smooth) of `moved(distance)` at distance 0, in steps that suit `x`."""
    slope, error, smooth = _slope(moved, 0.0, _typical_size(x), moved(0.0), 0.0)
    return np.sum(slope), np.sum(error), smooth


def _slope(evaluate, x, scale, centre, steepest):
    """(slope, error, smooth) of every output along one entry, from the first steps that agree."""
    tried: list[_Estimate] = []
    for power in POWERS:
        tried.append(_two_steps(evaluate, x, STEP * scale * 8.0**power, centre))
        if tried[-1].doubt <= AGREE * max(tried[-1].size, steepest):
            break
    best = min(tried, key=lambda estimate: estimate.doubt)
    if not best.doubt <= KINK * max(best.size, 0.01 * steepest) + 32 * best.noise:
        return 0.0, 0.0, False
    # Rounded numbers may agree by chance: then no other step comes near them.
    others = [np.abs(e.slope - best.slope) for e in tried if e is not best and np.isfinite(e.doubt)]
    error = np.maximum(best.error, np.min(others, axis=0)) if others else best.error
    return best.slope, error, True


@dataclass(frozen=True)
class _Estimate:
    slope: np.ndarray
    error: np.ndarray
    doubt: float
    size: float
    noise: float


def _two_steps(evaluate, x, step, centre) -> _Estimate:
    """Central differences over `step` and half of it, combined, and how far they disagree.

    At a kink the slopes of the two sides differ, by as much for half the step; for a smooth
    function that difference halves. Between them, slope and bend see a kink anywhere in reach.
    """
    wide, wide_bend = _difference(evaluate, x, step, centre)
    narrow, narrow_bend = _difference(evaluate, x, step / 2, centre)
    disagreement = np.abs(narrow - wide)
    bend = np.abs(wide_bend - 2 * narrow_bend)
    # Where nothing moved at all, a change may have been rounded away inside (1 + 1e-17 is 1).
    still = (narrow == 0) & (wide == 0)
    noise = 4 * EPS * np.where(still, np.maximum(np.abs(centre), 1), np.abs(centre)) / step
    doubt = max(disagreement.max(initial=0.0), 0.1 * bend.max(initial=0.0))
    if not np.isfinite(doubt):
        doubt = np.inf
    slope = narrow + (narrow - wide) / 3
    size = np.abs(slope).max(initial=0.0) if np.isfinite(doubt) else 0.0
    return _Estimate(slope, disagreement / 3 + noise, doubt, size, noise.max(initial=0.0))


def _difference(evaluate, x, step, centre):
    above, below = x + step, x - step
    high, low = evaluate(above), evaluate(below)
    with np.errstate(invalid="ignore", over="ignore"):
        return (high - low) / (above - below), (high - 2 * centre + low) / step
