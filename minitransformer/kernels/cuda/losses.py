"""Cross-entropy of (N, C) logits and class targets; how many count stays on the device."""

from typing import Any

import numpy as np

from minitransformer import ops
from minitransformer.devices import array_module
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cuda.launch import MOST_THREADS, Kernel, threads_for
from minitransformer.kernels.cuda.rows import contiguous, empty, fits

cross_entropy_rows = Kernel("losses", "cross_entropy_rows")
cross_entropy_total = Kernel("losses", "cross_entropy_total")
cross_entropy_gradient = Kernel("losses", "cross_entropy_gradient")


@accelerates(ops.CrossEntropy, device="cuda")
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
        rows, columns = logits.shape
        logits = contiguous(logits)
        target = contiguous(target.astype(np.int64, copy=False))
        loss, lse = empty(logits, (rows,)), empty(logits, (rows,))
        options = columns, ignore_index, label_smoothing
        cross_entropy_rows(rows, threads_for(columns), logits, target, loss, lse, *options)
        result, n = loss, array_module(logits).ones((), np.float32)
        if reduction != "none":
            result = empty(logits, ())
            sizes = rows, ignore_index, reduction == "mean"
            cross_entropy_total(1, MOST_THREADS, loss, target, result, n, *sizes)
        ctx.save(logits, target, lse, n, options, reduction == "none")
        return result

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        logits, target, lse, n, options, one_a_row = ctx.saved
        d = empty(logits, logits.shape)
        arrays = logits, target, lse, contiguous(dy), n, d
        block = threads_for(logits.shape[1])
        cross_entropy_gradient(len(logits), block, *arrays, *options, one_a_row)
        return d, None
