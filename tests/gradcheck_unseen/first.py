"""Mistakes that the bank does not know, in ops it does not have: all are caught, most are named.

Written before the checker was tried on them, and never entered in its bank. At first sight it
named 55 of the 77 here and in first_elementwise; what it missed made it better.
"""

from functools import partial

import numpy as np

from .problem import lambdas

case = partial(lambdas, "first")
RNG = np.random.default_rng(11)


def normal(*shape):
    return RNG.normal(size=shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def row_sum(x):
    return x.sum(-1, keepdims=True)


def row_mean(x):
    return x.mean(-1, keepdims=True)


case(
    "cumsum",
    lambda x: np.cumsum(x, axis=1),
    lambda dy, x: np.cumsum(dy[:, ::-1], axis=1)[:, ::-1],
    normal(3, 7),
    not_reversed=lambda dy, x: np.cumsum(dy, axis=1),
    other_axis=lambda dy, x: np.cumsum(dy[::-1], axis=0)[::-1],
    reversed_but_not_back=lambda dy, x: np.cumsum(dy[:, ::-1], axis=1),
    passed_on=lambda dy, x: dy.copy(),
    without_itself=lambda dy, x: np.cumsum(dy[:, ::-1], axis=1)[:, ::-1] - dy,
)


def logsumexp(x):
    return np.log(np.exp(x).sum(axis=1))


case(
    "logsumexp",
    logsumexp,
    lambda dy, x: dy[:, None] * softmax(x),
    normal(3, 7),
    upstream_forgotten=lambda dy, x: softmax(x),
    exp_not_normalised=lambda dy, x: dy[:, None] * np.exp(x),
    softmax_over_batch=lambda dy, x: dy[:, None] * softmax(x.T).T,
    spread_evenly=lambda dy, x: np.broadcast_to(dy[:, None] / 7, x.shape),
    axis_not_restored=lambda dy, x: dy * softmax(x).T,
)


def standard(x, eps=1e-3):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + eps)


def batch_norm(x, gamma, beta):
    return standard(x) * gamma + beta


def batch_norm_backward(dy, x, gamma, beta):
    xhat, rstd = standard(x), 1 / np.sqrt(x.var(0) + 1e-3)
    d = dy * gamma
    dx = rstd * (d - d.mean(0) - xhat * (d * xhat).mean(0))
    return dx, (dy * xhat).sum(0), dy.sum(0)


def batch_norm_x(formula):
    """A wrong gradient of x: formula(d, x̂, 1/σ, γ)."""

    def backward(dy, x, gamma, beta):
        _, dgamma, dbeta = batch_norm_backward(dy, x, gamma, beta)
        rstd = 1 / np.sqrt(x.var(0) + 1e-3)
        return formula(dy * gamma, standard(x), rstd, gamma), dgamma, dbeta

    return backward


case(
    "batch_norm",
    batch_norm,
    batch_norm_backward,
    normal(11, 5),
    normal(5),
    normal(5),
    statistics_constant=batch_norm_x(lambda d, xhat, r, g: d * r),
    without_mean=batch_norm_x(lambda d, xhat, r, g: r * (d - xhat * (d * xhat).mean(0))),
    without_variance=batch_norm_x(lambda d, xhat, r, g: r * (d - d.mean(0))),
    means_over_features=batch_norm_x(
        lambda d, xhat, r, g: r * (d - row_mean(d) - xhat * row_mean(d * xhat))
    ),
    sums_for_means=batch_norm_x(
        lambda d, xhat, r, g: r * (d - d.sum(0) - xhat * (d * xhat).sum(0))
    ),
    without_gamma=batch_norm_x(
        lambda d, xhat, r, g: r / g * (d - d.mean(0) - xhat * (d * xhat).mean(0))
    ),
    without_sigma=batch_norm_x(lambda d, xhat, r, g: d - d.mean(0) - xhat * (d * xhat).mean(0)),
    beta_kept_per_row=lambda dy, x, g, b: (*batch_norm_backward(dy, x, g, b)[:2], dy + 0),
    gamma_beta_swapped=lambda dy, x, g, b: (
        batch_norm_backward(dy, x, g, b)[0],
        *batch_norm_backward(dy, x, g, b)[:0:-1],
    ),
)


