"""Elementwise nonlinearities, one pass each way; the backward pass computes again what is cheap."""

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.rows import fits, flat
from minitransformer.kernels.cpu.runtime import chunks_for, kernel, part
from minitransformer.kernels.cpu.vector_math import normal, sigmoid, tanh

SLOPE, CUBIC = 2 * sqrt(2 / pi), 0.044715  # gelu's tanh form: y = x σ(SLOPE (x + CUBIC x³))


def forward_pass(run: Callable, x: Any) -> Any:
    """A new array y, filled by the kernel `run(x, y, chunks)`."""
    y = memory.empty(x.shape, x.dtype)
    run(flat(x), flat(y), chunks_for(x.size))
    return y


def backward_pass(run: Callable, saved: Any, dy: Any) -> tuple:
    """The gradient dx, filled by the kernel `run(saved, dy, dx, chunks)`."""
    dx = memory.empty(dy.shape, dy.dtype)
    run(flat(saved), flat(dy), flat(dx), chunks_for(dy.size))
    return (dx,)


def accelerate(op: type, forward: Callable, gradient: Callable, saves: str) -> None:
    """Register two kernels for an op without options; `gradient` starts from "x" or "y"."""

    @accelerates(op, device="cpu")
    class Elementwise:
        @staticmethod
        def forward(ctx: Node, x: Any) -> Any:
            if not fits(x):
                return NotImplemented
            y = forward_pass(forward, x)
            ctx.save(x if saves == "x" else y)
            return y

        @staticmethod
        def backward(ctx: Node, dy: Any) -> tuple:
            return backward_pass(gradient, *ctx.saved, dy)


@accelerates(ops.GELU, device="cpu")
class GELU:
    @staticmethod
    def forward(ctx: Node, x: Any, approximate: str = "none") -> Any:
        if not fits(x):
            return NotImplemented
        ctx.save(x, approximate)
        return forward_pass(gelu_tanh if approximate == "tanh" else gelu, x)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        x, approximate = ctx.saved
        run = gelu_tanh_gradient if approximate == "tanh" else gelu_gradient
        return backward_pass(run, x, dy)


@kernel
def relu(x, y, chunks):
    zero = x.dtype.type(0)
    for chunk in prange(chunks):
        row, out = part(x, chunk, chunks), part(y, chunk, chunks)
        for j in range(row.size):
            out[j] = zero if row[j] < zero else row[j]


@kernel
def relu_gradient(y, dy, dx, chunks):
    real = y.dtype.type
    for chunk in prange(chunks):
        row, g, out = part(y, chunk, chunks), part(dy, chunk, chunks), part(dx, chunk, chunks)
        for j in range(row.size):
            out[j] = g[j] * (real(1) if row[j] > real(0) else real(0))


@kernel
def sigmoid_forward(x, y, chunks):
    for chunk in prange(chunks):
        row, out = part(x, chunk, chunks), part(y, chunk, chunks)
        for j in range(row.size):
            out[j] = sigmoid(row[j])


@kernel
def sigmoid_gradient(y, dy, dx, chunks):
    one = y.dtype.type(1)
    for chunk in prange(chunks):
        row, g, out = part(y, chunk, chunks), part(dy, chunk, chunks), part(dx, chunk, chunks)
        for j in range(row.size):
            out[j] = g[j] * row[j] * (one - row[j])


@kernel
def tanh_forward(x, y, chunks):
    for chunk in prange(chunks):
        row, out = part(x, chunk, chunks), part(y, chunk, chunks)
        for j in range(row.size):
            out[j] = tanh(row[j])


@kernel
def tanh_gradient(y, dy, dx, chunks):
    one = y.dtype.type(1)
    for chunk in prange(chunks):
        row, g, out = part(y, chunk, chunks), part(dy, chunk, chunks), part(dx, chunk, chunks)
        for j in range(row.size):
            out[j] = g[j] * (one - row[j] * row[j])


@kernel
def silu(x, y, chunks):
    for chunk in prange(chunks):
        row, out = part(x, chunk, chunks), part(y, chunk, chunks)
        for j in range(row.size):
            out[j] = row[j] * sigmoid(row[j])


@kernel
def silu_gradient(x, dy, dx, chunks):
    one = x.dtype.type(1)
    for chunk in prange(chunks):
        row, g, out = part(x, chunk, chunks), part(dy, chunk, chunks), part(dx, chunk, chunks)
        for j in range(row.size):
            gate = sigmoid(row[j])
            out[j] = g[j] * (gate + row[j] * gate * (one - gate))


@kernel
def gelu(x, y, chunks):
    for chunk in prange(chunks):
        row, out = part(x, chunk, chunks), part(y, chunk, chunks)
        for j in range(row.size):
            out[j] = row[j] * normal(row[j])[0]


@kernel
def gelu_gradient(x, dy, dx, chunks):
    for chunk in prange(chunks):
        row, g, out = part(x, chunk, chunks), part(dy, chunk, chunks), part(dx, chunk, chunks)
        for j in range(row.size):
            below, density = normal(row[j])
            out[j] = g[j] * (below + row[j] * density)


@kernel
def gelu_tanh(x, y, chunks):
    real = x.dtype.type
    slope, cubic = real(SLOPE), real(CUBIC)
    for chunk in prange(chunks):
        row, out = part(x, chunk, chunks), part(y, chunk, chunks)
        for j in range(row.size):
            v = row[j]
            out[j] = v * sigmoid(slope * (v + cubic * v * v * v))


@kernel
def gelu_tanh_gradient(x, dy, dx, chunks):
    real = x.dtype.type
    slope, cubic = real(SLOPE), real(CUBIC)
    for chunk in prange(chunks):
        row, g, out = part(x, chunk, chunks), part(dy, chunk, chunks), part(dx, chunk, chunks)
        for j in range(row.size):
            v = row[j]
            gate = sigmoid(slope * (v + cubic * v * v * v))
            steepness = slope * (real(1) + real(3) * cubic * v * v)
            out[j] = g[j] * (gate + v * gate * (real(1) - gate) * steepness)


accelerate(ops.ReLU, relu, relu_gradient, saves="y")
accelerate(ops.Sigmoid, sigmoid_forward, sigmoid_gradient, saves="y")
accelerate(ops.Tanh, tanh_forward, tanh_gradient, saves="y")
accelerate(ops.SiLU, silu, silu_gradient, saves="x")
