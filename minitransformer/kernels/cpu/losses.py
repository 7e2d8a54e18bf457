"""Cross-entropy of (N, C) logits and class targets: the forward pass keeps one number a row."""

from math import log
from typing import Any

import numpy as np
from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.rows import contiguous, fits
from minitransformer.kernels.cpu.runtime import chunks_for, kernel, share
from minitransformer.kernels.cpu.sums import total
from minitransformer.kernels.cpu.vector_math import exp, row_max


@accelerates(ops.CrossEntropy, device="cpu")
class CrossEntropy:
    """Saves log Σ exp of each row; the backward pass makes the probabilities again."""

    @staticmethod
    def forward(
        ctx: Node,
        logits: Any,
        target: Any,
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
    ) -> Any:
        if not fits(logits) or logits.ndim != 2 or target.dtype.kind == "f" or 0 in logits.shape:
            return NotImplemented
        logits = contiguous(logits)
        target = np.ascontiguousarray(target, np.int64)
        loss, lse = np.empty((2, len(target)), logits.dtype)
        smoothing = logits.dtype.type(label_smoothing)
        chunks = chunks_for(logits.size)
        cross_entropy_rows(logits, target, ignore_index, smoothing, loss, lse, chunks)
        n = np.count_nonzero(target != ignore_index) if reduction == "mean" else 1
        ctx.save(logits, target, lse, n, ignore_index, smoothing)
        return loss if reduction == "none" else np.asarray(loss.sum() / logits.dtype.type(n))

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        logits, target, lse, n, ignore_index, smoothing = ctx.saved
        g = np.empty(len(target), logits.dtype)
        g[...] = dy / n
        d = memory.empty(logits.shape, logits.dtype)
        chunks = chunks_for(logits.size)
        cross_entropy_gradient(logits, target, ignore_index, smoothing, lse, g, d, chunks)
        return d, None


@kernel
def cross_entropy_rows(logits, target, ignore_index, smoothing, loss, lse, chunks):
    real = logits.dtype.type
    for chunk in prange(chunks):
        terms = np.empty(logits.shape[1], logits.dtype)
        for i in share(len(logits), chunk, chunks):
            row = logits[i]
            top = row_max(row)
            for j in range(row.size):
                terms[j] = exp(row[j] - top)
            log_total = real(log(total(terms)))
            lse[i] = top + log_total
            if target[i] == ignore_index:
                loss[i] = real(0)
            else:
                # The target's share and the uniform one, each a mean of log_total - (x - top).
                loss[i] = log_total - (real(1) - smoothing) * (row[target[i]] - top)
                if smoothing > real(0):
                    for j in range(row.size):
                        terms[j] = row[j] - top
                    loss[i] -= smoothing * total(terms) / real(row.size)


@kernel
def cross_entropy_gradient(logits, target, ignore_index, smoothing, lse, g, d, chunks):
    """d = (softmax(row) - t) g, where t is the smoothed one-hot row of the target."""
    real = logits.dtype.type
    for chunk in prange(chunks):
        for i in share(len(logits), chunk, chunks):
            row, out = logits[i], d[i]
            scale = real(0) if target[i] == ignore_index else g[i]
            uniform = smoothing / real(row.size)
            for j in range(row.size):
                out[j] = (exp(row[j] - lse[i]) - uniform) * scale
            if target[i] != ignore_index:
                out[target[i]] -= (real(1) - smoothing) * scale
