"""A third set, of other ops, written after november's had made the checker better.

At first sight all 29 were caught, and 22 named.
"""

import numpy as np

from .problem import problem

SET = "third"
PICKED = np.array([[1], [4], [0]])
ANGLES = np.outer(np.arange(5), [1.0, 0.3, 0.1])
MASK = np.array([True, True, False, True, False])


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigma(x):
    return 1 / (1 + np.exp(-x))


@problem(SET, (5, 7))
def logsumexp(x):
    return np.log(np.exp(x).sum(1))


@logsumexp.backward
def _(dy, x):
    return dy[:, None] * softmax(x)


@logsumexp.slip("1 / Σ exp, without the exp on top", "scale", "missing-term")
def _(dy, x):
    return dy[:, None] / np.exp(x).sum(1, keepdims=True)


@logsumexp.slip("every entry gets dy, as in a sum", "scale", "missing-term")
def _(dy, x):
    return dy[:, None] * np.ones_like(x)


@problem(SET, (5, 7))
def softplus(x):
    return np.log1p(np.exp(x))


@softplus.backward
def _(dy, x):
    return dy * sigma(x)


@softplus.slip("σ(−x)", "sign", "scale", "missing-term")
def _(dy, x):
    return dy * sigma(-x)


@softplus.slip("σ once more: σ (1 − σ)", "scale")
def _(dy, x):
    return dy * sigma(x) * (1 - sigma(x))


@problem(SET, (5, 3), (5, 3))
def huber(x, t):
    e = x - t
    return np.where(abs(e) < 1, 0.5 * e * e, abs(e) - 0.5).sum()


@huber.backward
def _(dy, x, t):
    g = dy * np.clip(x - t, -1, 1)
    return g, -g


@huber.slip("no clipping: the gradient of the square everywhere", "partial", "scale")
def _(dy, x, t):
    g = dy * (x - t)
    return g, -g


@huber.slip("the far entries lose their sign", "partial")
def _(dy, x, t):
    g = dy * np.where(abs(x - t) < 1, x - t, 1.0)
    return g, -g


@problem(SET, (2, 5, 6))
def rotary(x):
    a, b, c, s = x[..., :3], x[..., 3:], np.cos(ANGLES), np.sin(ANGLES)
    return np.concatenate([a * c - b * s, a * s + b * c], -1)


@rotary.backward
def _(dy, x):
    a, b, c, s = dy[..., :3], dy[..., 3:], np.cos(ANGLES), np.sin(ANGLES)
    return np.concatenate([a * c + b * s, b * c - a * s], -1)


@rotary.slip("turned forward again instead of back", "forward-product")
def _(dy, x):
    return rotary.forward(dy)


@rotary.slip("only the cosine's part", "diagonal-only", "missing-term")
def _(dy, x):
    c = np.cos(ANGLES)
    return dy * np.concatenate([c, c], -1)


@problem(SET, (3, 5))
def gather(x):
    return np.take_along_axis(x, PICKED, 1)


@gather.backward
def _(dy, x):
    dx = np.zeros_like(x)
    np.put_along_axis(dx, PICKED, dy, 1)
    return dx


@gather.slip("scattered into the first column", "misplaced", "partial")
def _(dy, x):
    dx = np.zeros_like(x)
    dx[:, :1] = dy
    return dx


@gather.slip("spread over the whole row", "partial", "missing-term")
def _(dy, x):
    return np.broadcast_to(dy, x.shape).copy()


@problem(SET, (5, 7), (7, 3))
def tied_weights(x, w):
    return x @ w @ w.T


@tied_weights.backward
def _(dy, x, w):
    return dy @ w @ w.T, x.T @ (dy @ w) + dy.T @ (x @ w)


@tied_weights.slip("only the first use of w", "missing-term")
def _(dy, x, w):
    return dy @ w @ w.T, x.T @ (dy @ w)


@tied_weights.slip("only the second use of w", "missing-term")
def _(dy, x, w):
    return dy @ w @ w.T, dy.T @ (x @ w)


@problem(SET, (3, 4, 5))
def average_pool(x):
    return x.reshape(3, 2, 2, 5).mean(2)


@average_pool.backward
def _(dy, x):
    return np.repeat(dy, 2, 1) / 2


@average_pool.slip("tiled instead of repeated", "misplaced")
def _(dy, x):
    return np.tile(dy, (1, 2, 1)) / 2


@average_pool.slip("not divided by the window", "scale")
def _(dy, x):
    return np.repeat(dy, 2, 1)


@problem(SET, (5, 3), (5, 3), (5, 3))
def gru_mix(z, n, h):
    return (1 - sigma(z)) * np.tanh(n) + sigma(z) * h


@gru_mix.backward
def _(dy, z, n, h):
    s, t = sigma(z), np.tanh(n)
    return dy * (h - t) * s * (1 - s), dy * (1 - s) * (1 - t * t), dy * s


