"""Lesson 25: a kernel in Numba, softmax in one pass, products in blocks, and the roofline."""

import math

import numpy as np
from numba import njit


@njit
def softmax_rows(x, y):
    """Fill y with the softmax of each row of x: a kernel, compiled by Numba.

        y_ij = exp(x_ij − top_i) / Σ_k exp(x_ik − top_i)        top_i = max of row i

    x, y: float64 (N, D), D at least 1. It returns nothing, and leaves x as it is. y holds no
    numbers yet, only memory. Loops are fast here: write one over the rows, and three inside it.
    `math.exp` is the exponential of a number.

    For x = [[0, log 3], [1000, 1000]] it fills y with [[0.25, 0.75], [0.5, 0.5]]
    """
    raise NotImplementedError


def online_softmax(top, total, output, scores, values):
    """What a query keeps of all the keys that it has seen, after one more block of them.

        top    = the largest score so far
        total  = Σ exp(score − top)             over all keys so far
        output = Σ exp(score − top) · value     over all keys so far

    Where the block brings a larger score, the old sums were taken with the old top: both are
    scaled by exp(old top − new top). Attention is output / total, in the end.

    top, total: numbers, −∞ and 0 before the first block; output: (D,);
    scores: (K,), of this block; values: (K, D). Returns the new (top, total, output).

    From top = 0, total = 1, output = [6], a block with the score log 2 and the value [5]:
    the new top is log 2, total = 1 · ½ + 1 = 1.5 and output = 6 · ½ + 5 = [8]
    """
    raise NotImplementedError


def blocked_matmul(a, b, block, multiply):
    """The product a b, by a multiplier that takes small matrices only.

    Cut a and b into tiles of at most block × block numbers, such as fit in the fastest memory.
    Each tile of the result is a sum of products of tiles:

        c[I, J] = Σ_K multiply(a[I, K], b[K, J])

    where I, J and K are stretches of `block` rows or columns; the last may be shorter.

    a: (M, K); b: (K, N); block: at least 1; multiply: a function of two tiles, (m, k) and (k, n)
    with m, k, n at most `block`, that returns their product (m, n). Returns (M, N).

    For a (3, 2), b (2, 2) and block 2, c[0:2] is one product of tiles and c[2:3] another.
    """
    raise NotImplementedError


class Roofline:
    """The most that a machine can give to a computation: the lower of two roofs.

    peak_gflops: the most operations a second, in 10⁹; peak_gbs: the most bytes to and from
    memory a second, in 10⁹.
    """

    def __init__(self, peak_gflops, peak_gbs):
        self.peak_gflops, self.peak_gbs = peak_gflops, peak_gbs

    def intensity(self, m, k, n):
        """Operations for each byte of a float32 product, (m, k) by (k, n).

        Each number of the result takes k multiplications and k additions. Each of the three
        matrices crosses the memory once, 4 bytes a number.

        (2, 2) by (2, 2): 16 operations on 3 · 4 numbers, 16 / 48 = 0.333
        """
        raise NotImplementedError

    def attainable(self, intensity):
        """GFLOP/s at most, for so many operations a byte.

        Memory brings peak_gbs · 10⁹ bytes a second, each of which is worth `intensity`
        operations; but no more than the peak can be done.

        With peaks of 100 GFLOP/s and 10 GB/s: 0.5 operations a byte give 5 GFLOP/s, 30 give 100
        """
        raise NotImplementedError
