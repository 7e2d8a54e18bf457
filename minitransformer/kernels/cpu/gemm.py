"""Matrix products inside kernels: tiles of the result, summed in vector registers.

A tile is ROWS × (VECTORS vectors): each step along the depth takes one row of b as vectors and
multiplies it by one number of each row of a. b is packed first, so that those rows lie side by
side. The sums run in order, so that their bits depend neither on how the threads share the
product nor on the compiler. Tiles are written as LLVM instructions (`register_tile.py`), since
compiled loops do not keep sums in registers.
Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication".
"""

import numpy as np

from minitransformer.kernels.cpu.addresses import size_of, stretch
from minitransformer.kernels.cpu.register_tile import ROWS, run_tile, tile_columns
from minitransformer.kernels.cpu.runtime import helper
from minitransformer.kernels.cpu.transposing import block_side, transpose_block

DEPTH, WIDTH = 256, 512  # of the part of b that is packed at a time: it stays in the L2 cache


@helper
def gemm(a, b, c, alpha, add):
    """c = alpha · a b, or c += alpha · a b, for matrices of any strides (of c: dense rows)."""
    size, (m, n) = c.itemsize, c.shape
    places = a.ctypes.data, b.ctypes.data, c.ctypes.data
    a_strides = a.strides[0] // size, a.strides[1] // size
    b_strides = b.strides[0] // size, b.strides[1] // size
    multiply(m, n, a.shape[1], places, a_strides, b_strides, c.strides[0] // size, alpha, add)


@helper
def multiply(m, n, depth, places, a_strides, b_strides, c_row, alpha, add):
    """`gemm` by addresses and by strides in elements, so that it is compiled once a dtype."""
    a, b, c = places
    size, width = size_of(alpha), tile_columns(alpha)
    deep, wide = min(DEPTH, depth), min(WIDTH, n)
    packed = np.empty((-(-wide // width), deep, width), type(alpha))
    for first in range(0, depth, DEPTH):
        steps = min(DEPTH, depth - first)
        some_a = a + first * a_strides[1] * size
        for left in range(0, n, WIDTH):
            right = min(left + WIDTH, n)
            for start in range(left, right, width):
                corner = b + (first * b_strides[0] + start * b_strides[1]) * size
                columns = min(width, right - start)
                pack(corner, b_strides, steps, columns, packed[(start - left) // width])
            for top in range(0, m, ROWS):
                rows, row_of_a = min(ROWS, m - top), some_a + top * a_strides[0] * size
                for start in range(left, right, width):
                    panel = packed[(start - left) // width].ctypes.data
                    out = c + (top * c_row + start) * size
                    columns = min(width, right - start)
                    run_tile(
                        rows, columns, steps, row_of_a, a_strides[0], a_strides[1],
                        panel, width, out, c_row, alpha, add or first > 0,
                    )  # fmt: skip


@helper
def pack_all(b):
    """All of b, packed, for `add_product` to use many times: (panels, depth, columns of a tile)."""
    size, (depth, n), width = b.itemsize, b.shape, tile_columns(b[0, 0])
    strides = b.strides[0] // size, b.strides[1] // size
    panels = np.empty((-(-n // width), depth, width), b.dtype)
    for i in range(len(panels)):
        corner = b.ctypes.data + i * width * b.strides[1]
        pack(corner, strides, depth, min(width, n - i * width), panels[i])
    return panels


@helper
def add_product(a, panels, c):
    """c += a b, for few rows: each panel of b is read once, while they stay in the cache."""
    size, one, (m, n), (_, depth, width) = c.itemsize, c.dtype.type(1), c.shape, panels.shape
    a_row, a_column, c_row = a.strides[0] // size, a.strides[1] // size, c.strides[0] // size
    for i in range(len(panels)):
        for top in range(0, m, ROWS):
            run_tile(
                min(ROWS, m - top), min(width, n - i * width), depth,
                a.ctypes.data + top * a.strides[0], a_row, a_column, panels[i].ctypes.data, width,
                c.ctypes.data + top * c.strides[0] + i * width * size, c_row, one, True,
            )  # fmt: skip


@helper
def pack(corner, strides, depth, columns, panel):
    """Some columns of b, side by side; what lies beside them in the panel does not matter."""
    like, (row, column) = panel[0, 0], strides
    if column == 1:
        for k in range(depth):
            source, out = stretch(corner, k * row, k * row + columns, like), panel[k]
            for j in range(columns):
                out[j] = source[j]
        return
    turned_depth = turned_columns = 0
    if row == 1:
        turned_depth, turned_columns = turn_blocks(corner, column, depth, columns, panel)
    for j in range(columns):
        for k in range(turned_depth if j < turned_columns else 0, depth):
            place = k * row + j * column
            panel[k, j] = stretch(corner, place, place + 1, like)[0]


@helper
def turn_blocks(corner, column, depth, columns, panel):
    """Pack what whole blocks cover of columns that are dense; its depth and its columns."""
    like, size, width = panel[0, 0], panel.itemsize, panel.shape[1]
    side = block_side(like)
    depth, columns = depth - depth % side, columns - columns % side
    for j in range(0, columns, side):
        for k in range(0, depth, side):
            source = corner + (k + j * column) * size
            target = panel.ctypes.data + (k * width + j) * size
            transpose_block(source, column, target, width, like)
    return depth, columns
