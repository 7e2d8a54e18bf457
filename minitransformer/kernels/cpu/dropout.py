"""Dropout: the textbook's counter-based mask, grown while the data passes, never stored."""

from typing import Any

import numpy as np
from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.rows import fits, flat
from minitransformer.kernels.cpu.runtime import chunks_for, helper, kernel, part
from minitransformer.ops.dropout import FIRST, SECOND, STRIDE

u64 = np.uint64


@accelerates(ops.Dropout, device="cpu")
class Dropout:
    @staticmethod
    def forward(ctx: Node, x: Any, p: float = 0.5, seed: int = 0) -> Any:
        if not fits(x):
            return NotImplemented
        ctx.save(p, seed)
        return masked(x, p, seed)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (masked(dy, *ctx.saved),)


def masked(x: Any, p: float, seed: int) -> Any:
    y = memory.empty(x.shape, x.dtype)
    scale = x.dtype.type(scale_of(p))
    dropout(flat(x), flat(y), threshold_of(p), scale, u64(seed), chunks_for(x.size))
    return y


def threshold_of(p: float) -> Any:
    """What 32 random bits have to reach for an entry to be kept."""
    return u64(p * 2**32)


def scale_of(p: float) -> float:
    """What a kept entry is multiplied by."""
    return 0.0 if p == 1 else 1 / (1 - p)


@helper
def kept(index, threshold, seed):
    """Whether the entry with this flat index is kept: SplitMix64 of its number, as in ops."""
    bits = u64(index + 1) * u64(STRIDE) + seed
    bits = (bits ^ (bits >> u64(30))) * u64(FIRST)
    bits = (bits ^ (bits >> u64(27))) * u64(SECOND)
    return ((bits ^ (bits >> u64(31))) >> u64(32)) >= threshold


@kernel
def dropout(x, y, threshold, scale, seed, chunks):
    for chunk in prange(chunks):
        row, out = part(x, chunk, chunks), part(y, chunk, chunks)
        first = x.size * chunk // chunks
        for j in range(row.size):
            out[j] = row[j] * (scale if kept(first + j, threshold, seed) else row.dtype.type(0))
