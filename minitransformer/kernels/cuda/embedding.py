"""The gradient of an embedding table, summed in the order of the indices, without atomics."""

from typing import Any

import numpy as np

from minitransformer import ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cuda.launch import MOST_THREADS, Kernel, blocks_for
from minitransformer.kernels.cuda.rows import contiguous, empty, fits

embedding_gradient = Kernel("embedding", "embedding_gradient")


@accelerates(ops.Embedding, device="cuda")
class Embedding:
    @staticmethod
    def forward(ctx: Node, weight: Any, indices: Any) -> Any:
        return ops.Embedding.forward(ctx, weight, indices) if fits(weight) else NotImplemented

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        shape, indices = ctx.saved
        dweight = empty(dy, shape)
        indices = contiguous(indices.astype(np.int64, copy=False))
        grid = (shape[0], blocks_for(shape[1]))
        sizes = indices.size, shape[1]
        embedding_gradient(grid, MOST_THREADS, indices, contiguous(dy), dweight, *sizes)
        return dweight, None
