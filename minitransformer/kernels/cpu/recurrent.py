"""Recurrent layers: all products that do not wait for a step are one, the others are small.

The inputs of all steps go through their weights in one product, and so do the gradients of the
weights. What is left for each step is W_hh h, whose weights each thread packs once. Rows of a
batch never meet: a thread takes some of them from the first step to the last, and waits for nobody.
"""

from typing import Any

import numpy as np
from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.cells import (
    gru_gradient,
    gru_row,
    lstm_gradient,
    lstm_row,
    rnn_gradient,
    rnn_row,
)
from minitransformer.kernels.cpu.gemm import add_product, pack_all
from minitransformer.kernels.cpu.linear import chunks_for_product, linear_gradient, linear_rows
from minitransformer.kernels.cpu.rows import as_rows, contiguous, fits
from minitransformer.kernels.cpu.runtime import helper, kernel
from minitransformer.ops.sequences import without_padding


def accelerate(op: Any) -> None:
    """Register the kernels for one of the ops; the number of gates tells them which it is."""
    carried = len(op.states)

    @accelerates(op, device="cpu")
    class Recurrent:
        @staticmethod
        def forward(ctx: Node, x: Any, *inputs: Any, reverse: bool = False) -> Any:
            start, rest = inputs[:carried], (*inputs[carried:], None, None, None)
            weight_ih, weight_hh, bias_ih, bias_hh, lengths = rest[:5]
            if not (fits(x) and x.size and weight_hh.size):
                return NotImplemented
            x = contiguous(without_padding(x, lengths)[0])
            weight_ih, weight_hh = contiguous(weight_ih), contiguous(weight_hh)
            (batch, length, _), (rows, hidden) = x.shape, weight_hh.shape
            lengths = np.full(batch, length) if lengths is None else lengths.astype(np.int64)
            gates = memory.empty((batch, length, rows), x.dtype)
            bias = np.empty(0, x.dtype) if bias_ih is None else contiguous(bias_ih)
            chunks = chunks_for_product(gates.size, x.shape[-1])
            linear_rows(as_rows(x), weight_ih, bias, as_rows(gates), chunks)
            states = memory.empty((carried, batch, length + 1, hidden), x.dtype)
            for s, state in enumerate(start):
                states[s, :, length if reverse else 0] = 0 if state is None else state
            kept = memory.empty((batch, length, hidden if op is ops.GRU else 0), x.dtype)
            y = memory.empty((batch, length + carried, hidden), x.dtype)
            bias = np.zeros(rows, x.dtype) if bias_hh is None else contiguous(bias_hh)
            run = lengths, bool(reverse), chunks_for_rows(gates, hidden)
            forward_steps(gates, weight_hh, bias, states, kept, y, *run)
            y[:, length:] = states[:, :, 0 if reverse else length].swapaxes(0, 1)
            ctx.save(x, weight_ih, weight_hh, states, gates, kept, run)
            return y

        @staticmethod
        def backward(ctx: Node, dy: Any) -> tuple:
            x, weight_ih, weight_hh, states, gates, kept, run = ctx.saved
            da = memory.empty(gates.shape, gates.dtype)
            db = memory.empty(gates.shape, gates.dtype) if op is ops.GRU else da
            dstates = dy[:, x.shape[1] :].swapaxes(0, 1).copy()
            backward_steps(contiguous(dy), weight_hh, states, gates, kept, da, db, dstates, *run)
            came = states[0, :, 1:] if run[1] else states[0, :, :-1]
            wanted = (*ctx.needs[1 + carried :], False, False)
            of_inputs = products(da, x, weight_ih, ctx.needs[0], wanted[0], wanted[2])
            of_states = products(db, came, weight_hh, False, wanted[1], wanted[3])
            pairs = zip(of_inputs[1:], of_states[1:], strict=True)
            weights = [gradient for pair in pairs for gradient in pair]
            return (of_inputs[0], *dstates, *weights, None)[: len(ctx.needs)]


