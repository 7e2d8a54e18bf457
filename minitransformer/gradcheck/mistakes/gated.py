"""Wrong passes back through time of lstm and gru: x (N, T, D) -> h (N, T, H)."""

import numpy as np

from . import recurrent
from .activations import sigmoid
from .operation import Operation
from .through_time import came, example, over_steps

SMALL = (2, 3, 5, 2)  # sizes of the examples: N, T, D, H


def lstm_steps(x, h0, c0, weight_ih, weight_hh, bias):
    """h, the gates' sums and the cells that came to each step, each (N, T, any)."""
    (h, c), out = (h0, c0), []
    for t in range(x.shape[1]):
        gates = x[:, t] @ weight_ih.T + h @ weight_hh.T + bias
        before = c
        h, c = np.split(recurrent.lstm_step(gates, before), 2, axis=-1)
        out.append((h, gates, before))
    return [np.stack(each, axis=1) for each in zip(*out, strict=True)]


def lstm(x, h0, c0, weight_ih, weight_hh, bias):
    return lstm_steps(x, h0, c0, weight_ih, weight_hh, bias)[0]


def lstm_backward(
    dy, x, h0, c0, weight_ih, weight_hh, bias, *, step=recurrent.lstm_step_backward, before=came
):
    h, gates, cells = lstm_steps(x, h0, c0, weight_ih, weight_hh, bias)
    dgates, dh, dc = np.zeros_like(gates), np.zeros_like(h0), np.zeros_like(c0)
    for t in reversed(range(x.shape[1])):
        both = np.concatenate([dy[:, t] + dh, dc], axis=-1)
        dgates[:, t], dc = step(both, gates[:, t], cells[:, t])
        dh = dgates[:, t] @ weight_hh
    weights = over_steps(dgates, x), over_steps(dgates, before(h0, h))
    return dgates @ weight_ih, dh, dc, *weights, dgates.sum(axis=(0, 1))


LSTM = Operation("lstm", lstm, lstm_backward, example(4, SMALL, states=2))


@LSTM.mistake("The gates' gradients are in the wrong order: i, f, g, o, as in the forward pass.")
def gate_order(dy, *inputs):
    return lstm_backward(dy, *inputs, step=recurrent.gate_order)


@LSTM.mistake("The cell's path is forgotten: dc·f goes to the step before, beside dh.")
def cell_path_lost(dy, *inputs):
    return lstm_backward(dy, *inputs, step=recurrent.cell_path_lost)


@LSTM.mistake("What goes to the cell before is dc·f: the forget gate is missing.")
def without_forget_gate(dy, *inputs):
    return lstm_backward(dy, *inputs, step=recurrent.without_forget_gate)


@LSTM.mistake("The candidate g went through tanh, its slope is 1 − g², not g(1 − g).")
def candidate_as_sigmoid(dy, *inputs):
    return lstm_backward(dy, *inputs, step=recurrent.candidate_as_sigmoid)


@LSTM.mistake("W_hh's gradient pairs each step with the state that came to it, h_{t−1}, not h_t.")
def state_after_the_step(dy, *inputs):
    return lstm_backward(dy, *inputs, before=lambda h0, h: h)


@LSTM.mistake("tanh's slope is that at its output, 1 − tanh²(c): 1 − c² takes its input.")
def slope_of_the_cell(dy, *inputs):
    return lstm_backward(dy, *inputs, step=step_with_slope_of_the_cell)


def step_with_slope_of_the_cell(dy, gates, cell):
    """As `lstm_step_backward`, but for 1 − c² in dc."""
    dh, dc = np.split(dy, 2, axis=-1)
    c = recurrent.lstm_step(gates, cell)[:, cell.shape[-1] :]
    o = sigmoid(np.split(gates, 4, axis=-1)[3])
    wrong = dc + dh * o * (np.tanh(c) ** 2 - c**2)
    return recurrent.lstm_step_backward(np.concatenate([dh, wrong], axis=-1), gates, cell)


@LSTM.mistake("The forget gate multiplied the old cell: df = dc·c_{t−1}, not dc·c_t.")
def forget_of_the_new_cell(dy, *inputs):
    return lstm_backward(dy, *inputs, step=step_with_the_new_cell)


def step_with_the_new_cell(dy, gates, cell):
    """As `lstm_step_backward`, but for c_t in the forget gate's gradient."""
    dgates, dcell = recurrent.lstm_step_backward(dy, gates, cell)
    n = cell.shape[-1]
    f, dc = sigmoid(gates[:, n : 2 * n]), dcell / sigmoid(gates[:, n : 2 * n])
    c = recurrent.lstm_step(gates, cell)[:, n:]
    dgates[:, n : 2 * n] = dc * c * f * (1 - f)
    return dgates, dcell


