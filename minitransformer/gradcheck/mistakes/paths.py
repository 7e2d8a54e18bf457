"""Wrong backward passes where a value is used twice: a residual block and a diamond."""

import numpy as np

from .operation import Operation


def residual(x, weight):
    return x + np.tanh(x @ weight)


def residual_backward(dy, x, weight):
    dz = dy * (1 - np.tanh(x @ weight) ** 2)
    return dy + dz @ weight.T, x.T @ dz


RESIDUAL = Operation(
    "residual",
    residual,
    residual_backward,
    lambda rng: (rng.normal(size=(3, 5)), rng.normal(size=(5, 5))),
)


@RESIDUAL.mistake("The residual path is lost: x goes straight to the output too, so add dy.")
def straight_path_lost(dy, x, weight):
    dx, dw = residual_backward(dy, x, weight)
    return dx - dy, dw


@RESIDUAL.mistake("Only the residual path is followed; the gradient of the branch must be added.")
def branch_lost(dy, x, weight):
    return dy.copy(), residual_backward(dy, x, weight)[1]


@RESIDUAL.mistake("The two paths are multiplied; the gradients of paths add up.")
def paths_multiplied(dy, x, weight):
    dx, dw = residual_backward(dy, x, weight)
    return dy * (dx - dy), dw


@RESIDUAL.mistake("The two paths are averaged; the gradients of paths add up.")
def paths_averaged(dy, x, weight):
    dx, dw = residual_backward(dy, x, weight)
    return dx / 2, dw


def diamond(x):
    return np.sin(x) * np.exp(x)


def diamond_backward(dy, x):
    return dy * (np.cos(x) + np.sin(x)) * np.exp(x)


DIAMOND = Operation("diamond", diamond, diamond_backward, lambda rng: (rng.normal(size=(3, 5)),))


@DIAMOND.mistake("x is used twice; the second branch, through exp, is lost. Branches add up.")
def second_branch_lost(dy, x):
    return dy * np.cos(x) * np.exp(x)


@DIAMOND.mistake("x is used twice; the first branch, through sin, is lost. Branches add up.")
def first_branch_lost(dy, x):
    return dy * np.sin(x) * np.exp(x)


@DIAMOND.mistake(
    "The branches are multiplied as cos·exp'; the product rule has a sum of two terms."
)
def derivatives_multiplied(dy, x):
    return dy * np.cos(x) * np.exp(x) * np.exp(x)


@DIAMOND.mistake("The second branch is subtracted; the gradients of branches add up.")
def branches_subtracted(dy, x):
    return dy * (np.cos(x) - np.sin(x)) * np.exp(x)
