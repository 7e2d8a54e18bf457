"""Wrong backward passes of masked_mean, x (B, T, D), and of rotary, x (T, D)."""

import numpy as np

from .operation import Operation

BASE = 10000.0


def masked_mean(x, mask):
    return (x * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)


def masked_mean_backward(dy, x, mask):
    return (dy / mask.sum(axis=1, keepdims=True))[:, None] * mask[..., None], None


def padded(rng):
    """Rows of 1 to T real tokens."""
    lengths = np.array([2, 5, 1])
    return rng.normal(size=(3, 5, 7)), np.arange(5) < lengths[:, None]


MASKED_MEAN = Operation("masked_mean", masked_mean, masked_mean_backward, padded)


@MASKED_MEAN.mistake("It divides by T, the padding counted; divide by each row's real tokens.")
def padding_counted(dy, x, mask):
    return (dy / x.shape[1])[:, None] * mask[..., None], None


@MASKED_MEAN.mistake("The gradient reaches the padding too: multiply by the mask.")
def reaches_padding(dy, x, mask):
    return np.zeros_like(x) + (dy / mask.sum(axis=1, keepdims=True))[:, None], None


@MASKED_MEAN.mistake("A mean, not a sum: divide by the number of real tokens.")
def sum_for_mean(dy, x, mask):
    return dy[:, None] * mask[..., None], None


@MASKED_MEAN.mistake("It divides by the real tokens of the whole batch, not of each row.")
def count_of_the_batch(dy, x, mask):
    return (dy / mask.sum())[:, None] * mask[..., None], None


@MASKED_MEAN.mistake("The mask is upside down: True stands at real tokens, not at the padding.")
def mask_upside_down(dy, x, mask):
    return (dy / mask.sum(axis=1, keepdims=True))[:, None] * ~mask[..., None], None


def angles(x):
    """cos and sin of each position and pair, (T, D/2)."""
    length, features = x.shape
    angle = np.arange(length)[:, None] * BASE ** (-np.arange(0, features, 2) / features)
    return np.cos(angle), np.sin(angle)


def turn(x, cos, sin):
    y = np.empty_like(x)
    y[:, 0::2] = x[:, 0::2] * cos - x[:, 1::2] * sin
    y[:, 1::2] = x[:, 0::2] * sin + x[:, 1::2] * cos
    return y


def rotary(x):
    return turn(x, *angles(x))


def rotary_backward(dy, x):
    cos, sin = angles(x)
    return turn(dy, cos, -sin)


ROTARY = Operation("rotary", rotary, rotary_backward, lambda rng: (rng.normal(size=(5, 6)),))


@ROTARY.mistake("It turns forward once more; the gradient must be turned back, by −sin.")
def turned_forward(dy, x):
    return turn(dy, *angles(x))


@ROTARY.mistake("The gradient is passed on as it came; it must be turned back by each angle.")
def not_turned(dy, x):
    return dy.copy()


@ROTARY.mistake("Only the cosine is there: each output depends on both features of its pair.")
def without_sine(dy, x):
    cos, sin = angles(x)
    return turn(dy, cos, 0 * sin)


@ROTARY.mistake("Feature i is paired with i + D/2; the forward pass pairs neighbours.")
def pairs_of_halves(dy, x):
    (cos, sin), half = angles(x), x.shape[1] // 2
    a, b = dy[:, :half], dy[:, half:]
    return np.concatenate([a * cos + b * sin, b * cos - a * sin], axis=1)


@ROTARY.mistake("Positions are counted from 1 here, and from 0 in the forward pass.")
def off_by_one(dy, x):
    cos, sin = angles(np.concatenate([x[:1], x]))
    return turn(dy, cos[1:], -sin[1:])
