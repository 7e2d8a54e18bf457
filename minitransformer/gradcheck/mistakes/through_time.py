"""Wrong passes back through time of a plain recurrent layer: x (N, T, D) -> h (N, T, H)."""

import numpy as np

from .operation import Operation


def example(gates=1, sizes=(3, 5, 7, 2), states=1, biases=1):
    """Inputs for `gates` gates: x, the states, W_ih, W_hh, the biases; sizes are N, T, D, H."""
    batch, length, features, hidden = sizes
    rows = gates * hidden
    shapes = [(batch, length, features), *[(batch, hidden)] * states]
    shapes += [(rows, features), (rows, hidden), *[(rows,)] * biases]
    return lambda rng: tuple(0.7 * rng.normal(size=shape) for shape in shapes)


def came(h0, h):
    """The states that came to each step."""
    return np.concatenate([h0[:, None], h[:, :-1]], axis=1)


def over_steps(da, x):
    """The gradient of a weight that was used at every step: a sum over them and the batch."""
    return np.einsum("nth,ntd->hd", da, x)


def rnn(x, h0, weight_ih, weight_hh, bias):
    """h_t = tanh(W_ih x_t + W_hh h_{t−1} + b)."""
    h, out = h0, []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ weight_ih.T + h @ weight_hh.T + bias)
        out.append(h)
    return np.stack(out, axis=1)


def carried(da, dh, weight_hh):
    """What a step hands to the state before it: the gradient of the sum inside tanh, times W."""
    return da @ weight_hh


def rnn_backward(
    dy, x, h0, weight_ih, weight_hh, bias, *, carry=carried, slope=lambda h: 1 - h**2, before=came
):
    h = rnn(x, h0, weight_ih, weight_hh, bias)
    da, dcarried = np.zeros_like(h), np.zeros_like(h0)
    for t in reversed(range(x.shape[1])):
        dh = dy[:, t] + dcarried
        da[:, t] = dh * slope(h[:, t])
        dcarried = carry(da[:, t], dh, weight_hh)
    weights = over_steps(da, x), over_steps(da, before(h0, h))
    return da @ weight_ih, dcarried, *weights, da.sum(axis=(0, 1))


RNN = Operation("rnn", rnn, rnn_backward, example())


@RNN.mistake("Each step is taken alone: what the step after it sends back, dh @ W_hh, is missing.")
def steps_apart(dy, *inputs):
    dx, _, *rest = rnn_backward(dy, *inputs, carry=lambda da, dh, w: np.zeros_like(dh))
    return dx, rnn_backward(dy, *inputs)[1], *rest


@RNN.mistake("W_hh's gradient pairs da_t with the state that came to the step, h_{t−1}, not h_t.")
def state_after_the_step(dy, *inputs):
    return rnn_backward(dy, *inputs, before=lambda h0, h: h)


@RNN.mistake("tanh's slope is 1 − h², h being its output: 1 − tanh²(h) takes tanh once more.")
def slope_of_the_output(dy, *inputs):
    return rnn_backward(dy, *inputs, slope=lambda h: 1 - np.tanh(h) ** 2)


@RNN.mistake("What goes to the step before is da @ W_hh, after tanh's slope, not dh @ W_hh.")
def carried_past_the_slope(dy, *inputs):
    return rnn_backward(dy, *inputs, carry=lambda da, dh, w: dh @ w)


@RNN.mistake("Back through h @ W_hhᵀ goes da @ W_hh: W_hh is square, so no shape complains.")
def carried_transposed(dy, *inputs):
    return rnn_backward(dy, *inputs, carry=lambda da, dh, w: da @ w.T)


@RNN.mistake("The bias was used at every step: sum its gradient over all of them, not the last.")
def bias_of_one_step(dy, x, h0, weight_ih, weight_hh, bias):
    dx, dh0, *weights, _ = rnn_backward(dy, x, h0, weight_ih, weight_hh, bias)
    h = rnn(x, h0, weight_ih, weight_hh, bias)
    return dx, dh0, *weights, (dy[:, -1] * (1 - h[:, -1] ** 2)).sum(axis=0)


@RNN.mistake("The first state's gradient has to go back through step 0 too: da_0 @ W_hh.")
def first_step_left_out(dy, x, h0, weight_ih, weight_hh, bias):
    dx, _, *rest = rnn_backward(dy, x, h0, weight_ih, weight_hh, bias)
    later = rnn_backward(
        dy[:, 1:], x[:, 1:], rnn(x[:, :1], h0, weight_ih, weight_hh, bias)[:, 0], weight_ih,
        weight_hh, bias,
    )  # fmt: skip
    return dx, dy[:, 0] + later[1], *rest


def rnn_last(x, h0, weight_ih, weight_hh, bias, lengths):
    """The state after the last real step of each sequence, (N, H)."""
    return rnn(x, h0, weight_ih, weight_hh, bias)[np.arange(len(x)), lengths - 1]


def rnn_last_backward(dy, x, *rest, at=lambda lengths: lengths[:, None] - 1):
    """`at(lengths)` gives the steps of each sequence at which dy enters."""
    spread = np.zeros((*x.shape[:2], dy.shape[1]))
    for row, steps in enumerate(at(rest[-1])):
        spread[row, steps] = dy[row]
    return *rnn_backward(spread, x, *rest[:-1]), None


LAST = Operation(
    "rnn_last",
    rnn_last,
    rnn_last_backward,
    lambda rng: (*example()(rng), np.array([2, 5, 3])),
)


@LAST.mistake("dy enters at the end of the padding: each sequence ends at its own length − 1.")
def at_the_end_of_the_padding(dy, x, *rest):
    last = x.shape[1] - 1
    return rnn_last_backward(dy, x, *rest, at=lambda lengths: [[last] for _ in lengths])


@LAST.mistake("The gradient leaks into the padding: steps from `length` on have none.")
def leaks_into_the_padding(dy, x, *rest):
    end = x.shape[1]
    return rnn_last_backward(dy, x, *rest, at=lambda ns: [np.arange(n - 1, end) for n in ns])


@LAST.mistake("dy is the gradient of one state, the last real one, not of every step before it.")
def at_every_real_step(dy, *inputs):
    return rnn_last_backward(dy, *inputs, at=lambda ns: [np.arange(n) for n in ns])


@LAST.mistake("It is one step off: the last of `length` steps is number length − 1.")
def one_step_off(dy, x, *rest):
    last = x.shape[1] - 1
    return rnn_last_backward(dy, x, *rest, at=lambda ns: [[min(n, last)] for n in ns])
