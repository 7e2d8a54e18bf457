"""Recurrent layers over whole sequences: one layer, one direction."""

from typing import Any

from minitransformer import ops
from minitransformer.functional.inputs import Input, index_array
from minitransformer.tensor import Tensor


def rnn(
    x: Input,
    h0: Input | None,
    weight_ih: Input,
    weight_hh: Input,
    bias_ih: Input | None = None,
    bias_hh: Input | None = None,
    lengths: Input | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) at every step.

    Args:
        x: (B, T, D).
        h0: (B, H), the state before the first step; zeros where it is None.
        weight_ih, weight_hh: (H, D) and (H, H).
        bias_ih, bias_hh: (H,), both or neither.
        lengths: (B,) integers from 1 to T, the real steps of each sequence; all by default.
        reverse: go from the last real step to the first.

    Returns:
        The output of every step, (B, T, H), 0 where it is not real, and the last state, (B, H).
    """
    return _run(ops.RNN, x, (h0,), (weight_ih, weight_hh, bias_ih, bias_hh), lengths, reverse)


def lstm(
    x: Input,
    h0: Input | None,
    c0: Input | None,
    weight_ih: Input,
    weight_hh: Input,
    bias_ih: Input | None = None,
    bias_hh: Input | None = None,
    lengths: Input | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """c' = f·c + i·g and h' = o·tanh c' at every step, as in `rnn`.

    Weights and biases have 4 H rows: those of the gates i, f, g, o. Also returns the last
    cell, (B, H).
    """
    weights = (weight_ih, weight_hh, bias_ih, bias_hh)
    return _run(ops.LSTM, x, (h0, c0), weights, lengths, reverse)


def gru(
    x: Input,
    h0: Input | None,
    weight_ih: Input,
    weight_hh: Input,
    bias_ih: Input | None = None,
    bias_hh: Input | None = None,
    lengths: Input | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """h' = (1 - z)·n + z·h at every step, as in `rnn`.

    Weights and biases have 3 H rows: those of r, z and n.
    """
    return _run(ops.GRU, x, (h0,), (weight_ih, weight_hh, bias_ih, bias_hh), lengths, reverse)


def _run(op: Any, x: Input, states: tuple, weights: tuple, lengths: Any, reverse: bool) -> Any:
    """Apply the op, and take apart what it packs: the outputs, then its states one by one."""
    after = () if lengths is None else (index_array(op.op_name, "lengths", lengths),)
    y = op.apply(x, *states, *weights, *after, reverse=reverse)
    length = y.shape[1] - len(states)
    return y[:, :length], *[y[:, length + i] for i in range(len(states))]
