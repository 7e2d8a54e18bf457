"""Recurrent layers: a state that the same weights carry from step to step.

An op is one layer in one direction, over whole sequences. G is its number of gates:

    x (B, T, D), h0 (B, H), weight_ih (G·H, D), weight_hh (G·H, H), bias_ih and bias_hh (G·H,)

`lengths` (B,) says how many steps of each sequence are real. The state passes the others
unchanged, and their outputs are 0. With `reverse` it goes from the last real step to the first.

An op returns one array, so its results lie one after another along time: y (B, T + 1, H) holds
the outputs of all steps and then the state after the last, and the LSTM's (B, T + 2, H) its cell
too. `functional` takes them apart, and joins their gradients again by doing so.
Backward through time: Werbos 1990, https://doi.org/10.1109/5.58337
"""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.graph import Node
from minitransformer.ops.activations import sigmoid
from minitransformer.ops.sequences import (
    Recurrent,
    affine,
    first_state,
    gradients,
    results,
    steps,
    where_real,
    without_padding,
)


class RNN(Recurrent, name="rnn", from_host=(6,)):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), and h' is also the output.

    Elman 1990, https://doi.org/10.1207/s15516709cog1402_1
    """

    gates = 1

    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        h0: Any,
        weight_ih: Any,
        weight_hh: Any,
        bias_ih: Any = None,
        bias_hh: Any = None,
        lengths: Any = None,
        reverse: bool = False,
    ) -> Any:
        xp = array_module(x)
        x, real = without_padding(x, lengths)
        inputs, h = affine(x, weight_ih, bias_ih), first_state(x, h0, weight_hh)
        y, before = results(x, h, 1), results(x, h, 0)
        for t in steps(x, reverse):
            before[:, t] = h
            new = xp.tanh(inputs[:, t] + affine(h, weight_hh, bias_hh))
            y[:, t] = where_real(real, t, new, 0)
            h = where_real(real, t, new, h)
        y[:, -1] = h
        ctx.save(x, weight_ih, weight_hh, before, y, real, reverse)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        # A state is used twice: as the output of its step, and by the step after it.
        x, weight_ih, weight_hh, before, y, real, reverse = ctx.saved
        da, dh = array_module(x).empty_like(before), dy[:, -1]
        for t in reversed(steps(x, reverse)):
            dnew = where_real(real, t, dh + dy[:, t], 0)
            da[:, t] = dnew * (1 - y[:, t] * y[:, t])
            dh = da[:, t] @ weight_hh + where_real(real, t, 0, dh)
        return gradients(ctx.needs, x, weight_ih, before, da, da, dh)


class LSTM(Recurrent, name="lstm", from_host=(7,)):
    """c' = f·c + i·g and h' = o·tanh c': a memory c that gates write, keep and read.

    i, f, o = σ(W_ih x + b_ih + W_hh h + b_hh) and g = tanh(the same), stacked as i, f, g, o.
    Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735;
    the forget gate f: Gers et al. 2000, https://doi.org/10.1162/089976600300015015
    """

    gates, states = 4, ("h0", "c0")

    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        h0: Any,
        c0: Any,
        weight_ih: Any,
        weight_hh: Any,
        bias_ih: Any = None,
        bias_hh: Any = None,
        lengths: Any = None,
        reverse: bool = False,
    ) -> Any:
        xp = array_module(x)
        x, real = without_padding(x, lengths)
        inputs = affine(x, weight_ih, bias_ih)
        h, c = first_state(x, h0, weight_hh), first_state(x, c0, weight_hh)
        y, before, cells = results(x, h, 2), results(x, h, 0), results(x, h, 0)
        gates = xp.empty_like(inputs)
        for t in steps(x, reverse):
            before[:, t], cells[:, t] = h, c
            i, f, g, o = xp.split(inputs[:, t] + affine(h, weight_hh, bias_hh), 4, axis=-1)
            i, f, g, o = sigmoid(i), sigmoid(f), xp.tanh(g), sigmoid(o)
            gates[:, t] = xp.concatenate([i, f, g, o], axis=-1)
            new_c = f * c + i * g
            new_h = o * xp.tanh(new_c)
            y[:, t] = where_real(real, t, new_h, 0)
            h, c = where_real(real, t, new_h, h), where_real(real, t, new_c, c)
        y[:, -2], y[:, -1] = h, c
        ctx.save(x, weight_ih, weight_hh, before, cells, gates, real, reverse)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        # The cell's gradient comes along two ways: from h', and from the cell of the next step,
        # where it is only multiplied by f. That second way is why an LSTM remembers.
        x, weight_ih, weight_hh, before, cells, gates, real, reverse = ctx.saved
        xp = array_module(x)
        da, dh, dc = xp.empty_like(gates), dy[:, -2], dy[:, -1]
        for t in reversed(steps(x, reverse)):
            i, f, g, o = xp.split(gates[:, t], 4, axis=-1)
            tanh_c = xp.tanh(f * cells[:, t] + i * g)
            dnew_h = where_real(real, t, dh + dy[:, t], 0)
            dnew_c = where_real(real, t, dc, 0) + dnew_h * o * (1 - tanh_c * tanh_c)
            di, df, dg, do = dnew_c * g, dnew_c * cells[:, t], dnew_c * i, dnew_h * tanh_c
            slopes = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)]
            da[:, t] = xp.concatenate(slopes, axis=-1)
            dh = da[:, t] @ weight_hh + where_real(real, t, 0, dh)
            dc = dnew_c * f + where_real(real, t, 0, dc)
        return gradients(ctx.needs, x, weight_ih, before, da, da, dh, dc)


class GRU(Recurrent, name="gru", from_host=(6,)):
    """h' = (1 - z)·n + z·h: the gate z mixes the old state with the new one, n.

    With a = W_ih x + b_ih and b = W_hh h + b_hh, each stacked as r, z, n:
    r = σ(a_r + b_r), z = σ(a_z + b_z), n = tanh(a_n + r·b_n). The reset gate r is applied
    after the product, as in PyTorch and cuDNN, not to h before it, as in the paper.
    Cho et al. 2014, https://arxiv.org/abs/1406.1078
    """

    gates = 3

    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        h0: Any,
        weight_ih: Any,
        weight_hh: Any,
        bias_ih: Any = None,
        bias_hh: Any = None,
        lengths: Any = None,
        reverse: bool = False,
    ) -> Any:
        xp = array_module(x)
        x, real = without_padding(x, lengths)
        inputs, h = affine(x, weight_ih, bias_ih), first_state(x, h0, weight_hh)
        y, before, hidden = results(x, h, 1), results(x, h, 0), results(x, h, 0)
        gates = xp.empty_like(inputs)
        for t in steps(x, reverse):
            before[:, t] = h
            a_r, a_z, a_n = xp.split(inputs[:, t], 3, axis=-1)
            b_r, b_z, b_n = xp.split(affine(h, weight_hh, bias_hh), 3, axis=-1)
            r, z = sigmoid(a_r + b_r), sigmoid(a_z + b_z)
            n = xp.tanh(a_n + r * b_n)
            hidden[:, t], gates[:, t] = b_n, xp.concatenate([r, z, n], axis=-1)
            new = (1 - z) * n + z * h
            y[:, t] = where_real(real, t, new, 0)
            h = where_real(real, t, new, h)
        y[:, -1] = h
        ctx.save(x, weight_ih, weight_hh, before, hidden, gates, real, reverse)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        # The two sums part here: n's share of W_hh h went through r, that of W_ih x did not.
        x, weight_ih, weight_hh, before, hidden, gates, real, reverse = ctx.saved
        xp = array_module(x)
        da, db, dh = xp.empty_like(gates), xp.empty_like(gates), dy[:, -1]
        for t in reversed(steps(x, reverse)):
            r, z, n = xp.split(gates[:, t], 3, axis=-1)
            dnew = where_real(real, t, dh + dy[:, t], 0)
            dn = dnew * (1 - z) * (1 - n * n)
            dz = dnew * (before[:, t] - n) * z * (1 - z)
            dr = dn * hidden[:, t] * r * (1 - r)
            da[:, t] = xp.concatenate([dr, dz, dn], axis=-1)
            db[:, t] = xp.concatenate([dr, dz, dn * r], axis=-1)
            dh = db[:, t] @ weight_hh + dnew * z + where_real(real, t, 0, dh)
        return gradients(ctx.needs, x, weight_ih, before, da, db, dh)
