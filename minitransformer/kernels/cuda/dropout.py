"""Dropout: the textbook's counter-based mask, grown while the data passes, never stored."""

from typing import Any

from minitransformer import ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cuda.launch import MOST_THREADS, Kernel, blocks_for
from minitransformer.kernels.cuda.rows import contiguous, empty, fits

dropout = Kernel("dropout", "dropout")


@accelerates(ops.Dropout, device="cuda")
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
    y = empty(x, x.shape)
    numbers = x.size, threshold_of(p), scale_of(p), seed
    dropout(blocks_for(x.size), MOST_THREADS, contiguous(x), y, *numbers)
    return y


def threshold_of(p: float) -> int:
    """What 32 random bits have to reach for an entry to be kept."""
    return int(p * 2**32)


def scale_of(p: float) -> float:
    """What a kept entry is multiplied by."""
    return 0.0 if p == 1 else 1 / (1 - p)
