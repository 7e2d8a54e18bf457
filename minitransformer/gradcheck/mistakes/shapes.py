"""Wrong backward passes of concatenate, stack and transpose."""

import numpy as np

from .operation import Operation


def concatenate(a, b):
    return np.concatenate([a, b], axis=1)


def concatenate_backward(dy, a, b):
    return dy[:, : a.shape[1]], dy[:, a.shape[1] :]


CONCATENATE = Operation(
    "concatenate",
    concatenate,
    concatenate_backward,
    lambda rng: (rng.normal(size=(5, 3)), rng.normal(size=(5, 3))),
    primes=lambda rng: (rng.normal(size=(5, 3)), rng.normal(size=(5, 7))),
)


@CONCATENATE.mistake("The halves are exchanged: the first columns belong to the first input.")
def halves_exchanged(dy, a, b):
    return dy[:, a.shape[1] :], dy[:, : a.shape[1]]


@CONCATENATE.mistake("Cut where the first input ended; here the second slice starts a column late.")
def cut_too_late(dy, a, b):
    late = np.zeros_like(b)
    late[:, :-1] = dy[:, a.shape[1] + 1 :]
    return dy[:, : a.shape[1]], late


@CONCATENATE.mistake("Both inputs get the first slice; the second one's begins where it ends.")
def first_slice_twice(dy, a, b):
    return dy[:, : a.shape[1]].copy(), dy[:, : b.shape[1]].copy()


@CONCATENATE.mistake("The slices are taken, not averaged: each input reached its part whole.")
def halved(dy, a, b):
    return dy[:, : a.shape[1]] / 2, dy[:, a.shape[1] :] / 2


def stack(a, b):
    return np.stack([a, b])


def stack_backward(dy, a, b):
    return dy[0], dy[1]


STACK = Operation(
    "stack", stack, stack_backward, lambda rng: (rng.normal(size=(3, 5)), rng.normal(size=(3, 5)))
)


@STACK.mistake("The layers are in the wrong order: dy[0] belongs to the first input.")
def order(dy, a, b):
    return dy[1], dy[0]


@STACK.mistake("Each input gets its own layer of dy, not the sum of all.")
def summed(dy, a, b):
    return dy.sum(axis=0), dy.sum(axis=0)


@STACK.mistake("Slicing dy[i:i+1] keeps the new axis; take dy[i].")
def axis_kept(dy, a, b):
    return dy[0:1], dy[1:2]


@STACK.mistake("Both inputs get layer 0 of dy.")
def first_twice(dy, a, b):
    return dy[0].copy(), dy[0].copy()


def transpose(x):
    return x.transpose(1, 2, 0)


def transpose_backward(dy, x):
    return dy.transpose(2, 0, 1)


TRANSPOSE = Operation(
    "transpose", transpose, transpose_backward, lambda rng: (rng.normal(size=(2, 3, 5)),)
)


@TRANSPOSE.mistake("Undo a permutation with its inverse, np.argsort(axes), not by doing it again.")
def again(dy, x):
    return dy.transpose(1, 2, 0)


@TRANSPOSE.mistake("A reshape has the right shape but moves no number; transpose back.")
def reshaped(dy, x):
    return dy.reshape(x.shape)


@TRANSPOSE.mistake("The gradient has the axes of the output still; transpose back.")
def untouched(dy, x):
    return dy.copy()


@TRANSPOSE.mistake("The axes are reversed; that undoes only a permutation that reverses them.")
def backwards(dy, x):
    return dy.T.copy()
