"""A second set of unseen mistakes, drawn up after the first had made the checker better.

At first sight 65 of the 66 were caught and 56 named; what it then learned came from those missed.
"""

import numpy as np

from .problem import lambdas

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.normal(size=shape)


def softmax(x, a=-1):
    e = np.exp(x - x.max(a, keepdims=True))
    return e / e.sum(a, keepdims=True)


def add(name, forward, backward, inputs, **wrong):
    lambdas("second", name, forward, backward, *inputs, **wrong)


add(
    "outer",
    lambda a, b: np.outer(a, b),
    lambda dy, a, b: (dy @ b, dy.T @ a),
    (normal(5), normal(5)),
    untransposed=lambda dy, a, b: (dy @ b, dy @ a),
    swapped=lambda dy, a, b: (dy.T @ a, dy @ b),
    summed=lambda dy, a, b: (dy.sum(1), dy.T @ a),
    own=lambda dy, a, b: (dy @ a, dy.T @ b),
)
add(
    "diag",
    lambda x: np.diagonal(x) + 0,
    lambda dy, x: np.diag(dy),
    (normal(5, 5),),
    full=lambda dy, x: np.outer(dy, np.ones(5)),
    flipped=lambda dy, x: np.diag(dy)[::-1],
    off_diagonal=lambda dy, x: np.diag(dy[:-1], 1),
    spilled=lambda dy, x: np.diag(dy) + np.diag(dy[1:], 1),
)


def prod_backward(dy, x):
    return dy[:, None] * x.prod(1, keepdims=True) / x


add(
    "prod",
    lambda x: x.prod(1),
    prod_backward,
    (normal(3, 5),),
    not_divided=lambda dy, x: dy[:, None] * x.prod(1, keepdims=True) + 0 * x,
    multiplied=lambda dy, x: dy[:, None] * x.prod(1, keepdims=True) * x,
    without_upstream=lambda dy, x: x.prod(1, keepdims=True) / x,
    ones=lambda dy, x: dy[:, None] + 0 * x,
)
add(
    "frobenius",
    lambda x: np.sqrt((x**2).sum()),
    lambda dy, x: dy * x / np.sqrt((x**2).sum()),
    (normal(3, 5),),
    not_normalised=lambda dy, x: dy * x,
    squared=lambda dy, x: dy * x / (x**2).sum(),
    half=lambda dy, x: dy * x / 2 / np.sqrt((x**2).sum()),
    of_absolute_values=lambda dy, x: dy * np.sign(x),
)
inv = np.linalg.inv
REGULAR = normal(5, 5) + 4 * np.eye(5)
add(
    "inverse",
    inv,
    lambda dy, a: -inv(a).T @ dy @ inv(a).T,
    (REGULAR,),
    without_sign=lambda dy, a: inv(a).T @ dy @ inv(a).T,
    untransposed=lambda dy, a: -inv(a) @ dy @ inv(a),
    one_sided=lambda dy, a: -inv(a).T @ dy,
    transposed=lambda dy, a: (-inv(a).T @ dy @ inv(a).T).T,
)
COLUMNS = np.array([1, 0, 4, 4, 2])


def pick(x, i):
    return x[np.arange(len(i)), i]


def pick_backward(dy, x, i):
    g = np.zeros_like(x)
    g[np.arange(len(i)), i] = dy
    return g, None


add(
    "pick",
    pick,
    pick_backward,
    (normal(5, 7), COLUMNS),
    every_row=lambda dy, x, i: (np.eye(7)[i] * dy.sum(), None),
    off_by_one=lambda dy, x, i: (np.roll(pick_backward(dy, x, i)[0], 1, 1), None),
    swapped_axes=lambda dy, x, i: (np.zeros_like(x) + dy[:, None], None),
    ones=lambda dy, x, i: (np.eye(7)[i], None),
)
add(
    "slice",
    lambda x: x[:, 1:6:2],
    lambda dy, x: np.stack(
        [0 * dy[:, 0], dy[:, 0], 0 * dy[:, 0], dy[:, 1], 0 * dy[:, 0], dy[:, 2], 0 * dy[:, 0]], 1
    ),
    (normal(3, 7),),
    contiguous=lambda dy, x: np.pad(dy, ((0, 0), (1, 3))),
    from_zero=lambda dy, x: np.stack(
        [dy[:, 0], 0 * dy[:, 0], dy[:, 1], 0 * dy[:, 0], dy[:, 2], 0 * dy[:, 0], 0 * dy[:, 0]], 1
    ),
    not_padded=lambda dy, x: dy + 0,
)
add(
    "repeat",
    lambda x: np.repeat(x, 3, axis=1),
    lambda dy, x: dy.reshape(5, 4, 3).sum(-1),
    (normal(5, 4),),
    as_tile=lambda dy, x: dy.reshape(5, 3, 4).sum(1),
    first=lambda dy, x: dy.reshape(5, 4, 3)[..., 0] + 0,
    mean=lambda dy, x: dy.reshape(5, 4, 3).mean(-1),
    not_summed=lambda dy, x: dy + 0,
)


def split(x):
    return x.reshape(5, 3, 4).transpose(1, 0, 2)


add(
    "split_heads",
    split,
    lambda dy, x: dy.transpose(1, 0, 2).reshape(5, 12),
    (normal(5, 12),),
    only_reshaped=lambda dy, x: dy.reshape(5, 12),
    transposed_wrongly=lambda dy, x: dy.transpose(2, 0, 1).reshape(12, 5).T + 0,
    interleaved=lambda dy, x: dy.transpose(1, 2, 0).reshape(5, 12),
)
add(
    "centre",
    lambda x: x - x.mean(1, keepdims=True),
    lambda dy, x: dy - dy.mean(1, keepdims=True),
    (normal(5, 7),),
    passed=lambda dy, x: dy + 0,
    axis0=lambda dy, x: dy - dy.mean(0),
    sum_for_mean=lambda dy, x: dy - dy.sum(1, keepdims=True),
    plus=lambda dy, x: dy + dy.mean(1, keepdims=True),
    mean_of_all=lambda dy, x: dy - dy.mean(),
)


