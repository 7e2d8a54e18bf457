"""Attention, heads, embeddings, convolution, pooling, recurrence. Unseen, as in november_sums."""

import numpy as np

from .problem import problem

SET = "november"
IDS = np.array([[3, 1, 3, 0], [5, 3, 1, 1]])
VISIBLE = np.tril(np.ones((5, 5), bool))


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@problem(SET, (2, 5, 3), (2, 5, 3), (2, 5, 7))
def causal_attention(q, k, v):
    return weights(q, k) @ v


def weights(q, k):
    return softmax(np.where(VISIBLE, q @ k.swapaxes(1, 2) / np.sqrt(3), -np.inf))


def attention_backward(dy, q, k, v, through, scale=3**-0.5):
    p = weights(q, k)
    ds = through(p, dy @ v.swapaxes(1, 2)) * scale
    return ds @ k, ds.swapaxes(1, 2) @ q, p.swapaxes(1, 2) @ dy


def row_softmax(p, dp):
    return p * (dp - (dp * p).sum(-1, keepdims=True))


@causal_attention.backward
def _(dy, q, k, v):
    return attention_backward(dy, q, k, v, row_softmax)


@causal_attention.slip("1/√d is forgotten on the way back", "scale")
def _(dy, q, k, v):
    return attention_backward(dy, q, k, v, row_softmax, 1.0)


@causal_attention.slip("scaled by 1/d", "scale")
def _(dy, q, k, v):
    return attention_backward(dy, q, k, v, row_softmax, 1 / 3)


@causal_attention.slip("the softmax is taken elementwise", "diagonal-only", "missing-term")
def _(dy, q, k, v):
    return attention_backward(dy, q, k, v, lambda p, dp: p * (1 - p) * dp)


@causal_attention.slip("dk without turning ds over", "forward-product")
def _(dy, q, k, v):
    dq, _, dv = attention_backward(dy, q, k, v, row_softmax)
    ds = row_softmax(weights(q, k), dy @ v.swapaxes(1, 2)) / np.sqrt(3)
    return dq, ds @ q, dv


@causal_attention.slip("weights without the mask in dv", "missing-term", "partial")
def _(dy, q, k, v):
    dq, dk, _ = attention_backward(dy, q, k, v, row_softmax)
    return dq, dk, softmax(q @ k.swapaxes(1, 2) / np.sqrt(3)).swapaxes(1, 2) @ dy


@problem(SET, (2, 5, 6))
def split_heads(x):
    return x.reshape(2, 5, 3, 2).transpose(0, 2, 1, 3)


@split_heads.backward
def _(dy, x):
    return dy.transpose(0, 2, 1, 3).reshape(x.shape)


@split_heads.slip("reshaped without moving the heads back", "misplaced", "transposed")
def _(dy, x):
    return dy.reshape(x.shape)


@split_heads.slip("head and its entries are exchanged", "misplaced", "transposed")
def _(dy, x):
    return dy.transpose(0, 2, 3, 1).reshape(x.shape)


@problem(SET, (7, 3))
def embedding(table):
    return table[IDS]


@embedding.backward
def _(dy, table):
    d = np.zeros_like(table)
    np.add.at(d, IDS, dy)
    return d


@embedding.slip("+= with repeated indices", "partial")
def _(dy, table):
    d = np.zeros_like(table)
    d[IDS] += dy
    return d


@embedding.slip("repeats are averaged", "partial")
def _(dy, table):
    d = np.zeros_like(table)
    np.add.at(d, IDS, dy)
    return d / np.maximum(np.bincount(IDS.ravel(), minlength=7), 1)[:, None]


@embedding.slip("each token's row is one too low", "misplaced")
def _(dy, table):
    d = np.zeros_like(table)
    np.add.at(d, IDS + 1, dy)
    return d


@embedding.slip("only the batch's first sequence", "part-of-upstream")
def _(dy, table):
    d = np.zeros_like(table)
    np.add.at(d, IDS[0], dy[0])
    return d


@problem(SET, (11,), (3,))
def conv1d(x, w):
    return np.array([x[i : i + 3] @ w for i in range(9)])


@conv1d.backward
def _(dy, x, w):
    return np.convolve(dy, w), np.array([dy @ x[k : k + 9] for k in range(3)])


@conv1d.slip("dx with the kernel turned over", "misplaced", "forward-product")
def _(dy, x, w):
    return np.convolve(dy, w[::-1]), np.array([dy @ x[k : k + 9] for k in range(3)])


@conv1d.slip("dw turned over", "misplaced")
def _(dy, x, w):
    return np.convolve(dy, w), np.array([dy @ x[k : k + 9] for k in range(3)])[::-1].copy()


@conv1d.slip("dx overwritten where windows overlap", "partial", "missing-term", "part-of-upstream")
def _(dy, x, w):
    dx = np.zeros_like(x)
    for i in range(9):
        dx[i : i + 3] = dy[i] * w
    return dx, np.array([dy @ x[k : k + 9] for k in range(3)])


@problem(SET, (2, 3, 5, 7), (4, 3, 3, 3), (4,))
def padded_conv2d(x, w, b):
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = np.zeros((2, 4, 5, 7))
    for i in range(3):
        for j in range(3):
            y += np.einsum("ncij,fc->nfij", x[:, :, i : i + 5, j : j + 7], w[:, :, i, j])
    return y + b[:, None, None]


def conv2d_backward(dy, x, w):
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dx, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(3):
        for j in range(3):
            window = np.s_[:, :, i : i + 5, j : j + 7]
            dx[window] += np.einsum("nfij,fc->ncij", dy, w[:, :, i, j])
            dw[:, :, i, j] = np.einsum("nfij,ncij->fc", dy, padded[window])
    return dx, dw


