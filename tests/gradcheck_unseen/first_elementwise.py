"""More mistakes that the bank does not know: pooling, rotation, elementwise functions, losses."""

from functools import partial

import numpy as np

from .problem import lambdas

case = partial(lambdas, "first")
RNG = np.random.default_rng(11)


def normal(*shape):
    return RNG.normal(size=shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def row_sum(x):
    return x.sum(-1, keepdims=True)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def pool(x):
    return x.reshape(x.shape[0], -1, 2).max(-1)


def pool_backward(dy, x):
    pairs = x.reshape(x.shape[0], -1, 2)
    return ((pairs == pairs.max(-1, keepdims=True)) * dy[..., None]).reshape(x.shape)


case(
    "max_pool1d",
    pool,
    pool_backward,
    normal(3, 10),
    everywhere=lambda dy, x: np.repeat(dy, 2, axis=1),
    shared=lambda dy, x: np.repeat(dy, 2, axis=1) / 2,
    always_first=lambda dy, x: np.stack([dy, 0 * dy], -1).reshape(x.shape),
    tiled=lambda dy, x: np.tile(dy, 2) * (pool_backward(np.ones_like(dy), x)),
)


def rope(x):
    angle = np.arange(x.shape[0])[:, None] / 3.0
    a, b = x[:, ::2], x[:, 1::2]
    turned = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
    return np.stack(turned, -1).reshape(x.shape)


def turned_back(x, sign):
    angle = sign * np.arange(x.shape[0])[:, None] / 3.0
    a, b = x[:, ::2], x[:, 1::2]
    turned = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
    return np.stack(turned, -1).reshape(x.shape)


case(
    "rope",
    rope,
    lambda dy, x: turned_back(dy, -1),
    normal(5, 6),
    turned_forward=lambda dy, x: turned_back(dy, 1),
    not_turned=lambda dy, x: dy.copy(),
    halves_not_interleaved=lambda dy, x: (
        turned_back(dy, -1).reshape(5, 3, 2).swapaxes(1, 2).reshape(5, 6)
    ),
)


def huber(p, t):
    d = p - t
    return np.where(np.abs(d) < 1, d * d / 2, np.abs(d) - 0.5).sum()


case(
    "huber",
    huber,
    lambda dy, p, t: (dy * np.clip(p - t, -1, 1), -dy * np.clip(p - t, -1, 1)),
    2 * normal(5, 7),
    2 * normal(5, 7),
    never_clipped=lambda dy, p, t: (dy * (p - t), -dy * (p - t)),
    meaned=lambda dy, p, t: (dy * np.clip(p - t, -1, 1) / 35, -dy * np.clip(p - t, -1, 1) / 35),
    zero_when_clipped=lambda dy, p, t: (
        dy * (p - t) * (abs(p - t) < 1),
        -dy * (p - t) * (abs(p - t) < 1),
    ),
    upstream_squared=lambda dy, p, t: (
        dy**2 * np.clip(p - t, -1, 1),
        -(dy**2) * np.clip(p - t, -1, 1),
    ),
)

case(
    "weighted_mean",
    lambda x, mask: (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True),
    lambda dy, x, mask: (dy[:, None] * (mask / mask.sum(1, keepdims=True))[..., None], None),
    normal(3, 5, 2),
    np.arange(5) < np.array([[5], [2], [3]]),
    padding_counted=lambda dy, x, m: (
        np.broadcast_to((dy / m.sum(1, keepdims=True))[:, None], x.shape),
        None,
    ),
    divided_by_length=lambda dy, x, m: (dy[:, None] * (m / 5)[..., None], None),
    not_divided=lambda dy, x, m: (dy[:, None] * m[..., None], None),
)

case(
    "clip",
    lambda x: np.clip(x, -0.7, 1.2),
    lambda dy, x: dy * ((x > -0.7) & (x < 1.2)),
    normal(5, 7),
    top_not_masked=lambda dy, x: dy * (x > -0.7),
    unmasked=lambda dy, x: dy.copy(),
    dy_clipped=lambda dy, x: np.clip(dy, -0.7, 1.2) * ((x > -0.7) & (x < 1.2)),
)

case(
    "softplus",
    lambda x: np.log1p(np.exp(x)),
    lambda dy, x: dy * sigmoid(x),
    normal(5, 7),
    derivative_of_sigmoid=lambda dy, x: dy * sigmoid(x) * (1 - sigmoid(x)),
    of_output=lambda dy, x: dy * sigmoid(np.log1p(np.exp(x))),
    mirrored=lambda dy, x: dy * sigmoid(-x),
)

case(
    "elu",
    lambda x: np.where(x > 0, x, np.expm1(x)),
    lambda dy, x: dy * np.where(x > 0, 1, np.exp(x)),
    normal(5, 7),
    minus_one_kept=lambda dy, x: dy * np.where(x > 0, 1, np.expm1(x)),
    as_relu=lambda dy, x: dy * (x > 0),
)

case(
    "power",
    lambda x: x**3,
    lambda dy, x: dy * 3 * x**2,
    normal(5, 7),
    exponent_not_lowered=lambda dy, x: dy * 3 * x**3,
    coefficient_forgotten=lambda dy, x: dy * x**2,
    upstream_inside=lambda dy, x: 3 * (dy * x) ** 2,
)

case(
    "sine",
    np.sin,
    lambda dy, x: dy * np.cos(x),
    normal(5, 7),
    sign=lambda dy, x: -dy * np.cos(x),
    cosine_of_dy=lambda dy, x: np.cos(dy),
    linear=lambda dy, x: dy.copy(),
)

case(
    "swiglu",
    lambda a, b: a * sigmoid(a) * b,
    lambda dy, a, b: (dy * b * sigmoid(a) * (1 + a * (1 - sigmoid(a))), dy * a * sigmoid(a)),
    normal(3, 5),
    normal(3, 5),
    gate_only_sigmoid=lambda dy, a, b: (dy * b * sigmoid(a), dy * a * sigmoid(a)),
    gate_without_b=lambda dy, a, b: (
        dy * sigmoid(a) * (1 + a * (1 - sigmoid(a))),
        dy * a * sigmoid(a),
    ),
)

case(
    "kl_to_softmax",
    lambda x, p: (p * (np.log(p) - np.log(softmax(x)))).sum(-1).mean(),
    lambda dy, x, p: (
        dy * (softmax(x) * row_sum(p) - p) / len(x),
        dy * (np.log(p) - np.log(softmax(x)) + 1) / len(x),
    ),
    normal(5, 3),
    softmax(normal(5, 3)),
    reversed=lambda dy, x, p: (
        dy * (p - softmax(x) * row_sum(p)) / len(x),
        dy * (np.log(p) - np.log(softmax(x)) + 1) / len(x),
    ),
    plus_one_forgotten=lambda dy, x, p: (
        dy * (softmax(x) * row_sum(p) - p) / len(x),
        dy * (np.log(p) - np.log(softmax(x))) / len(x),
    ),
)

case(
    "scatter_rows",
    lambda x, rows: np.concatenate([x[rows], x[:1]]),
    lambda dy, x, rows: (
        np.stack([dy[:-1][rows == r].sum(0) + (r == 0) * dy[-1] for r in range(len(x))]),
        None,
    ),
    normal(5, 3),
    np.array([4, 1, 1]),
    class_token_lost=lambda dy, x, rows: (
        np.stack([dy[:-1][rows == r].sum(0) for r in range(len(x))]),
        None,
    ),
    off_by_one=lambda dy, x, rows: (
        np.roll(np.stack([dy[:-1][rows == r].sum(0) + (r == 0) * dy[-1] for r in range(5)]), 1, 0),
        None,
    ),
)
