"""Wrong backward passes of batch_norm, x (B, C, L): statistics of each channel, over B and L."""

import numpy as np

from .operation import Operation

EPS = 1e-5
AXES = (0, 2)


def normalised(x):
    """x̂ = (x − mean)/σ of each channel, and 1/σ."""
    centred = x - x.mean(axis=AXES, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(axis=AXES, keepdims=True) + EPS)
    return centred * rstd, rstd


def batch_norm(x, weight, bias):
    return normalised(x)[0] * weight[:, None] + bias[:, None]


def through_norm(dxhat, xhat, rstd):
    """The gradient of x: less the mean of dx̂, less the part of dx̂ along x̂."""
    mean = dxhat.mean(axis=AXES, keepdims=True)
    along = (dxhat * xhat).mean(axis=AXES, keepdims=True)
    return rstd * (dxhat - mean - xhat * along)


def batch_norm_backward(dy, x, weight, bias):
    xhat, rstd = normalised(x)
    dx = through_norm(dy * weight[:, None], xhat, rstd)
    return dx, (dy * xhat).sum(axis=AXES), dy.sum(axis=AXES)


BATCH_NORM = Operation(
    "batch_norm",
    batch_norm,
    batch_norm_backward,
    lambda rng: (0.3 * rng.normal(size=(5, 3, 7)), rng.normal(size=3), rng.normal(size=3)),
)


def _with(dx, dy, x):
    """The wrong gradient of x beside the right ones of weight and bias."""
    return dx, (dy * normalised(x)[0]).sum(axis=AXES), dy.sum(axis=AXES)


@BATCH_NORM.mistake(
    "Mean and variance are the batch's and move with x; here they are constants, as in evaluation."
)
def as_in_evaluation(dy, x, weight, bias):
    return _with(dy * weight[:, None] * normalised(x)[1], dy, x)


@BATCH_NORM.mistake("The term of the mean, the mean of dy·γ over the channel, was not subtracted.")
def without_mean_term(dy, x, weight, bias):
    xhat, rstd = normalised(x)
    d = dy * weight[:, None]
    return _with(rstd * (d - xhat * (d * xhat).mean(axis=AXES, keepdims=True)), dy, x)


@BATCH_NORM.mistake("The term of the variance, x̂·mean(dy·γ·x̂), was not subtracted.")
def without_variance_term(dy, x, weight, bias):
    d = dy * weight[:, None]
    return _with(normalised(x)[1] * (d - d.mean(axis=AXES, keepdims=True)), dy, x)


@BATCH_NORM.mistake("The means run over the batch alone; a channel's are over its positions too.")
def over_the_batch_alone(dy, x, weight, bias):
    xhat, rstd = normalised(x)
    d = dy * weight[:, None]
    mean, along = d.mean(axis=0), (d * xhat).mean(axis=0)
    return _with(rstd * (d - mean - xhat * along), dy, x)


@BATCH_NORM.mistake("The means run over the channels (axis 1), as in a layer norm.")
def as_layer_norm(dy, x, weight, bias):
    xhat, rstd = normalised(x)
    d = dy * weight[:, None]
    mean, along = d.mean(axis=1, keepdims=True), (d * xhat).mean(axis=1, keepdims=True)
    return _with(rstd * (d - mean - xhat * along), dy, x)


@BATCH_NORM.mistake(
    "The variance divides by n in the forward pass; only the running one divides by n − 1."
)
def unbiased_variance(dy, x, weight, bias):
    centred = x - x.mean(axis=AXES, keepdims=True)
    rstd = 1 / np.sqrt(x.var(axis=AXES, keepdims=True, ddof=1) + EPS)
    return _with(through_norm(dy * weight[:, None], centred * rstd, rstd), dy, x)


@BATCH_NORM.mistake("dy must be multiplied by its channel's weight γ before it goes back.")
def without_weight(dy, x, weight, bias):
    return _with(through_norm(dy, *normalised(x)), dy, x)


@BATCH_NORM.mistake("The weight's gradient is Σ dy·x̂, with the normalised input, not x.")
def weight_from_input(dy, x, weight, bias):
    dx, _, dbias = batch_norm_backward(dy, x, weight, bias)
    return dx, (dy * x).sum(axis=AXES), dbias
