"""Layer norm and RMS norm over the last axis: one block of threads a row.

The gradients of weight and bias sum over all rows: in chunks, whose sums are added in order.
"""

from typing import Any

from minitransformer import ops
from minitransformer.devices import array_module
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cuda.launch import MOST_THREADS, Kernel, blocks_for, threads_for
from minitransformer.kernels.cuda.rows import contiguous, empty, fits

layer_norm_rows = Kernel("normalization", "layer_norm_rows")
layer_norm_gradient = Kernel("normalization", "layer_norm_gradient")
layer_norm_parameters = Kernel("normalization", "layer_norm_parameters")
rms_norm_rows = Kernel("normalization", "rms_norm_rows")
rms_norm_gradient = Kernel("normalization", "rms_norm_gradient")
rms_norm_parameters = Kernel("normalization", "rms_norm_parameters")

CHUNK = 64  # rows that one thread sums


@accelerates(ops.LayerNorm, device="cuda")
class LayerNorm:
    """Saves x with each row's mean and 1 / deviation, and not the normalised rows."""

    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        weight: Any = None,
        bias: Any = None,
        eps: float = 1e-5,
        normalized_ndim: int = 1,
    ) -> Any:
        if not fits(x) or normalized_ndim != 1:
            return NotImplemented
        columns = x.shape[-1]
        rows = x.size // columns
        x, weight, bias = contiguous(x), parameter(weight, 1, x), parameter(bias, 0, x)
        y, mean, rstd = empty(x, x.shape), empty(x, (rows,)), empty(x, (rows,))
        arrays = x, weight, bias, y, mean, rstd
        layer_norm_rows(rows, threads_for(columns), *arrays, columns, eps)
        ctx.save(x, weight, mean, rstd)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        x, weight, mean, rstd = ctx.saved
        dy, dx, columns = contiguous(dy), empty(x, x.shape), x.shape[-1]
        arrays = x, weight, mean, rstd, dy, dx
        layer_norm_gradient(len(mean), threads_for(columns), *arrays, columns)
        if True not in ctx.needs[1:]:
            return (dx, None, None)[: len(ctx.needs)]
        grid, dweight, dbias = chunks(x), chunk_sums(x), chunk_sums(x)
        arrays = x, mean, rstd, dy, dweight, dbias
        layer_norm_parameters(grid, MOST_THREADS, *arrays, len(mean), columns, CHUNK)
        return (dx, dweight.sum(axis=0), dbias.sum(axis=0))[: len(ctx.needs)]


@accelerates(ops.RMSNorm, device="cuda")
class RMSNorm:
    """Saves x and each row's 1 / root mean square."""

    @staticmethod
    def forward(
        ctx: Node, x: Any, weight: Any = None, eps: float = 1e-5, normalized_ndim: int = 1
    ) -> Any:
        if not fits(x) or normalized_ndim != 1:
            return NotImplemented
        columns = x.shape[-1]
        rows = x.size // columns
        x, weight = contiguous(x), parameter(weight, 1, x)
        y, rstd = empty(x, x.shape), empty(x, (rows,))
        rms_norm_rows(rows, threads_for(columns), x, weight, y, rstd, columns, eps)
        ctx.save(x, weight, rstd)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        x, weight, rstd = ctx.saved
        dy, dx, columns = contiguous(dy), empty(x, x.shape), x.shape[-1]
        rms_norm_gradient(len(rstd), threads_for(columns), x, weight, rstd, dy, dx, columns)
        if True not in ctx.needs[1:]:
            return (dx, None)[: len(ctx.needs)]
        grid, dweight = chunks(x), chunk_sums(x)
        sizes = len(rstd), columns, CHUNK
        rms_norm_parameters(grid, MOST_THREADS, x, rstd, dy, dweight, *sizes)
        return dx, dweight.sum(axis=0)


def parameter(given: Any, otherwise: float, x: Any) -> Any:
    """A weight or bias; what has no effect in the place of one left out."""
    if given is None:
        return array_module(x).full(x.shape[-1:], otherwise, x.dtype)
    return contiguous(given)


def chunks(x: Any) -> tuple[int, int]:
    """The grid of a sum over rows: chunks of rows, and blocks of columns."""
    columns = x.shape[-1]
    return -(-x.size // (columns * CHUNK)), blocks_for(columns)


def chunk_sums(x: Any) -> Any:
    """Room for the sums of each chunk, (chunks, columns)."""
    return empty(x, (chunks(x)[0], x.shape[-1]))
