"""Products of matrices, and the linear layer, whose result starts from the bias.

Each thread computes a stripe of a result, or whole ones where they are many.
"""

from typing import Any

import numpy as np
from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node, unbroadcast
from minitransformer.kernels.cpu.gemm import gemm
from minitransformer.kernels.cpu.rows import as_rows, contiguous, fits
from minitransformer.kernels.cpu.runtime import chunks_for, helper, kernel, strided_kernel
from minitransformer.kernels.cpu.sums import dot

FEW_ROWS = 4


@accelerates(ops.MatMul, device="cpu")
class MatMul:
    @staticmethod
    def forward(ctx: Node, a: Any, b: Any) -> Any:
        if not (fits(a, b) and min(a.ndim, b.ndim) >= 2 and max(a.ndim, b.ndim) <= 4):
            return NotImplemented
        if not (a.size and b.size):
            return NotImplemented
        ctx.save(a, b)
        return product(a, b)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        a, b = ctx.saved
        da = db = None
        if ctx.needs[0]:
            da = unbroadcast(product(dy, b.swapaxes(-1, -2)), a.shape)
        if ctx.needs[1]:
            db = unbroadcast(product(a.swapaxes(-1, -2), dy), b.shape)
        return da, db


def product(a: Any, b: Any) -> Any:
    """a @ b, of two to four axes each."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = memory.empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
    batch = (1,) * (2 - len(batch)) + batch
    a, b = (np.broadcast_to(x, batch + x.shape[-2:]) for x in (a, b))
    chunks = chunks_for_product(y.size, a.shape[-1])
    products(a, b, y.reshape(batch + y.shape[-2:]), chunks)
    return y


@accelerates(ops.Linear, device="cpu")
class Linear:
    @staticmethod
    def forward(ctx: Node, x: Any, weight: Any, bias: Any = None) -> Any:
        if not (fits(x) and x.size and weight.size):
            return NotImplemented
        y = memory.empty((*x.shape[:-1], len(weight)), x.dtype)
        rows, weight = as_rows(x), contiguous(weight)
        start = np.empty(0, x.dtype) if bias is None else contiguous(bias)
        linear_rows(rows, weight, start, as_rows(y), chunks_for_product(y.size, x.shape[-1]))
        ctx.save(rows if ctx.needs[1] else None, weight, x.shape)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        x, weight, shape = ctx.saved
        rows, nothing = as_rows(dy), np.empty((0, 0), dy.dtype)
        dx = memory.empty(shape, dy.dtype) if ctx.needs[0] else None
        dweight = memory.empty(weight.shape, dy.dtype) if ctx.needs[1] else None
        dbias = np.zeros(len(weight), dy.dtype) if ctx.needs[2:] == (True,) else None
        linear_gradient(
            rows,
            nothing if x is None else x,
            weight,
            nothing if dx is None else as_rows(dx),
            nothing if dweight is None else dweight,
            nothing.reshape(0) if dbias is None else dbias,
            chunks_for_product(dy.size, weight.shape[1]),
        )
        return (dx, dweight, dbias)[: len(ctx.needs)]


def chunks_for_product(results: int, depth: int) -> int:
    return chunks_for(results * depth // 16)


@strided_kernel("y")
def products(a, b, y, chunks):
    """y[i, j] = a[i, j] @ b[i, j]. Where matrices are few, each is shared among the threads."""
    one, (rows, columns) = y.dtype.type(1), y.shape[:2]
    pieces = 1 if rows * columns >= 4 * chunks or rows * columns % chunks == 0 else chunks
    for chunk in prange(chunks):
        for unit in range(chunk, rows * columns * pieces, chunks):
            i, j, piece = unit // pieces // columns, unit // pieces % columns, unit % pieces
            top, bottom, left, right = stripe(y[i, j], piece, pieces)
            block = y[i, j, top:bottom, left:right]
            gemm(a[i, j, top:bottom], b[i, j, :, left:right], block, one, False)


@kernel
def linear_rows(x, weight, bias, y, chunks):
    """y = x weightᵀ + bias; no bias has size 0."""
    one = x.dtype.type(1)
    for chunk in prange(chunks):
        top, bottom, left, right = stripe(y, chunk, chunks)
        if len(x) <= FEW_ROWS:
            few_rows(x, weight, bias, y, left, right)
            continue
        block = y[top:bottom, left:right]
        if bias.size:
            for i in range(top, bottom):
                row, start = y[i, left:right], bias[left:right]
                for j in range(row.size):
                    row[j] = start[j]
        gemm(x[top:bottom], weight[left:right].T, block, one, bias.size > 0)


@helper
def few_rows(x, weight, bias, y, left, right):
    """Some columns of y, one dot product each: each weight is used too rarely to be packed."""
    for j in range(left, right):
        for i in range(len(x)):
            y[i, j] = dot(x[i], weight[j])
            if bias.size:
                y[i, j] += bias[j]


@kernel
def linear_gradient(dy, x, weight, dx, dweight, dbias, chunks):
    """Each thread computes its part of all three gradients; one of size 0 is not wanted."""
    one = dy.dtype.type(1)
    for chunk in prange(chunks):
        if dx.size:
            top, bottom, left, right = stripe(dx, chunk, chunks)
            gemm(dy[top:bottom], weight[:, left:right], dx[top:bottom, left:right], one, False)
        if dweight.size:
            top, bottom, left, right = stripe(dweight, chunk, chunks)
            block = dweight[top:bottom, left:right]
            gemm(dy[:, top:bottom].T, x[:, left:right], block, one, False)
        if dbias.size:
            left, right = dbias.size * chunk // chunks, dbias.size * (chunk + 1) // chunks
            add_columns(dy, left, right, dbias[left:right])


@helper
def add_columns(x, left, right, sums):
    """Add the rows of some columns of x to `sums`, in order."""
    for i in range(len(x)):
        row = x[i, left:right]
        for j in range(row.size):
            sums[j] += row[j]


@helper
def stripe(c, chunk, chunks):
    """A chunk's part of a matrix, cut across its longer side: top, bottom, left, right."""
    m, n = c.shape
    if m > n:
        return m * chunk // chunks, m * (chunk + 1) // chunks, 0, n
    return 0, m, n * chunk // chunks, n * (chunk + 1) // chunks
