"""Activations, normalisations, dropout, residual blocks, gates. Unseen, as in november_sums."""

from math import erf, pi, sqrt

import numpy as np

from .problem import problem

SET = "november"
KEEP = np.random.default_rng(3).random((5, 7)) > 0.4


def normal_cdf(x):
    return 0.5 * (1 + np.vectorize(erf)(x / sqrt(2)))


def normal_density(x):
    return np.exp(-x * x / 2) / sqrt(2 * pi)


def sigma(x):
    return 1 / (1 + np.exp(-x))


@problem(SET, (5, 7))
def relu(x):
    return np.maximum(x, 0)


@relu.backward
def _(dy, x):
    return dy * (x > 0)


@relu.slip("the mask is upside down", "partial", "sign")
def _(dy, x):
    return dy * (x < 0)


@relu.slip("y instead of the mask", "partial", "missing-term")
def _(dy, x):
    return dy * np.maximum(x, 0)


@relu.slip("a leak of 0.01 that the forward pass lacks", "partial")
def _(dy, x):
    return np.where(x > 0, dy, 0.01 * dy)


@problem(SET, (5, 7))
def sigmoid(x):
    return sigma(x)


@sigmoid.backward
def _(dy, x):
    return dy * sigma(x) * (1 - sigma(x))


@sigmoid.slip("y (1 - y) with x in y's place")
def _(dy, x):
    return dy * x * (1 - x)


@sigmoid.slip("dy is left out", "ignores-upstream")
def _(dy, x):
    return sigma(x) * (1 - sigma(x))


@sigmoid.slip("tanh's derivative", "scale")
def _(dy, x):
    return dy * (1 - sigma(x) ** 2)


@problem(SET, (5, 7))
def gelu(x):
    return x * normal_cdf(x)


@gelu.backward
def _(dy, x):
    return dy * (normal_cdf(x) + x * normal_density(x))


@gelu.slip("the product rule's second half is forgotten", "missing-term")
def _(dy, x):
    return dy * normal_cdf(x)


@gelu.slip("a density without 1/√2π", "missing-term")
def _(dy, x):
    return dy * (normal_cdf(x) + x * np.exp(-x * x / 2))


@problem(SET, (5, 7))
def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@softmax.backward
def _(dy, x):
    y = softmax.forward(x)
    return y * (dy - (dy * y).sum(1, keepdims=True))


@softmax.slip("the sum of all rows", "wrong-axis", "missing-term")
def _(dy, x):
    y = softmax.forward(x)
    return y * (dy - (dy * y).sum())


@softmax.slip("the plain mean of dy is subtracted", "missing-term")
def _(dy, x):
    y = softmax.forward(x)
    return y * (dy - dy.mean(1, keepdims=True))


@softmax.slip("dy is not weighted by y in front", "missing-term")
def _(dy, x):
    y = softmax.forward(x)
    return dy - (dy * y).sum(1, keepdims=True)


@problem(SET, (5, 7))
def log_softmax(x):
    z = x - x.max(1, keepdims=True)
    return z - np.log(np.exp(z).sum(1, keepdims=True))


@log_softmax.backward
def _(dy, x):
    return dy - np.exp(log_softmax.forward(x)) * dy.sum(1, keepdims=True)


@log_softmax.slip(
    "dy is not summed: it multiplies p entry by entry",
    "diagonal-only",
    "part-of-upstream",
    "missing-term",
)
def _(dy, x):
    return dy - np.exp(log_softmax.forward(x)) * dy


@log_softmax.slip("log p in the place of p", "missing-term")
def _(dy, x):
    return dy - log_softmax.forward(x) * dy.sum(1, keepdims=True)


@log_softmax.slip("dy is only passed on", "missing-term", "diagonal-only")
def _(dy, x):
    return dy.copy()


EPS = 1e-5


def normalised(x, axis):
    centred = x - x.mean(axis, keepdims=True)
    scale = 1 / np.sqrt((centred**2).mean(axis, keepdims=True) + EPS)
    return centred * scale, scale


def through_norm(g, x, axis):
    xhat, scale = normalised(x, axis)
    along = (g * xhat).mean(axis, keepdims=True)
    return scale * (g - g.mean(axis, keepdims=True) - xhat * along)


@problem(SET, (5, 7), (7,), (7,))
def layer_norm(x, gamma, beta):
    return normalised(x, 1)[0] * gamma + beta


@layer_norm.backward
def _(dy, x, gamma, beta):
    return through_norm(dy * gamma, x, 1), (dy * normalised(x, 1)[0]).sum(0), dy.sum(0)


@layer_norm.slip("gamma is left out of dx", "missing-term")
def _(dy, x, gamma, beta):
    return through_norm(dy, x, 1), (dy * normalised(x, 1)[0]).sum(0), dy.sum(0)


@layer_norm.slip("dgamma with x instead of the normalised x", "missing-term")
def _(dy, x, gamma, beta):
    return through_norm(dy * gamma, x, 1), (dy * x).sum(0), dy.sum(0)


@layer_norm.slip("mean and deviation are taken for constants", "missing-term", "diagonal-only")
def _(dy, x, gamma, beta):
    xhat, scale = normalised(x, 1)
    return scale * dy * gamma, (dy * xhat).sum(0), dy.sum(0)


