"""Wrong backward passes of indexing: getitem with a list of rows, embedding."""

import numpy as np

from .operation import Operation

ROWS = np.array([3, 0, 3, 1])


def getitem(x):
    return x[ROWS]


def getitem_backward(dy, x):
    dx = np.zeros_like(x)
    np.add.at(dx, ROWS, dy)
    return dx


GETITEM = Operation("getitem", getitem, getitem_backward, lambda rng: (rng.normal(size=(5, 7)),))


@GETITEM.mistake(
    "A row taken twice gets both gradients. dx[i] = dy keeps the last, and so does dx[i] += dy, "
    "which NumPy buffers; np.add.at adds."
)
def assigned(dy, x):
    dx = np.zeros_like(x)
    dx[ROWS] = dy
    return dx


@GETITEM.mistake("A row taken twice gets both gradients added, not their mean.")
def averaged_repeats(dy, x):
    return getitem_backward(dy, x) / np.maximum(np.bincount(ROWS, minlength=len(x)), 1)[:, None]


@GETITEM.mistake("Rows that were not taken have no gradient; start from zeros, not ones.")
def from_ones(dy, x):
    dx = np.ones_like(x)
    np.add.at(dx, ROWS, dy)
    return dx


@GETITEM.mistake("The gradient is scattered to the first rows; it belongs to the rows taken.")
def first_rows(dy, x):
    dx = np.zeros_like(x)
    dx[: len(dy)] = dy
    return dx


@GETITEM.mistake("The gradient has the shape of the whole input, zeros in the rows not taken.")
def not_scattered(dy, x):
    return dy.copy()


def embedding(weight, indices):
    return weight[indices]


def embedding_backward(dy, weight, indices):
    dw = np.zeros_like(weight)
    np.add.at(dw, indices, dy)
    return dw, None


EMBEDDING = Operation(
    "embedding",
    embedding,
    embedding_backward,
    lambda rng: (rng.normal(size=(7, 5)), np.array([[0, 2, 2], [6, 2, 0]])),
)


@EMBEDDING.mistake("A token seen twice gets both gradients: accumulate with np.add.at.")
def overwritten(dy, weight, indices):
    dw = np.zeros_like(weight)
    dw[indices] = dy
    return dw, None


@EMBEDDING.mistake("dw[i] += dy counts a repeated token once; np.add.at counts every time.")
def buffered(dy, weight, indices):
    dw = np.zeros_like(weight)
    for row, d in zip(indices, dy, strict=True):
        dw[row] += d
    return dw, None


@EMBEDDING.mistake("Repeated tokens add up; this divides each row by how often it was seen.")
def averaged(dy, weight, indices):
    dw, _ = embedding_backward(dy, weight, indices)
    counts = np.bincount(indices.ravel(), minlength=len(weight))
    return dw / np.maximum(counts, 1)[:, None], None


@EMBEDDING.mistake("It is off by one: token i belongs to row i of the table.")
def shifted(dy, weight, indices):
    dw = np.zeros_like(weight)
    np.add.at(dw, (indices + 1) % len(weight), dy)
    return dw, None


@EMBEDDING.mistake("Only the first sequence of the batch is looked at.")
def first_sequence(dy, weight, indices):
    dw = np.zeros_like(weight)
    np.add.at(dw, indices[0], dy[0])
    return dw, None
