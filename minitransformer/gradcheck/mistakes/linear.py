"""Wrong backward passes of linear and matmul."""

import numpy as np

from .operation import Operation


def linear(x, weight, bias):
    return x @ weight.T + bias


def linear_backward(dy, x, weight, bias):
    rows, columns = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    return dy @ weight, rows.T @ columns, rows.sum(axis=0)


LINEAR = Operation(
    "linear",
    linear,
    linear_backward,
    lambda rng: (rng.normal(size=(5, 7)), rng.normal(size=(11, 7)), rng.normal(size=11)),
)


@LINEAR.mistake("The weight's gradient is transposed: dW = dyᵀ @ x, (out, in) like the weight.")
def weight_transposed(dy, x, weight, bias):
    dx, dw, db = linear_backward(dy, x, weight, bias)
    return dx, dw.T, db


@LINEAR.mistake("The bias was broadcast to every row of the batch: sum dy over the batch, axis 0.")
def bias_not_summed(dy, x, weight, bias):
    dx, dw, _ = linear_backward(dy, x, weight, bias)
    return dx, dw, dy


@LINEAR.mistake("The bias gradient is a sum over the batch, not a mean: the loss has the mean.")
def bias_averaged(dy, x, weight, bias):
    dx, dw, db = linear_backward(dy, x, weight, bias)
    return dx, dw, db / len(dy)


@LINEAR.mistake("The weight gradient is a sum over the batch: only the loss divides by its size.")
def weight_averaged(dy, x, weight, bias):
    dx, dw, db = linear_backward(dy, x, weight, bias)
    return dx, dw / len(dy), db


@LINEAR.mistake("dW ignores dy: every output gets the sum of the inputs. dW = dyᵀ @ x.")
def weight_without_upstream(dy, x, weight, bias):
    dx, _, db = linear_backward(dy, x, weight, bias)
    return dx, np.ones_like(dy).T @ x, db


@LINEAR.mistake("The bias gradient counts the batch: it must sum dy, whatever comes from above.")
def bias_without_upstream(dy, x, weight, bias):
    dx, dw, db = linear_backward(dy, x, weight, bias)
    return dx, dw, np.full_like(db, len(dy))


@LINEAR.mistake("The bias gradient takes only the first row of dy; every row of the batch adds.")
def bias_first_row(dy, x, weight, bias):
    dx, dw, _ = linear_backward(dy, x, weight, bias)
    return dx, dw, dy[0].copy()


def matmul(a, b):
    return a @ b


def matmul_backward(dy, a, b):
    return dy @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dy


MATMUL = Operation(
    "matmul",
    matmul,
    matmul_backward,
    lambda rng: (rng.normal(size=(5, 5)), rng.normal(size=(5, 5))),
    primes=lambda rng: (rng.normal(size=(3, 5)), rng.normal(size=(5, 7))),
)


@MATMUL.mistake("dA = dy @ Bᵀ: B was left untransposed. In a square product no shape complains.")
def left_untransposed(dy, a, b):
    return dy @ b, a.T @ dy


@MATMUL.mistake("dB = Aᵀ @ dy: A was left untransposed. In a square product no shape complains.")
def right_untransposed(dy, a, b):
    return dy @ b.T, a @ dy


@MATMUL.mistake("The factors of dA are in the wrong order: dA = dy @ Bᵀ, not Bᵀ @ dy.")
def left_order(dy, a, b):
    return b.T @ dy, a.T @ dy


@MATMUL.mistake("The factors of dB are in the wrong order: dB = Aᵀ @ dy, not dy @ Aᵀ.")
def right_order(dy, a, b):
    return dy @ b.T, dy @ a.T


@MATMUL.mistake("The two gradients are exchanged: return (dA, dB).")
def exchanged(dy, a, b):
    return a.T @ dy, dy @ b.T


@MATMUL.mistake("dA is elementwise (dy * B): a matrix product needs a matrix product, dy @ Bᵀ.")
def elementwise(dy, a, b):
    return dy * b, a.T @ dy
