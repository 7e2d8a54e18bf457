"""Wrong backward passes of layer_norm and rms_norm, x (N, D)."""

import numpy as np

from .operation import Operation

EPS = 1e-5


def normalised(x):
    """x̂ = (x − mean)/σ of each row, and 1/σ."""
    centred = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPS)
    return centred * rstd, rstd


def layer_norm(x, weight, bias):
    return normalised(x)[0] * weight + bias


def through_norm(dxhat, xhat, rstd):
    """The gradient of x: less the mean of dx̂, less the part of dx̂ along x̂."""
    mean = dxhat.mean(axis=-1, keepdims=True)
    along = (dxhat * xhat).mean(axis=-1, keepdims=True)
    return rstd * (dxhat - mean - xhat * along)


def layer_norm_backward(dy, x, weight, bias):
    xhat, rstd = normalised(x)
    return through_norm(dy * weight, xhat, rstd), (dy * xhat).sum(axis=0), dy.sum(axis=0)


LAYER_NORM = Operation(
    "layer_norm",
    layer_norm,
    layer_norm_backward,
    lambda rng: (0.3 * rng.normal(size=(5, 7)), rng.normal(size=7), rng.normal(size=7)),
)


def _with(dx, dy, x):
    """The wrong gradient of x beside the right ones of weight and bias."""
    return dx, (dy * normalised(x)[0]).sum(axis=0), dy.sum(axis=0)


@LAYER_NORM.mistake("The statistics depend on x too: both mean terms are missing.")
def without_means(dy, x, weight, bias):
    return _with(dy * weight * normalised(x)[1], dy, x)


@LAYER_NORM.mistake("The term of the mean, mean(dy·γ) of each row, was not subtracted.")
def without_mean_term(dy, x, weight, bias):
    xhat, rstd = normalised(x)
    d = dy * weight
    return _with(rstd * (d - xhat * (d * xhat).mean(axis=-1, keepdims=True)), dy, x)


@LAYER_NORM.mistake("The term of the variance, x̂·mean(dy·γ·x̂), was not subtracted.")
def without_variance_term(dy, x, weight, bias):
    d = dy * weight
    return _with(normalised(x)[1] * (d - d.mean(axis=-1, keepdims=True)), dy, x)


@LAYER_NORM.mistake("dy must be multiplied by the weight γ before it goes through the norm.")
def without_weight(dy, x, weight, bias):
    return _with(through_norm(dy, *normalised(x)), dy, x)


@LAYER_NORM.mistake("The factor 1/σ is missing from the gradient of x.")
def without_rstd(dy, x, weight, bias):
    xhat, rstd = normalised(x)
    return _with(through_norm(dy * weight, xhat, rstd) / rstd, dy, x)


@LAYER_NORM.mistake("The variance is biased in the forward pass (divided by D), here by D − 1.")
def unbiased_variance(dy, x, weight, bias):
    centred = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt(x.var(axis=-1, keepdims=True, ddof=1) + EPS)
    return _with(through_norm(dy * weight, centred * rstd, rstd), dy, x)


@LAYER_NORM.mistake("eps belongs inside the root: 1/√(var + eps), not 1/(√var + eps).")
def eps_outside(dy, x, weight, bias):
    centred = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / (x.std(axis=-1, keepdims=True) + EPS)
    return _with(through_norm(dy * weight, centred * rstd, rstd), dy, x)


@LAYER_NORM.mistake("The means run over the batch (axis 0); a layer norm's are over the last axis.")
def as_batch_norm(dy, x, weight, bias):
    xhat, rstd = normalised(x)
    d = dy * weight
    dx = rstd * (d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0))
    return _with(dx, dy, x)


@LAYER_NORM.mistake("The weight's gradient is Σ dy·x̂, with the normalised input, not x.")
def weight_from_input(dy, x, weight, bias):
    dx, _, db = layer_norm_backward(dy, x, weight, bias)
    return dx, (dy * x).sum(axis=0), db


@LAYER_NORM.mistake("It is all zeros: right only for an upstream of ones, as rows of x̂ sum to 0.")
def zeros(dy, x, weight, bias):
    return _with(np.zeros_like(x), dy, x)


def rms_norm(x, weight):
    return x * root_mean(x) * weight


def root_mean(x):
    return 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + EPS)


def rms_norm_backward(dy, x, weight):
    r = root_mean(x)
    d = dy * weight
    along = (d * x).mean(axis=-1, keepdims=True)
    return r * d - r**3 * x * along, (dy * x * r).sum(axis=0)


RMS_NORM = Operation(
    "rms_norm",
    rms_norm,
    rms_norm_backward,
    lambda rng: (0.3 * rng.normal(size=(5, 7)), rng.normal(size=7)),
)


@RMS_NORM.mistake("The root mean square depends on x: the term x·mean(dy·γ·x)·r³ is missing.")
def without_projection(dy, x, weight):
    return dy * weight * root_mean(x), (dy * x * root_mean(x)).sum(axis=0)


@RMS_NORM.mistake("RMS norm has no mean to subtract; that term is layer norm's.")
def as_layer_norm(dy, x, weight):
    r = root_mean(x)
    return through_norm(dy * weight, x * r, r), (dy * x * r).sum(axis=0)


@RMS_NORM.mistake("A sum stands where the forward pass has a mean: divide the projection by D.")
def sum_for_mean(dy, x, weight):
    r, d = root_mean(x), dy * weight
    dx = r * d - r**3 * x * (d * x).sum(axis=-1, keepdims=True)
    return dx, (dy * x * r).sum(axis=0)


@RMS_NORM.mistake("The weight's gradient is Σ dy·x·r, with the normalised input, not x.")
def weight_unnormalised(dy, x, weight):
    return rms_norm_backward(dy, x, weight)[0], (dy * x).sum(axis=0)


@RMS_NORM.mistake("dy must be multiplied by the weight γ before it goes through the norm.")
def gamma_forgotten(dy, x, weight):
    dx, _ = rms_norm_backward(dy, x, np.ones_like(weight))
    return dx, (dy * x * root_mean(x)).sum(axis=0)
