"""Right backward passes are never called wrong: random ops, shapes, scales, ties and kinks.

`python -m pytest tests/test_gradcheck_false_alarms.py -m slow` runs 10,000 checks.
"""

import numpy as np
import pytest

from minitransformer.gradcheck import check_backward
from minitransformer.gradcheck.mistakes import OPERATIONS

QUICK, SLOW = 300, 10_000


def draw_shape(rng, low=1, high=3):
    """Any number of axes; some of length 1, now and then one of length 0."""
    lengths = rng.choice([1, 2, 3, 4, 5], size=rng.integers(low, high + 1))
    if rng.random() < 0.05 and len(lengths):
        lengths[0] = 0
    return tuple(int(n) for n in lengths)


def draw(rng, shape):
    """Values of any scale from 1e-3 to 1e3: rounded, contiguous or not, double or single."""
    x = np.asarray(rng.normal(size=shape)) * 10.0 ** rng.uniform(-3, 3)
    kind = rng.integers(6)
    if kind == 0 and x.size:
        x = np.round(x / np.abs(x).max() * 3)  # ties, and zeros at the kink of a ReLU
    elif kind == 1:
        x = x.astype(np.float32)
    elif kind == 2:
        x = np.asfortranarray(x)
    elif kind == 3 and x.ndim:
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    return x


def unary(forward, slope):
    def build(rng):
        x = draw(rng, draw_shape(rng, 0))
        return forward, lambda dy, x: dy * slope(x), (x,)

    return build


def along_axis(forward, backward):
    """`forward(x, axis)` and `backward(dy, x, axis)`, axis kept in the output."""

    def build(rng):
        shape = draw_shape(rng)
        axis = int(rng.integers(len(shape)))
        if not shape[axis]:
            shape = tuple(n or 2 for n in shape)
        x = draw(rng, shape)
        return (lambda x: forward(x, axis)), (lambda dy, x: backward(dy, x, axis)), (x,)

    return build


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softmax_backward(dy, x, axis):
    y = softmax(x, axis)
    return y * (dy - (dy * y).sum(axis, keepdims=True))


def log_softmax(x, axis):
    z = x - x.max(axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis, keepdims=True))


def standardise(x, axis, eps=1e-5):
    centred = x - x.mean(axis, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis, keepdims=True) + eps)


def standardise_backward(dy, x, axis, eps=1e-5):
    rstd = 1 / np.sqrt(x.var(axis, keepdims=True) + eps)
    xhat = standardise(x, axis, eps)
    mean, along = dy.mean(axis, keepdims=True), (dy * xhat).mean(axis, keepdims=True)
    return rstd * (dy - mean - xhat * along)


def largest_backward(dy, x, axis):
    ties = x == x.max(axis, keepdims=True)
    return dy * ties / ties.sum(axis, keepdims=True)


def cumsum_backward(dy, x, axis):
    return np.flip(np.cumsum(np.flip(dy, axis), axis), axis)


def unbroadcast(g, shape):
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    ones = tuple(a for a, n in enumerate(shape) if n == 1)
    return g.sum(axis=ones, keepdims=True)


def binary(forward, slopes):
    """Broadcasting: some axes of the second input are 1 or missing."""

    def build(rng):
        shape = draw_shape(rng)
        other = tuple(1 if rng.random() < 0.3 else n for n in shape)[rng.integers(0, 2) :]
        a, b = draw(rng, shape), draw(rng, other)
        if forward is np.divide:
            b = np.where(np.abs(b) < 0.1 * np.abs(b).max(initial=0), 1.0, b)
            b = np.where(b == 0, 1.0, b)

        def backward(dy, a, b):
            da, db = slopes(dy, a, b)
            return unbroadcast(da, a.shape), unbroadcast(db, b.shape)

        return forward, backward, (a, b)

    return build


def linear(rng):
    n, d, h = (int(k) for k in rng.choice([1, 2, 3, 5, 7], size=3))
    n *= rng.random() > 0.05
    inputs = draw(rng, (n, d)), draw(rng, (h, d)), draw(rng, (h,))
    return (
        lambda x, w, b: x @ w.T + b,
        lambda dy, x, w, b: (dy @ w, dy.T @ x, dy.sum(0)),
        inputs,
    )


