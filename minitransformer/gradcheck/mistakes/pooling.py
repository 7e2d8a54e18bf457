"""Wrong backward passes of pooling, windows 2 × 2 side by side, and of upsampling by two."""

import numpy as np

from .operation import Operation

SIZE = 2


def tiles(x):
    """(N, C, H', 2, W', 2): the windows; of an odd size the last row or column is left out."""
    n, c, height, width = x.shape
    h, w = height // SIZE, width // SIZE
    return x[:, :, : h * SIZE, : w * SIZE].reshape(n, c, h, SIZE, w, SIZE)


def rows(x):
    """(N, C, H', W', 4): the entries of each window."""
    t = tiles(x).swapaxes(3, 4)
    return t.reshape(*t.shape[:4], SIZE * SIZE)


def untiled(entries, x):
    """The transpose of `rows`."""
    n, c, h, w, _ = entries.shape
    t = entries.reshape(n, c, h, w, SIZE, SIZE).swapaxes(3, 4)
    dx = np.zeros_like(x)
    dx[:, :, : h * SIZE, : w * SIZE] = t.reshape(n, c, h * SIZE, w * SIZE)
    return dx


def _images(rng):
    return (rng.normal(size=(2, 3, 5, 7)),)


def max_pool(x):
    return rows(x).max(axis=-1)


def winners(x):
    entries = rows(x)
    return np.arange(SIZE * SIZE) == entries.argmax(axis=-1)[..., None]


def max_pool_backward(dy, x):
    return untiled(winners(x) * dy[..., None], x)


MAX_POOL = Operation("max_pool2d", max_pool, max_pool_backward, _images)


@MAX_POOL.mistake("Only the largest entry of a window reached the output; the others get zero.")
def everyone(dy, x):
    return untiled(np.repeat(dy[..., None], SIZE * SIZE, axis=-1), x)


@MAX_POOL.mistake("Max pooling hands dy to the winner whole: only a mean shares it out.")
def shared_out(dy, x):
    return untiled(np.repeat(dy[..., None], SIZE * SIZE, axis=-1), x) / SIZE**2


@MAX_POOL.mistake("The maximum passes dy on; its value does not enter the gradient.")
def times_value(dy, x):
    return max_pool_backward(dy * max_pool(x), x)


@MAX_POOL.mistake("dy always went to the first entry of the window; it goes to the largest.")
def always_first(dy, x):
    return untiled((np.arange(SIZE * SIZE) == 0) * dy[..., None], x)


@MAX_POOL.mistake("The winner's row and column in the window are exchanged.")
def winner_transposed(dy, x):
    turned = winners(x).reshape(*dy.shape, SIZE, SIZE).swapaxes(-1, -2)
    return untiled(turned.reshape(*dy.shape, SIZE * SIZE) * dy[..., None], x)


@MAX_POOL.mistake("The mask marks the smallest entries; the maximum came from the largest.")
def smallest(dy, x):
    return untiled(winners(-x) * dy[..., None], x)


def avg_pool(x):
    return rows(x).mean(axis=-1)


def avg_pool_backward(dy, x):
    return everyone(dy, x) / SIZE**2


AVG_POOL = Operation("avg_pool2d", avg_pool, avg_pool_backward, _images)


@AVG_POOL.mistake("A mean divides by the size of the window, and so does its gradient.")
def not_divided(dy, x):
    return everyone(dy, x)


@AVG_POOL.mistake("Divide by the entries of the window, height times width, not by one side.")
def divided_by_side(dy, x):
    return everyone(dy, x) / SIZE


@AVG_POOL.mistake("Every entry of a window takes part in its mean, not only the largest.")
def to_the_largest(dy, x):
    return max_pool_backward(dy, x)


@AVG_POOL.mistake("The mean passes dy on: 1 / size is right only where nothing comes after.")
def without_upstream(dy, x):
    return avg_pool_backward(np.ones_like(dy), x)


def upsample(x):
    return x.repeat(SIZE, axis=2).repeat(SIZE, axis=3)


def upsample_backward(dy, x):
    return tiles(dy).sum(axis=(3, 5))


UPSAMPLE = Operation("upsample", upsample, upsample_backward, _images)


@UPSAMPLE.mistake("A pixel was copied to a whole block: add up what comes back from all of it.")
def one_of_each(dy, x):
    return dy[:, :, ::SIZE, ::SIZE].copy()


@UPSAMPLE.mistake("The block's gradients are summed, not averaged: each copy counts in full.")
def averaged(dy, x):
    return tiles(dy).mean(axis=(3, 5))


@UPSAMPLE.mistake("Of the block's gradients all count, not only the largest: sum them.")
def largest(dy, x):
    return tiles(dy).max(axis=(3, 5))


@UPSAMPLE.mistake("The blocks were cut wrongly: copies of a pixel are neighbours, not far apart.")
def blocks_interleaved(dy, x):
    n, c, height, width = x.shape
    return dy.reshape(n, c, SIZE, height, SIZE, width).sum(axis=(2, 4))
