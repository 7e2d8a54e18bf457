"""Changed copies of rows that mean the same: shifts, turns, crops, noise, lost words.

Every function draws from the generator it is given, so that the same seed gives the same copies.
Images are (N, H, W), of any dtype; each gets a change of its own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Generator = np.random.Generator


def shift(images: np.ndarray, rng: Generator, most: int = 2) -> np.ndarray:
    """Each image moved by -most to most whole pixels down and across; zeros come in."""
    _check("shift", images)
    return crop(images, rng, images.shape[1:], padding=most)


def crop(
    images: np.ndarray, rng: Generator, size: int | Sequence[int], padding: int = 0
) -> np.ndarray:
    """(N, h, w): a window of each image, at random, once `padding` zeros are put around it.

    size: (h, w), or one number for both. Raises ValueError where no such window fits.
    """
    _check("crop", images)
    h, w = (size, size) if isinstance(size, int) else size
    if padding < 0:
        raise ValueError(f"augment.crop: padding must not be negative, got {padding}")
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding)))
    count, height, width = padded.shape
    if not (0 < h <= height and 0 < w <= width):
        raise ValueError(f"augment.crop: no window of {(h, w)} fits into {(height, width)}")
    rows = rng.integers(height - h + 1, size=(count, 1)) + np.arange(h)
    columns = rng.integers(width - w + 1, size=(count, 1)) + np.arange(w)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def rotate(images: np.ndarray, rng: Generator, degrees: float = 10.0) -> np.ndarray:
    """Each image turned about its centre, by at most `degrees` either way; zeros come in.

    A pixel takes the weighted mean of the four that its place in the image falls between.
    """
    _check("rotate", images)
    count, height, width = images.shape
    angle = np.deg2rad(rng.uniform(-degrees, degrees, size=(count, 1, 1)))
    y, x = (np.arange(n) - (n - 1) / 2 for n in (height, width))
    sin, cos = np.sin(angle), np.cos(angle)
    # Where each pixel of the result comes from, in the padded image: one zero on each side, and
    # what would come from beyond comes from those.
    from_y = np.clip(cos * y[:, None] - sin * x + (height - 1) / 2, -1, height) + 1
    from_x = np.clip(sin * y[:, None] + cos * x + (width - 1) / 2, -1, width) + 1
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2))).astype(np.float64)
    top, left = from_y.astype(int), from_x.astype(int)
    down, right = from_y - top, from_x - left
    n = np.arange(count)[:, None, None]
    upper = padded[n, top, left] * (1 - right) + padded[n, top, left + 1] * right
    lower = padded[n, top + 1, left] * (1 - right) + padded[n, top + 1, left + 1] * right
    return _as(images.dtype, upper * (1 - down) + lower * down)


def noise(images: np.ndarray, rng: Generator, std: float = 0.1) -> np.ndarray:
    """Images plus normal noise, in their own units; whole numbers stay within their dtype."""
    _check("noise", images)
    return _as(images.dtype, images + rng.normal(scale=std, size=images.shape))


def word_dropout(words: Any, rng: Generator, p: float = 0.1) -> Any:
    """`words` without some, each left out with probability p; one at least stays.

    words: a list of words, or an array (T,) of token ids; the result is of the same kind.
    """
    if not 0 <= p < 1:
        raise ValueError(f"augment.word_dropout: p must be from 0 to below 1, got {p}")
    kept = rng.random(len(words)) >= p
    if len(words) and not kept.any():
        kept[rng.integers(len(words))] = True
    return _pick(words, np.flatnonzero(kept))


def word_swap(words: Any, rng: Generator, swaps: int = 1) -> Any:
    """`words` with two neighbours swapped, as many times as said; of the same kind."""
    if swaps < 0:
        raise ValueError(f"augment.word_swap: swaps must not be negative, got {swaps}")
    order = np.arange(len(words))
    for left in rng.integers(max(len(words) - 1, 1), size=swaps if len(words) > 1 else 0):
        order[[left, left + 1]] = order[[left + 1, left]]
    return _pick(words, order)


def _check(who: str, images: np.ndarray) -> None:
    if images.ndim != 3:
        raise ValueError(f"augment.{who}: expected images (N, H, W), got shape {images.shape}")


def _as(dtype: np.dtype, values: np.ndarray) -> np.ndarray:
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return values.astype(dtype)


def _pick(words: Any, order: np.ndarray) -> Any:
    return words[order] if isinstance(words, np.ndarray) else [words[i] for i in order]