def unit(x):
    return x / np.sqrt(row_sum(x * x))


case(
    "l2_normalize",
    unit,
    lambda dy, x: (dy - unit(x) * row_sum(dy * unit(x))) / np.sqrt(row_sum(x * x)),
    normal(3, 7),
    norm_constant=lambda dy, x: dy / np.sqrt(row_sum(x * x)),
    projection_only=lambda dy, x: dy - unit(x) * row_sum(dy * unit(x)),
    projection_added=lambda dy, x: (dy + unit(x) * row_sum(dy * unit(x))) / np.sqrt(row_sum(x * x)),
)


def cosine(a, b):
    return (unit(a) * unit(b)).sum(-1)


def cosine_backward(dy, a, b):
    c, d = cosine(a, b)[:, None], dy[:, None]
    na, nb = np.sqrt(row_sum(a * a)), np.sqrt(row_sum(b * b))
    return d * (unit(b) - c * unit(a)) / na, d * (unit(a) - c * unit(b)) / nb


case(
    "cosine_similarity",
    cosine,
    cosine_backward,
    normal(3, 7),
    normal(3, 7),
    norms_constant=lambda dy, a, b: (
        dy[:, None] * unit(b) / np.sqrt(row_sum(a * a)),
        dy[:, None] * unit(a) / np.sqrt(row_sum(b * b)),
    ),
    swapped=lambda dy, a, b: cosine_backward(dy, a, b)[::-1],
    negative=lambda dy, a, b: tuple(-g for g in cosine_backward(dy, a, b)),
    same_for_both=lambda dy, a, b: (cosine_backward(dy, a, b)[0], cosine_backward(dy, a, b)[0] + 0),
)


def bilinear(a, w, b):
    return np.einsum("ni,oij,nj->no", a, w, b)


def bilinear_backward(dy, a, w, b):
    return (
        np.einsum("no,oij,nj->ni", dy, w, b),
        np.einsum("no,ni,nj->oij", dy, a, b),
        np.einsum("no,oij,ni->nj", dy, w, a),
    )


case(
    "bilinear",
    bilinear,
    bilinear_backward,
    normal(5, 3),
    normal(2, 3, 3),
    normal(5, 3),
    weight_transposed=lambda dy, a, w, b: (
        bilinear_backward(dy, a, w, b)[0],
        bilinear_backward(dy, a, w, b)[1].swapaxes(1, 2) + 0,
        bilinear_backward(dy, a, w, b)[2],
    ),
    weight_used_untransposed=lambda dy, a, w, b: (
        *bilinear_backward(dy, a, w, b)[:2],
        np.einsum("no,oij,nj->ni", dy, w, a),
    ),
    batch_mean=lambda dy, a, w, b: (
        bilinear_backward(dy, a, w, b)[0],
        bilinear_backward(dy, a, w, b)[1] / 5,
        bilinear_backward(dy, a, w, b)[2],
    ),
    batch_not_summed=lambda dy, a, w, b: (
        bilinear_backward(dy, a, w, b)[0],
        np.einsum("no,ni,nj->noij", dy, a, b),
        bilinear_backward(dy, a, w, b)[2],
    ),
)


def conv1d(x, w):
    return np.stack([(x[:, t : t + 3] * w).sum(-1) for t in range(x.shape[1] - 2)], axis=1)