@layer_norm.slip("only the mean's path is subtracted", "missing-term")
def _(dy, x, gamma, beta):
    (xhat, scale), g = normalised(x, 1), dy * gamma
    return scale * (g - g.mean(1, keepdims=True)), (dy * xhat).sum(0), dy.sum(0)


@layer_norm.slip("dbeta is summed over the features", "shape", "wrong-axis")
def _(dy, x, gamma, beta):
    return through_norm(dy * gamma, x, 1), (dy * normalised(x, 1)[0]).sum(0), dy.sum(1)


@problem(SET, (5, 7), (7,))
def rms_norm(x, gamma):
    return x / np.sqrt((x * x).mean(1, keepdims=True)) * gamma


@rms_norm.backward
def _(dy, x, gamma):
    r = 1 / np.sqrt((x * x).mean(1, keepdims=True))
    g, n = dy * gamma, x * r
    return r * (g - n * (g * n).mean(1, keepdims=True)), (dy * n).sum(0)


@rms_norm.slip("a sum for the mean in the projection", "missing-term")
def _(dy, x, gamma):
    r = 1 / np.sqrt((x * x).mean(1, keepdims=True))
    g, n = dy * gamma, x * r
    return r * (g - n * (g * n).sum(1, keepdims=True)), (dy * n).sum(0)


@rms_norm.slip("dgamma has gamma in it", "missing-term")
def _(dy, x, gamma):
    r = 1 / np.sqrt((x * x).mean(1, keepdims=True))
    g, n = dy * gamma, x * r
    return r * (g - n * (g * n).mean(1, keepdims=True)), (g * n).sum(0)


@problem(SET, (7, 5), (5,))
def batch_norm(x, gamma):
    return normalised(x, 0)[0] * gamma


@batch_norm.backward
def _(dy, x, gamma):
    return through_norm(dy * gamma, x, 0), (dy * normalised(x, 0)[0]).sum(0)


@batch_norm.slip("the layer norm's backward", "wrong-axis")
def _(dy, x, gamma):
    return through_norm(dy * gamma, x, 1), (dy * normalised(x, 0)[0]).sum(0)


@batch_norm.slip("means over the batch are not divided by it", "missing-term")
def _(dy, x, gamma):
    (xhat, scale), g = normalised(x, 0), dy * gamma
    return scale * (g - g.sum(0) - xhat * (g * xhat).sum(0)), (dy * xhat).sum(0)


@problem(SET, (5, 7))
def dropout(x):
    return x * KEEP / 0.6


@dropout.backward
def _(dy, x):
    return dy * KEEP / 0.6


@dropout.slip("the mask's scale is forgotten", "scale")
def _(dy, x):
    return dy * KEEP


@dropout.slip("another mask is drawn", "nondeterministic", "partial")
def _(dy, x):
    return dy * (np.random.random(x.shape) > 0.4) / 0.6  # noqa: NPY002


@dropout.slip("no mask", "partial", "missing-term")
def _(dy, x):
    return dy / 0.6


@problem(SET, (3, 5), (5, 7), (7, 5))
def residual_mlp(x, w1, w2):
    return x + np.maximum(x @ w1, 0) @ w2


@residual_mlp.backward
def _(dy, x, w1, w2):
    h = x @ w1
    dh = dy @ w2.T * (h > 0)
    return dy + dh @ w1.T, x.T @ dh, np.maximum(h, 0).T @ dy


@residual_mlp.slip("the residual path is lost", "missing-term")
def _(dy, x, w1, w2):
    h = x @ w1
    dh = dy @ w2.T * (h > 0)
    return dh @ w1.T, x.T @ dh, np.maximum(h, 0).T @ dy


@residual_mlp.slip("the block's path is lost", "missing-term", "diagonal-only")
def _(dy, x, w1, w2):
    h = x @ w1
    dh = dy @ w2.T * (h > 0)
    return dy.copy(), x.T @ dh, np.maximum(h, 0).T @ dy


@residual_mlp.slip("dw2 with h before the ReLU", "missing-term", "partial")
def _(dy, x, w1, w2):
    h = x @ w1
    dh = dy @ w2.T * (h > 0)
    return dy + dh @ w1.T, x.T @ dh, h.T @ dy


@residual_mlp.slip("the ReLU's mask is forgotten", "missing-term", "partial")
def _(dy, x, w1, w2):
    h = x @ w1
    dh = dy @ w2.T
    return dy + dh @ w1.T, x.T @ dh, np.maximum(h, 0).T @ dy


@problem(SET, (3, 14))
def geglu(x):
    return x[:, :7] * (x[:, 7:] * normal_cdf(x[:, 7:]))


@geglu.backward
def _(dy, x):
    a, b = x[:, :7], x[:, 7:]
    slope = normal_cdf(b) + b * normal_density(b)
    return np.concatenate([dy * b * normal_cdf(b), dy * a * slope], 1)


@geglu.slip("the halves are joined in the wrong order", "misplaced", "swapped")
def _(dy, x):
    a, b = x[:, :7], x[:, 7:]
    slope = normal_cdf(b) + b * normal_density(b)
    return np.concatenate([dy * a * slope, dy * b * normal_cdf(b)], 1)


@geglu.slip("the gate gets no gradient", "partial", "missing-term")
def _(dy, x):
    b = x[:, 7:]
    return np.concatenate([dy * b * normal_cdf(b), 0 * dy], 1)