def attention(rng):
    b, t, s, d, e = (int(k) for k in rng.choice([1, 2, 3, 4], size=5))

    def forward(q, k, v):
        return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(d), -1) @ v

    def backward(dy, q, k, v):
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(d)
        ds = softmax_backward(dy @ v.swapaxes(-1, -2), scores, -1) / np.sqrt(d)
        return ds @ k, ds.swapaxes(-1, -2) @ q, softmax(scores, -1).swapaxes(-1, -2) @ dy

    return forward, backward, (draw(rng, (b, t, d)), draw(rng, (b, s, d)), draw(rng, (b, s, e)))


def embedding(rng):
    rows, width = (int(k) for k in rng.integers(1, 7, size=2))
    indices = rng.integers(0, rows, size=draw_shape(rng, 1, 2))

    def backward(dy, weight, indices):
        dw = np.zeros_like(weight)
        np.add.at(dw, indices, dy)
        return dw, None

    return lambda w, i: w[i], backward, (draw(rng, (rows, width)), indices)


def cross_entropy(rng):
    n, classes = (int(k) for k in rng.integers(1, 7, size=2))
    target = rng.integers(0, classes, size=n)

    def backward(dy, x, target):
        return dy * (softmax(x, 1) - np.eye(classes)[target]) / n, None

    return (
        lambda x, target: -log_softmax(x, 1)[np.arange(n), target].mean(),
        backward,
        (draw(rng, (n, classes)), target),
    )


def logarithm(rng):
    return np.log, lambda dy, x: dy / x, (np.abs(draw(rng, draw_shape(rng))) + 1e-3,)


def square_root(rng):
    return np.sqrt, lambda dy, x: dy / 2 / np.sqrt(x), (np.abs(draw(rng, draw_shape(rng))) + 1e-3,)


def bank(rng):
    operation = list(OPERATIONS.values())[rng.integers(len(OPERATIONS))]
    return operation.forward, operation.backward, operation.distinct(rng)


def transpose(rng):
    shape = draw_shape(rng, 2, 4)
    axes = tuple(rng.permutation(len(shape)))
    return (
        lambda x: x.transpose(axes),
        lambda dy, x: dy.transpose(np.argsort(axes)),
        (draw(rng, shape),),
    )


BUILDERS = [
    unary(np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    unary(lambda x: np.maximum(x, 0), lambda x: x > 0),
    unary(np.abs, np.sign),
    unary(lambda x: x**3, lambda x: 3 * x**2),
    unary(np.sin, np.cos),
    unary(lambda x: np.clip(x, -0.5, 0.5), lambda x: np.abs(x) < 0.5),
    unary(lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    along_axis(softmax, softmax_backward),
    along_axis(log_softmax, lambda dy, x, a: dy - softmax(x, a) * dy.sum(a, keepdims=True)),
    along_axis(standardise, standardise_backward),
    along_axis(np.cumsum, cumsum_backward),
    along_axis(lambda x, a: x.max(a, keepdims=True), largest_backward),
    along_axis(lambda x, a: x.sum(a), lambda dy, x, a: np.expand_dims(dy, a) + 0 * x),
    along_axis(lambda x, a: x.mean(a, keepdims=True), lambda dy, x, a: dy / x.shape[a] + 0 * x),
    binary(np.add, lambda dy, a, b: (dy, dy + 0)),
    binary(np.multiply, lambda dy, a, b: (dy * b, dy * a)),
    binary(np.divide, lambda dy, a, b: (dy / b, -dy * a / b**2)),
    binary(np.maximum, lambda dy, a, b: (dy * (a > b), dy * (b > a))),
    *(linear, attention, embedding, cross_entropy, logarithm, square_root, bank, transpose),
]


def check(seed):
    rng = np.random.default_rng(seed)
    forward, backward, inputs = BUILDERS[seed % len(BUILDERS)](rng)
    report = check_backward(forward, backward, *inputs, seed=seed)
    assert report.ok, f"seed {seed}, {[np.shape(x) for x in inputs]}\n{report}"


@pytest.mark.parametrize("first", range(0, QUICK, 100))
def test_right_backward_passes_are_right(first):
    for seed in range(first, first + 100):
        check(seed)


@pytest.mark.slow
def test_no_false_alarm_in_ten_thousand():
    for seed in range(QUICK, QUICK + SLOW):
        check(seed)
