"""Wrong backward passes of one LSTM step: gates (N, 4H) in the order i, f, g, o, cell (N, H)."""

import numpy as np

from .activations import sigmoid
from .operation import Operation


def _open(gates):
    i, f, g, o = np.split(gates, 4, axis=-1)
    return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)


def lstm_step(gates, cell):
    """The next hidden state and cell, side by side: (N, 2H)."""
    i, f, g, o = _open(gates)
    c = f * cell + i * g
    return np.concatenate([o * np.tanh(c), c], axis=-1)


def _parts(dy, gates, cell):
    """The four gates' gradients, before their own nonlinearities, and dc."""
    i, f, g, o = _open(gates)
    dh, dc = np.split(dy, 2, axis=-1)
    t = np.tanh(f * cell + i * g)
    dc = dc + dh * o * (1 - t**2)
    return (dc * g, dc * cell, dc * i, dh * t), dc, f


def _close(parts, gates):
    i, f, g, o = _open(gates)
    slopes = (i * (1 - i), f * (1 - f), 1 - g**2, o * (1 - o))
    return np.concatenate([d * s for d, s in zip(parts, slopes, strict=True)], axis=-1)


def lstm_step_backward(dy, gates, cell):
    parts, dc, f = _parts(dy, gates, cell)
    return _close(parts, gates), dc * f


LSTM = Operation(
    "lstm_step",
    lstm_step,
    lstm_step_backward,
    lambda rng: (rng.normal(size=(3, 20)), rng.normal(size=(3, 5))),
)


@LSTM.mistake("The gates' gradients are in the wrong order: i, f, g, o, as in the forward pass.")
def gate_order(dy, gates, cell):
    dgates, dcell = lstm_step_backward(dy, gates, cell)
    i, f, g, o = np.split(dgates, 4, axis=-1)
    return np.concatenate([i, f, o, g], axis=-1), dcell


@LSTM.mistake("The cell's own path is lost: add the gradient that comes straight from c.")
def cell_path_lost(dy, gates, cell):
    half = dy.shape[-1] // 2
    return lstm_step_backward(np.pad(dy[:, :half], ((0, 0), (0, half))), gates, cell)


@LSTM.mistake("The hidden state's path into the cell is lost: dc += dh·o·(1 − tanh²c).")
def hidden_path_lost(dy, gates, cell):
    half = dy.shape[-1] // 2
    dgates, dcell = lstm_step_backward(
        np.concatenate([np.zeros_like(cell), dy[:, half:]], axis=-1), gates, cell
    )
    right, _ = lstm_step_backward(dy, gates, cell)
    dgates[:, -half:] = right[:, -half:]
    return dgates, dcell


@LSTM.mistake("The candidate g went through tanh, its slope is 1 − g², not g(1 − g).")
def candidate_as_sigmoid(dy, gates, cell):
    dgates, dcell = lstm_step_backward(dy, gates, cell)
    g = _open(gates)[2]
    h = cell.shape[-1]
    dgates[:, 2 * h : 3 * h] *= g * (1 - g) / (1 - g**2)
    return dgates, dcell


@LSTM.mistake("The old cell's gradient is dc·f: the forget gate is missing.")
def without_forget_gate(dy, gates, cell):
    dgates, _ = lstm_step_backward(dy, gates, cell)
    return dgates, _parts(dy, gates, cell)[1]


@LSTM.mistake(
    "The gates' own slopes are missing: multiply by i(1 − i), f(1 − f), 1 − g², o(1 − o)."
)
def gates_not_closed(dy, gates, cell):
    parts, dc, f = _parts(dy, gates, cell)
    return np.concatenate(parts, axis=-1), dc * f
