"""Dropout, with a mask that can be grown again from its seed on any device."""

from typing import Any

import numpy as np

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node
from minitransformer.ops.checks import check_floating, check_probability

# SplitMix64: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".
STRIDE, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Dropout(Function, name="dropout"):
    """Each entry is zeroed with probability p; the others grow by 1 / (1 - p).

    So the expected value stays what it was. Srivastava et al. 2014, JMLR 15.
    Backward applies the same mask, grown again from the seed.
    """

    @staticmethod
    def check(x: Any, p: float = 0.5, seed: int = 0) -> None:
        check_floating("dropout", x)
        check_probability("dropout", p)

    @staticmethod
    def forward(ctx: Node, x: Any, p: float = 0.5, seed: int = 0) -> Any:
        ctx.save(p, seed)
        return x * scaled_mask(x, x.shape, p, seed)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (dy * scaled_mask(dy, dy.shape, *ctx.saved),)


def scaled_mask(like: Any, shape: tuple[int, ...], p: float, seed: int) -> Any:
    """0 or 1 / (1 - p) for each entry of `shape`, in `like`'s dtype and on its device."""
    if p == 1:
        return array_module(like).zeros(shape, like.dtype)
    kept = keep_mask(array_module(like), shape, p, seed)
    return kept * like.dtype.type(1 / (1 - p))


def keep_mask(xp: Any, shape: tuple[int, ...], p: float, seed: int) -> Any:
    """True with probability 1 - p: a pure function of the seed and of an entry's flat index.

    Entry i hashes seed + (i + 1) · STRIDE (SplitMix64) and is kept where the upper 32 bits,
    read as a fraction of 2³², are at least p.
    """
    size = 1
    for n in shape:
        size *= n
    bits = xp.arange(1, size + 1, dtype=np.uint64) * np.uint64(STRIDE) + np.uint64(seed)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(FIRST)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(SECOND)
    bits ^= bits >> np.uint64(31)
    return ((bits >> np.uint64(32)) >= np.uint64(p * 2**32)).reshape(shape)