@gru_mix.slip("dz sees h only", "missing-term")
def _(dy, z, n, h):
    s, t = sigma(z), np.tanh(n)
    return dy * h * s * (1 - s), dy * (1 - s) * (1 - t * t), dy * s


@gru_mix.slip("z and 1 − z exchanged in dn and dh", "scale", "swapped")
def _(dy, z, n, h):
    s, t = sigma(z), np.tanh(n)
    return dy * (h - t) * s * (1 - s), dy * s * (1 - t * t), dy * (1 - s)


@problem(SET, (5, 7))
def temperature_softmax(x):
    return softmax(x / 0.5)


@temperature_softmax.backward
def _(dy, x):
    y = softmax(x / 0.5)
    return y * (dy - (dy * y).sum(1, keepdims=True)) / 0.5


@temperature_softmax.slip("the temperature is forgotten", "scale")
def _(dy, x):
    y = softmax(x / 0.5)
    return y * (dy - (dy * y).sum(1, keepdims=True))


@temperature_softmax.slip("the softmax is made again without it", "missing-term", "scale")
def _(dy, x):
    y = softmax(x)
    return y * (dy - (dy * y).sum(1, keepdims=True)) / 0.5


@problem(SET, (5, 7), (5, 7))
def kl_divergence(p, q):
    a, b = np.log(softmax(p)), np.log(softmax(q))
    return (np.exp(a) * (a - b)).sum() / 5


@kl_divergence.backward
def _(dy, p, q):
    a, b = softmax(p), softmax(q)
    r = np.log(a / b)
    return dy * a * (r - (a * r).sum(1, keepdims=True)) / 5, dy * (b - a) / 5


@kl_divergence.slip("dq is p − q", "sign")
def _(dy, p, q):
    dp, dq = kl_divergence.right(dy, p, q)
    return dp, -dq


@kl_divergence.slip("dp does not subtract the row's mean", "missing-term")
def _(dy, p, q):
    a, b = softmax(p), softmax(q)
    return dy * a * np.log(a / b) / 5, dy * (b - a) / 5


@problem(SET, (3, 5, 7), (7,))
def attention_pool(x, u):
    return np.einsum("nt,ntd->nd", softmax(x @ u), x)


@attention_pool.backward
def _(dy, x, u):
    w = softmax(x @ u)
    dw = np.einsum("nd,ntd->nt", dy, x)
    ds = w * (dw - (dw * w).sum(1, keepdims=True))
    return w[..., None] * dy[:, None] + ds[..., None] * u, np.einsum("nt,ntd->d", ds, x)


@attention_pool.slip("dx through the values only", "missing-term")
def _(dy, x, u):
    w = softmax(x @ u)
    return w[..., None] * dy[:, None], attention_pool.right(dy, x, u)[1]


@attention_pool.slip("du is a mean over the batch", "scale")
def _(dy, x, u):
    dx, du = attention_pool.right(dy, x, u)
    return dx, du / 3


@problem(SET, (5, 3))
def masked_mean(x):
    return x[MASK].mean(0)


@masked_mean.backward
def _(dy, x):
    return MASK[:, None] * dy / 3


@masked_mean.slip("the masked rows get their share too", "partial")
def _(dy, x):
    return np.broadcast_to(dy / 3, x.shape).copy()


@masked_mean.slip("divided by all rows", "scale")
def _(dy, x):
    return MASK[:, None] * dy / 5


@problem(SET, (7, 5))
def unit_rows(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@unit_rows.backward
def _(dy, x):
    n = np.linalg.norm(x, axis=1, keepdims=True)
    y = x / n
    return (dy - y * (dy * y).sum(1, keepdims=True)) / n


@unit_rows.slip("not divided by the norm", "scale")
def _(dy, x):
    y = unit_rows.forward(x)
    return dy - y * (dy * y).sum(1, keepdims=True)


@unit_rows.slip("the projection uses x, not the unit row", "missing-term")
def _(dy, x):
    n = np.linalg.norm(x, axis=1, keepdims=True)
    return (dy - x * (dy * x).sum(1, keepdims=True)) / n


@unit_rows.slip("norms of columns", "wrong-axis")
def _(dy, x):
    n = np.linalg.norm(x, axis=0, keepdims=True)
    y = x / n
    return (dy - y * (dy * y).sum(0, keepdims=True)) / n


@problem(SET, (3, 5), (5, 5), (3, 5))
def bilinear(a, m, b):
    return np.einsum("ni,ij,nj->n", a, m, b)


@bilinear.backward
def _(dy, a, m, b):
    g = dy[:, None]
    return g * (b @ m.T), (g * a).T @ b, g * (a @ m)


@bilinear.slip("da with m instead of mᵀ", "forward-product", "transposed")
def _(dy, a, m, b):
    g = dy[:, None]
    return g * (b @ m), (g * a).T @ b, g * (a @ m)


@bilinear.slip("dm is turned over", "transposed", "swapped")
def _(dy, a, m, b):
    g = dy[:, None]
    return g * (b @ m.T), b.T @ (g * a), g * (a @ m)