def gru_step(a, b):
    """r, z and n of one step; a = W_ih x + b_ih and b = W_hh h + b_hh, in this order."""
    (ar, az, an), (br, bz, bn) = np.split(a, 3, axis=-1), np.split(b, 3, axis=-1)
    r, z = sigmoid(ar + br), sigmoid(az + bz)
    return r, z, np.tanh(an + r * bn)


def gru_steps(x, h0, weight_ih, weight_hh, bias_ih, bias_hh):
    """h and both sums, a and b, of each step."""
    h, out = h0, []
    for t in range(x.shape[1]):
        a, b = x[:, t] @ weight_ih.T + bias_ih, h @ weight_hh.T + bias_hh
        _, z, n = gru_step(a, b)
        h = (1 - z) * n + z * h
        out.append((h, a, b))
    return [np.stack(each, axis=1) for each in zip(*out, strict=True)]


def gru(x, h0, weight_ih, weight_hh, bias_ih, bias_hh):
    """h_t = (1 − z)·n + z·h_{t−1}, where n = tanh(a_n + r·b_n): r after the product."""
    return gru_steps(x, h0, weight_ih, weight_hh, bias_ih, bias_hh)[0]


def gru_step_backward(dh, a, b, h):
    """The gradients of a, of b, and what passes z straight to the old state."""
    r, z, n = gru_step(a, b)
    dn = dh * (1 - z) * (1 - n**2)
    dz = dh * (h - n) * z * (1 - z)
    dr = dn * np.split(b, 3, axis=-1)[2] * r * (1 - r)
    return np.concatenate([dr, dz, dn], -1), np.concatenate([dr, dz, dn * r], -1), dh * z


def gru_backward(
    dy, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, *, step=gru_step_backward, before=came
):
    h, a, b = gru_steps(x, h0, weight_ih, weight_hh, bias_ih, bias_hh)
    states, da, db, dh = came(h0, h), np.zeros_like(a), np.zeros_like(b), np.zeros_like(h0)
    for t in reversed(range(x.shape[1])):
        da[:, t], db[:, t], straight = step(dy[:, t] + dh, a[:, t], b[:, t], states[:, t])
        dh = db[:, t] @ weight_hh + straight
    weights = over_steps(da, x), over_steps(db, before(h0, h))
    return da @ weight_ih, dh, *weights, da.sum(axis=(0, 1)), db.sum(axis=(0, 1))


GRU = Operation("gru", gru, gru_backward, example(3, SMALL, biases=2))


@GRU.mistake("The straight path is forgotten: the old state gets dh·z besides db @ W_hh.")
def straight_path_lost(dy, *inputs):
    return gru_backward(dy, *inputs, step=lambda *at: (*gru_step_backward(*at)[:2], 0.0))


@GRU.mistake("z and 1 − z are exchanged: z is the share of the old state, 1 − z that of n.")
def update_gate_turned_over(dy, *inputs):
    def step(dh, a, b, h):
        _, z, _ = gru_step(a, b)
        odds = z / (1 - z)
        turn = np.concatenate([odds, np.ones_like(z), odds], axis=-1)
        da, db, straight = gru_step_backward(dh, a, b, h)
        return da * turn, db * turn, straight / odds

    return gru_backward(dy, *inputs, step=step)


@GRU.mistake("r multiplied W_hn h + b_hn: the hidden side's gradient of n is dn·r, not dn.")
def reset_gate_left_out(dy, *inputs):
    def step(dh, a, b, h):
        da, _, straight = gru_step_backward(dh, a, b, h)
        return da, da, straight

    return gru_backward(dy, *inputs, step=step)


@GRU.mistake("r multiplied the hidden side alone: the input side's gradient of n is dn, not dn·r.")
def reset_gate_on_both_sides(dy, *inputs):
    def step(dh, a, b, h):
        _, db, straight = gru_step_backward(dh, a, b, h)
        return db, db, straight

    return gru_backward(dy, *inputs, step=step)


@GRU.mistake("z chooses between h and n: its gradient is dh·(h − n), here its negative.")
def update_gate_sign(dy, *inputs):
    def step(dh, a, b, h):
        sign = np.repeat([1, -1, 1], h.shape[-1])
        da, db, straight = gru_step_backward(dh, a, b, h)
        return da * sign, db * sign, straight

    return gru_backward(dy, *inputs, step=step)


@GRU.mistake("W_hh's gradient pairs each step with the state that came to it, h_{t−1}, not h_t.")
def weights_from_the_new_state(dy, *inputs):
    return gru_backward(dy, *inputs, before=lambda h0, h: h)
