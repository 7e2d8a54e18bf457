"""Lesson 10: a recurrent layer and its backward pass through time, and a step of an LSTM."""

import numpy as np


def sigmoid(x):
    """1 / (1 + e^-x)."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def rnn(x, h0, weight_ih, weight_hh, bias):
    """A recurrent layer: one state, which the same weights carry from step to step.

        h_t = tanh(W_ih x_t + W_hh h_{t−1} + b),    h_{−1} = h0

    x: (N, T, D), N sequences of T steps; h0: (N, H); weight_ih: (H, D); weight_hh: (H, H);
    bias: (H,). Returns the states of all steps, (N, T, H).

    One sequence, 1 and then 0, W_ih = 2, W_hh = 3, b = 0: tanh(2) = 0.964, tanh(3 · 0.964) = 0.994
    rnn(np.array([[[1.0], [0.0]]]), np.zeros((1, 1)), np.array([[2.0]]), np.array([[3.0]]),
    np.zeros(1)) = [[[0.964], [0.994]]]
    """
    h, states = h0, []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ weight_ih.T + h @ weight_hh.T + bias)
        states.append(h)
    return np.stack(states, axis=1)


def rnn_backward(dy, x, h0, weight_ih, weight_hh, bias):
    """The gradients of a recurrent layer, from its last step back to the first.

        a_t = W_ih x_t + W_hh h_{t−1} + b,    h_t = tanh(a_t)

    dy: the upstream gradient of all states, (N, T, H); the others as in `rnn`.
    Returns (dx, dh0, dweight_ih, dweight_hh, dbias). h_t acts on the loss in two ways: as the
    result of its step, and through h_{t+1}.

    One step: x = [[[1]]], h0 = [[0]], W_ih = [[0]], W_hh = [[3]], b = [0] and dy = [[[2]]]:
    ([[[0]]], [[6]], [[2]], [[0]], [2])
    """
    states = [h0]
    for t in range(x.shape[1]):
        states.append(np.tanh(x[:, t] @ weight_ih.T + states[t] @ weight_hh.T + bias))
    dx, dh = np.zeros_like(x), np.zeros_like(h0)
    dweight_ih, dweight_hh, dbias = (np.zeros_like(p) for p in (weight_ih, weight_hh, bias))
    for t in reversed(range(x.shape[1])):
        da = (dy[:, t] + dh) * (1 - states[t + 1] ** 2)
        dx[:, t] = da @ weight_ih
        dweight_ih += da.T @ x[:, t]
        dweight_hh += da.T @ states[t]
        dbias += da.sum(axis=0)
        dh = da @ weight_hh
    return dx, dh, dweight_ih, dweight_hh, dbias


def lstm_step(gates, cell):
    """One step of an LSTM, from the sums of its gates to its next state and cell.

        i, f, g, o = σ(…), σ(…), tanh(…), σ(…) of the four parts of `gates`, in this order
        c' = f · c + i · g,    h' = o · tanh(c')

    gates: (N, 4H), W_ih x + W_hh h + b of all four, side by side; cell: c, (N, H).
    Returns h' and c' side by side, (N, 2H). `sigmoid` above may be used.

    All sums 0, so that i = f = o = ½ and g = 0: lstm_step(np.zeros((1, 4)), np.array([[2.0]]))
    = [[0.381, 1]], for c' = ½ · 2 and h' = ½ · tanh(1)
    """
    i, f, g, o = np.split(gates, 4, axis=1)
    c = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    return np.concatenate([sigmoid(o) * np.tanh(c), c], axis=1)


def lstm_step_backward(dy, gates, cell):
    """The gradients of `lstm_step` in the gates' sums and in the old cell.

    dy: the upstream gradients of h' and of c' side by side, (N, 2H); gates: (N, 4H); cell: (N, H).
    Returns (dgates, dcell). c' acts on the loss in two ways: as a result, and through h'.
    `sigmoid` above may be used.

    All sums and the cell 0, and dy = [[1, 1]]: c' = 0 = tanh(c'), so dc = 1 + 1 · ½, and
    ([[0, 0, 0.75, 0]], [[0.75]])
    """
    i, f, g, o = np.split(gates, 4, axis=1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    dh, dc = np.split(dy, 2, axis=1)
    tanh_c = np.tanh(f * cell + i * g)
    dc = dc + dh * o * (1 - tanh_c**2)
    parts = dc * g * i * (1 - i), dc * cell * f * (1 - f), dc * i * (1 - g**2)
    return np.concatenate([*parts, dh * tanh_c * o * (1 - o)], axis=1), dc * f