def tempered_backward(dy, x, t):
    y = softmax(x / t)
    d = y * (dy - (dy * y).sum(-1, keepdims=True))
    return d / t, -(d * x).sum() / t**2


def not_summed(dy, x, t):
    dx, _ = tempered_backward(dy, x, t)
    return dx, -dx * x / t


def without_temperature(dy, x, t):
    dx, dt = tempered_backward(dy, x, t)
    return dx * t, dt


def temperature_sign(dy, x, t):
    dx, dt = tempered_backward(dy, x, t)
    return dx, -dt


add(
    "tempered",
    lambda x, t: softmax(x / t),
    tempered_backward,
    (normal(3, 5), np.array(1.7)),
    not_summed=not_summed,
    without_temperature=without_temperature,
    temperature_sign=temperature_sign,
)
add(
    "bce_prob",
    lambda p, t: -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(),
    lambda dy, p, t: (dy * (p - t) / (p * (1 - p)) / p.size, None),
    (RNG.uniform(0.1, 0.9, (3, 5)), RNG.integers(0, 2, (3, 5))),
    logits=lambda dy, p, t: (dy * (p - t) / p.size, None),
    positives_only=lambda dy, p, t: (-dy * t / p / p.size, None),
    without_mean=lambda dy, p, t: (dy * (p - t) / (p * (1 - p)), None),
    batch=lambda dy, p, t: (dy * (p - t) / (p * (1 - p)) / 3, None),
)


def mlp(x, w, v):
    return np.maximum(x @ w, 0) @ v


def mlp_backward(dy, x, w, v):
    h = x @ w
    a = np.maximum(h, 0)
    d = (dy @ v.T) * (h > 0)
    return d @ w.T, x.T @ d, a.T @ dy


add(
    "mlp",
    mlp,
    mlp_backward,
    (normal(7, 5), normal(5, 5), normal(5, 3)),
    without_relu=lambda dy, x, w, v: (
        (dy @ v.T) @ w.T,
        x.T @ (dy @ v.T),
        mlp_backward(dy, x, w, v)[2],
    ),
    weight_untransposed=lambda dy, x, w, v: (
        ((dy @ v.T) * (x @ w > 0)) @ w,
        *mlp_backward(dy, x, w, v)[1:],
    ),
    before_activation=lambda dy, x, w, v: (*mlp_backward(dy, x, w, v)[:2], (x @ w).T @ dy),
    swap=lambda dy, x, w, v: (
        mlp_backward(dy, x, w, v)[0],
        ((dy @ v.T) * (x @ w > 0)).T @ x,
        mlp_backward(dy, x, w, v)[2],
    ),
)
add(
    "hinge",
    lambda s, y: np.maximum(0, 1 - y * s).mean(),
    lambda dy, s, y: (-dy * y * (1 - y * s > 0) / len(s), None),
    (normal(11), RNG.choice([-1, 1], 11)),
    without_margin=lambda dy, s, y: (-dy * y * (y * s < 0) / len(s), None),
    sign=lambda dy, s, y: (dy * y * (1 - y * s > 0) / len(s), None),
    without_label=lambda dy, s, y: (-dy * (1 - y * s > 0) / len(s), None),
    everywhere=lambda dy, s, y: (-dy * y / len(s), None),
)
add(
    "avgpool",
    lambda x: x.reshape(2, 2, 2, 3, 2).mean((2, 4)),
    lambda dy, x: np.repeat(np.repeat(dy, 2, 1), 2, 2) / 4,
    (normal(2, 4, 6),),
    not_divided=lambda dy, x: np.repeat(np.repeat(dy, 2, 1), 2, 2),
    tile=lambda dy, x: np.tile(dy, (1, 2, 2)) / 4,
    half=lambda dy, x: np.repeat(np.repeat(dy, 2, 1), 2, 2) / 2,
    corner=lambda dy, x: (
        np.repeat(np.repeat(dy, 2, 1), 2, 2)
        / 4
        * ((np.arange(4) % 2 == 0)[:, None] & (np.arange(6) % 2 == 0))
    ),
)
LOWER = np.tril(np.ones((5, 5), bool))
add(
    "masked_fill",
    lambda x: np.where(LOWER, x, -9.0),
    lambda dy, x: dy * LOWER,
    (normal(2, 5, 5),),
    nomask=lambda dy, x: dy + 0,
    inverted=lambda dy, x: dy * ~LOWER,
    strict=lambda dy, x: dy * np.tril(np.ones((5, 5)), -1),
    mask_transposed=lambda dy, x: dy * LOWER.T,
)


def centred(x):
    return x - x.mean(1, keepdims=True)


def row_std(x):
    return x.std(1, keepdims=True)


add(
    "std",
    lambda x: x.std(1),
    lambda dy, x: dy[:, None] * centred(x) / row_std(x) / 7,
    (normal(5, 7),),
    of_the_variance=lambda dy, x: dy[:, None] * 2 * centred(x) / 7,
    not_centred=lambda dy, x: dy[:, None] * x / row_std(x) / 7,
    bessel=lambda dy, x: dy[:, None] * centred(x) / row_std(x) / 6,
    not_divided=lambda dy, x: dy[:, None] * centred(x) / row_std(x),
)
