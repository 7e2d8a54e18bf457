"""The optimisers' updates in one pass over memory: all of an element's state is read once."""

from math import sqrt
from typing import Any

import numpy as np
from numba import prange

from minitransformer import ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.addresses import addresses, stretch
from minitransformer.kernels.cpu.rows import contiguous, fits, flat
from minitransformer.kernels.cpu.runtime import chunks_for, kernel, part


def in_place(p: Any, g: Any, *state: Any) -> bool:
    """Whether kernels can write to the parameter and its state where they lie."""
    return fits(p, g, *state) and all(x.flags.c_contiguous for x in (p, *state))


def arguments(p: Any, g: Any, *state: Any) -> list[np.ndarray]:
    return [flat(x) for x in (p, g, *state)]


def reals(p: Any, *numbers: float) -> list[Any]:
    """Numbers in the parameter's dtype, so that the arithmetic stays in it."""
    return [p.dtype.type(number) for number in numbers]


@accelerates(ops.SGDUpdate, device="cpu")
class SGDUpdate:
    @staticmethod
    def forward(
        ctx: Node,
        p: Any,
        g: Any,
        velocity: Any,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> Any:
        state = () if velocity is None else (velocity,)
        if not in_place(p, g, *state):
            return NotImplemented
        numbers = reals(p, lr, momentum, weight_decay)
        if velocity is None:
            sgd(*arguments(p, g), *numbers, chunks_for(p.size))
        else:
            sgd_momentum(*arguments(p, g, velocity), *numbers, nesterov, chunks_for(p.size))
        return p


@accelerates(ops.AdagradUpdate, device="cpu")
class AdagradUpdate:
    @staticmethod
    def forward(
        ctx: Node, p: Any, g: Any, total: Any, lr: float, eps: float, weight_decay: float = 0.0
    ) -> Any:
        if not in_place(p, g, total):
            return NotImplemented
        adagrad(*arguments(p, g, total), *reals(p, lr, eps, weight_decay), chunks_for(p.size))
        return p


@accelerates(ops.RMSpropUpdate, device="cpu")
class RMSpropUpdate:
    @staticmethod
    def forward(
        ctx: Node,
        p: Any,
        g: Any,
        square: Any,
        velocity: Any,
        lr: float,
        alpha: float,
        eps: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> Any:
        if velocity is not None or not in_place(p, g, square):
            return NotImplemented
        numbers = reals(p, lr, alpha, 1 - alpha, eps, weight_decay)
        rmsprop(*arguments(p, g, square), *numbers, chunks_for(p.size))
        return p


@accelerates(ops.AdamUpdate, device="cpu")
class AdamUpdate:
    """Many small parameters cost one launch: the kernel goes through a list of addresses."""

    @staticmethod
    def forward(ctx: Node, *arrays: Any, **options: Any) -> Any:
        return arrays[0] if AdamUpdate.forward_each([arrays], **options) else NotImplemented

    @staticmethod
    def forward_each(
        calls: list[tuple],
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        weight_decay: float,
        step: int,
        decoupled: bool = True,
    ) -> bool:
        like = calls[0][0]
        if not all(fits(like, *arrays) and in_place(*arrays) for arrays in calls):
            return False
        calls = [(p, contiguous(g), *state) for p, g, *state in calls]
        shrink = 1 - lr * weight_decay if decoupled else 1.0
        coupled = 0.0 if decoupled else weight_decay
        rate, correction = lr / (1 - beta1**step), 1 / (1 - beta2**step)
        numbers = reals(like, beta1, 1 - beta1, beta2, 1 - beta2, eps, rate, correction)
        numbers += reals(like, shrink, coupled)
        sizes = np.array([p.size for p, *_ in calls])
        adam(addresses(calls), sizes, *numbers, chunks_for(int(sizes.sum())))
        return True


@kernel
def sgd(p, g, lr, momentum, weight_decay, chunks):
    for chunk in prange(chunks):
        w, d = part(p, chunk, chunks), part(g, chunk, chunks)
        for j in range(w.size):
            w[j] -= lr * (d[j] + weight_decay * w[j])


@kernel
def sgd_momentum(p, g, velocity, lr, momentum, weight_decay, nesterov, chunks):
    for chunk in prange(chunks):
        w, d, v = part(p, chunk, chunks), part(g, chunk, chunks), part(velocity, chunk, chunks)
        for j in range(w.size):
            grad = d[j] + weight_decay * w[j]
            v[j] = momentum * v[j] + grad
            w[j] -= lr * (grad + momentum * v[j] if nesterov else v[j])


@kernel
def adagrad(p, g, total, lr, eps, weight_decay, chunks):
    for chunk in prange(chunks):
        w, d, t = part(p, chunk, chunks), part(g, chunk, chunks), part(total, chunk, chunks)
        for j in range(w.size):
            grad = d[j] + weight_decay * w[j]
            t[j] += grad * grad
            w[j] -= lr * grad / (sqrt(t[j]) + eps)


@kernel
def rmsprop(p, g, square, lr, alpha, rest, eps, weight_decay, chunks):
    for chunk in prange(chunks):
        w, d, s = part(p, chunk, chunks), part(g, chunk, chunks), part(square, chunk, chunks)
        for j in range(w.size):
            grad = d[j] + weight_decay * w[j]
            s[j] = alpha * s[j] + rest * grad * grad
            w[j] -= lr * grad / (sqrt(s[j]) + eps)


@kernel
def adam(places, sizes, beta1, rest1, beta2, rest2, eps, rate, correction, shrink, coupled, chunks):
    """A chunk is a stretch of all parameters laid end to end, of which `places` has addresses."""
    for chunk in prange(chunks):
        total = sizes.sum()
        first, last = total * chunk // chunks, total * (chunk + 1) // chunks
        for i in range(sizes.size):
            low, high = max(first, 0), min(last, sizes[i])
            first, last = first - sizes[i], last - sizes[i]
            if low >= high:
                continue
            w, d = stretch(places[i, 0], low, high, beta1), stretch(places[i, 1], low, high, beta1)
            m, s = stretch(places[i, 2], low, high, beta1), stretch(places[i, 3], low, high, beta1)
            for j in range(w.size):
                grad = d[j] + coupled * w[j]
                m[j] = beta1 * m[j] + rest1 * grad
                s[j] = beta2 * s[j] + rest2 * grad * grad
                w[j] = shrink * w[j] - rate * m[j] / (sqrt(s[j] * correction) + eps)