@padded_conv2d.backward
def _(dy, x, w, b):
    dx, dw = conv2d_backward(dy, x, w)
    return dx[:, :, 1:-1, 1:-1], dw, dy.sum((0, 2, 3))


@padded_conv2d.slip("the padding is cut off at one side only", "misplaced")
def _(dy, x, w, b):
    dx, dw = conv2d_backward(dy, x, w)
    return dx[:, :, 2:, 2:], dw, dy.sum((0, 2, 3))


@padded_conv2d.slip("the padding stays in dx", "shape")
def _(dy, x, w, b):
    dx, dw = conv2d_backward(dy, x, w)
    return dx, dw, dy.sum((0, 2, 3))


@padded_conv2d.slip("db is summed over the batch only", "missing-sum")
def _(dy, x, w, b):
    dx, dw = conv2d_backward(dy, x, w)
    return dx[:, :, 1:-1, 1:-1], dw, dy.sum(0)


@problem(SET, (3, 8))
def max_pool(x):
    return x.reshape(3, 4, 2).max(-1)


@max_pool.backward
def _(dy, x):
    windows = x.reshape(3, 4, 2)
    return (dy[..., None] * (windows == windows.max(-1, keepdims=True))).reshape(x.shape)


@max_pool.slip("the first of each window gets dy", "partial", "misplaced")
def _(dy, x):
    dx = np.zeros_like(x)
    dx[:, ::2] = dy
    return dx


@max_pool.slip("shared out evenly, as by a mean", "partial")
def _(dy, x):
    return np.repeat(dy, 2, 1) / 2


@problem(SET, (3, 20), (3, 5))
def lstm_cell(z, c):
    i, f, g, o = gates(z)
    return o * np.tanh(f * c + i * g)


def gates(z):
    s = 1 / (1 + np.exp(-z))
    return s[:, :5], s[:, 5:10], np.tanh(z[:, 10:15]), s[:, 15:]


def lstm_backward(dy, z, c):
    i, f, g, o = gates(z)
    t = np.tanh(f * c + i * g)
    dc = dy * o * (1 - t * t)
    return [
        dc * g * i * (1 - i),
        dc * c * f * (1 - f),
        dc * i * (1 - g * g),
        dy * t * o * (1 - o),
    ], dc * f


@lstm_cell.backward
def _(dy, z, c):
    parts, dc = lstm_backward(dy, z, c)
    return np.concatenate(parts, 1), dc


@lstm_cell.slip("forget gate and candidate change places", "misplaced", "partial")
def _(dy, z, c):
    (di, df, dg, do), dc = lstm_backward(dy, z, c)
    return np.concatenate([di, dg, df, do], 1), dc


@lstm_cell.slip("the candidate's derivative is a sigmoid's", "partial")
def _(dy, z, c):
    (di, df, dg, do), dc = lstm_backward(dy, z, c)
    g = gates(z)[2]
    return np.concatenate([di, df, dg / (1 - g * g) * g * (1 - g), do], 1), dc


@lstm_cell.slip("the outer tanh is left out of dc", "missing-term")
def _(dy, z, c):
    parts, _ = lstm_backward(dy, z, c)
    _, f, _, o = gates(z)
    return np.concatenate(parts, 1), dy * o * f


@problem(SET, (5, 3), (3, 3))
def rnn(x, w):
    h, out = np.zeros(3), []
    for row in x:
        h = np.tanh(row + w @ h)
        out.append(h)
    return np.array(out)


def rnn_backward(dy, x, w, keep=1.0, transpose=True):
    hs = rnn.forward(x, w)
    dx, dw, dh = np.zeros_like(x), np.zeros_like(w), np.zeros(3)
    for t in reversed(range(5)):
        dx[t] = (dy[t] + keep * dh) * (1 - hs[t] ** 2)
        if t:
            dw += np.outer(dx[t], hs[t - 1])
        dh = (w.T if transpose else w) @ dx[t]
    return dx, dw


@rnn.backward
def _(dy, x, w):
    return rnn_backward(dy, x, w)


@rnn.slip(
    "nothing flows back in time", "missing-term", "part-of-upstream", "diagonal-only", "partial"
)
def _(dy, x, w):
    return rnn_backward(dy, x, w, keep=0.0)


@rnn.slip("w instead of wᵀ on the way back", "forward-product", "transposed")
def _(dy, x, w):
    return rnn_backward(dy, x, w, transpose=False)


@rnn.slip("dw keeps the last step only", "part-of-upstream", "partial")
def _(dy, x, w):
    dx, _ = rnn_backward(dy, x, w)
    return dx, np.outer(dx[4], rnn.forward(x, w)[3])


@rnn.slip("only the last step's dy counts", "part-of-upstream")
def _(dy, x, w):
    last = np.zeros_like(dy)
    last[-1] = dy[-1]
    return rnn_backward(last, x, w)


@problem(SET, (3, 5), (3, 2))
def concatenate(a, b):
    return np.concatenate([a, b], 1)


@concatenate.backward
def _(dy, a, b):
    return dy[:, :5].copy(), dy[:, 5:].copy()


@concatenate.slip("the second is cut from the front", "misplaced", "part-of-upstream")
def _(dy, a, b):
    return dy[:, :5].copy(), dy[:, :2].copy()


@concatenate.slip("both are windows of dy that overlap", "misplaced", "aliases", "part-of-upstream")
def _(dy, a, b):
    return dy[:, 2:], dy[:, :2]