def conv1d_backward(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for t in range(dy.shape[1]):
        dx[:, t : t + 3] += dy[:, t, None] * w
        dw += (dy[:, t, None] * x[:, t : t + 3]).sum(0)
    return dx, dw


def conv1d_overwritten(dy, x, w):
    dx, dw = np.zeros_like(x), conv1d_backward(dy, x, w)[1]
    for t in range(dy.shape[1]):
        dx[:, t : t + 3] = dy[:, t, None] * w
    return dx, dw


case(
    "conv1d",
    conv1d,
    conv1d_backward,
    normal(2, 11),
    normal(3),
    kernel_flipped=lambda dy, x, w: (
        conv1d_backward(dy, x, w[::-1])[0],
        conv1d_backward(dy, x, w)[1],
    ),
    weight_gradient_flipped=lambda dy, x, w: (
        conv1d_backward(dy, x, w)[0],
        conv1d_backward(dy, x, w)[1][::-1],
    ),
    overlaps_overwritten=conv1d_overwritten,
    shifted=lambda dy, x, w: (
        np.pad(conv1d_backward(dy, x, w)[0], ((0, 0), (1, 0)))[:, :-1],
        conv1d_backward(dy, x, w)[1],
    ),
    last_step_missed=lambda dy, x, w: conv1d_backward(dy * (np.arange(9) < 8), x, w),
    first_image_only=lambda dy, x, w: (
        conv1d_backward(dy, x, w)[0],
        conv1d_backward(dy[:1], x[:1], w)[1],
    ),
)


def gru_mix(z, n, h):
    return (1 - sigmoid(z)) * np.tanh(n) + sigmoid(z) * h


def gru_mix_backward(dy, z, n, h):
    s, t = sigmoid(z), np.tanh(n)
    return dy * (h - t) * s * (1 - s), dy * (1 - s) * (1 - t * t), dy * s


case(
    "gru_mix",
    gru_mix,
    gru_mix_backward,
    normal(3, 5),
    normal(3, 5),
    normal(3, 5),
    gate_sign=lambda dy, z, n, h: (
        -gru_mix_backward(dy, z, n, h)[0],
        *gru_mix_backward(dy, z, n, h)[1:],
    ),
    gate_without_candidate=lambda dy, z, n, h: (
        dy * h * sigmoid(z) * (1 - sigmoid(z)),
        *gru_mix_backward(dy, z, n, h)[1:],
    ),
    candidate_ungated=lambda dy, z, n, h: (
        gru_mix_backward(dy, z, n, h)[0],
        dy * (1 - np.tanh(n) ** 2),
        dy * sigmoid(z),
    ),
    state_and_candidate_gates=lambda dy, z, n, h: (
        gru_mix_backward(dy, z, n, h)[0],
        dy * sigmoid(z) * (1 - np.tanh(n) ** 2),
        dy * (1 - sigmoid(z)),
    ),
)


def rnn(x, w):
    h, states = np.zeros(x.shape[0]), []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] + w * h)
        states.append(h)
    return np.stack(states, axis=1)


def rnn_backward(dy, x, w, steps=99, carry=True):
    h = rnn(x, w)
    dx, dw, dh = np.zeros_like(x), 0.0, np.zeros(len(x))
    for t in reversed(range(x.shape[1])):
        da = (dy[:, t] * (t < steps) + dh) * (1 - h[:, t] ** 2)
        dx[:, t] = da
        dw += (da * h[:, t - 1]).sum() if t else 0.0
        dh = da * w * carry
    return dx, dw


case(
    "rnn",
    rnn,
    rnn_backward,
    normal(3, 5),
    np.array(0.7),
    last_output_ignored=lambda dy, x, w: rnn_backward(dy, x, w, steps=4),
    not_through_time=lambda dy, x, w: rnn_backward(dy, x, w, carry=False),
    weight_wrapped=lambda dy, x, w: (
        rnn_backward(dy, x, w)[0],
        (rnn_backward(dy, x, w)[0] * np.roll(rnn(x, w), 1, 1)).sum(),
    ),
)