def chunks_for_rows(gates: Any, hidden: int) -> int:
    """A thread takes at least one row of the batch."""
    return min(len(gates), chunks_for_product(gates.size, hidden))


def products(dy: Any, x: Any, weight: Any, *wanted: bool) -> list[Any]:
    """The gradients of x, weight and bias of y = x weightᵀ + bias; None for those not wanted."""
    nothing = np.empty((0, 0), dy.dtype)
    gradients = [
        memory.empty(x.shape, dy.dtype) if wanted[0] else None,
        memory.empty(weight.shape, dy.dtype) if wanted[1] else None,
        np.zeros(len(weight), dy.dtype) if wanted[2] else None,
    ]
    dx, dweight, dbias = gradients
    linear_gradient(
        as_rows(dy),
        as_rows(x),
        weight,
        nothing if dx is None else as_rows(dx),
        nothing if dweight is None else dweight,
        nothing.reshape(0) if dbias is None else dbias,
        chunks_for_product(dy.size, weight.shape[1]),
    )
    return gradients


@kernel
def forward_steps(gates, weight, bias, states, kept, y, lengths, reverse, chunks):
    """Turn W_ih x + b_ih in `gates` into the gates themselves, and fill the rest.

    `states` (S, B, T + 1, H) holds h, and the cell where S is 2, before and between all steps
    and after them, in the order of time. `kept` (B, T, H) is the GRU's W_hn h + b_hn.
    """
    batch, length, width = gates.shape
    kind = width // y.shape[2]
    for chunk in prange(chunks):
        low, high = batch * chunk // chunks, batch * (chunk + 1) // chunks
        panels, sums = pack_all(weight.T), np.empty((high - low, width), gates.dtype)
        for k in range(length):
            t = length - 1 - k if reverse else k
            came, goes = (t + 1, t) if reverse else (t, t + 1)
            for row in sums:
                copy(bias, row)
            add_product(states[0, low:high, came], panels, sums)
            for b in range(low, high):
                gate, total, out = gates[b, t], sums[b - low], y[b, t]
                if t >= lengths[b]:
                    clear(out)
                    for s in range(len(states)):
                        copy(states[s, b, came], states[s, b, goes])
                    continue
                if kind == 4:
                    lstm_row(gate, total, states[1, b, came], states[1, b, goes], out)
                elif kind == 3:
                    gru_row(gate, total, states[0, b, came], kept[b, t], out)
                else:
                    rnn_row(gate, total, out)
                copy(out, states[0, b, goes])


@kernel
def backward_steps(dy, weight, states, gates, kept, da, db, dstates, lengths, reverse, chunks):
    """Fill da and db; `dstates` (S, B, H) goes from the last states' gradients to the first's."""
    batch, length, width = gates.shape
    kind = width // dy.shape[2]
    for chunk in prange(chunks):
        low, high = batch * chunk // chunks, batch * (chunk + 1) // chunks
        panels, room = pack_all(weight), np.empty(dy.shape[2], dy.dtype)
        for k in range(length):
            t = k if reverse else length - 1 - k
            came = t + 1 if reverse else t
            for b in range(low, high):
                gate, dgate, dh = gates[b, t], da[b, t], dstates[0, b]
                if t >= lengths[b]:
                    clear(dgate)
                    clear(db[b, t])
                    continue
                add(dy[b, t], dh)
                if kind == 4:
                    lstm_gradient(gate, states[1, b, came], dh, dstates[1, b], dgate, room)
                elif kind == 3:
                    gru_gradient(gate, states[0, b, came], kept[b, t], dh, dgate, db[b, t])
                else:
                    rnn_gradient(gate, dh, dgate)
            add_product(db[low:high, t], panels, dstates[0, low:high])


@helper
def copy(source, target):
    for j in range(source.size):
        target[j] = source[j]


@helper
def clear(target):
    for j in range(target.size):
        target[j] = 0


@helper
def add(source, target):
    for j in range(source.size):
        target[j] += source[j]


for _op in (ops.RNN, ops.LSTM, ops.GRU):
    accelerate(_op)
