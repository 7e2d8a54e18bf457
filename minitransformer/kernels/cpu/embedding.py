"""The gradient of an embedding table. Each thread owns some columns and takes all rows in order,

so that no two write to one place, and the sums do not depend on how many threads there are.
"""

from typing import Any

import numpy as np
from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.rows import as_rows, fits
from minitransformer.kernels.cpu.runtime import chunks_for, kernel


@accelerates(ops.Embedding, device="cpu")
class Embedding:
    @staticmethod
    def forward(ctx: Node, weight: Any, indices: Any) -> Any:
        if not fits(weight) or weight.shape[1] == 0:
            return NotImplemented
        ctx.save(weight.shape, indices)
        y = memory.empty((*indices.shape, weight.shape[1]), weight.dtype)
        # The indices were checked; "clip" only spares NumPy a buffer.
        return np.take(weight, indices, axis=0, out=y, mode="clip")

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        shape, indices = ctx.saved
        dweight = memory.empty(shape, dy.dtype)
        rows = np.ascontiguousarray(indices, np.int64).reshape(-1)
        embedding_gradient(rows, as_rows(dy), dweight, chunks_for(dy.size + dweight.size))
        return dweight, None


@kernel
def embedding_gradient(indices, dy, dweight, chunks):
    columns = dweight.shape[1]
    for chunk in prange(chunks):
        start, stop = columns * chunk // chunks, columns * (chunk + 1) // chunks
        dweight[:, start:stop] = 0
        for i in range(indices.size):
            row, g = dweight[indices[i], start:stop], dy[i, start:stop]
            for j in range(row.size):
                row[j] += g[j]
