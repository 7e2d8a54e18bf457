"""The products of a convolution: kernels times shifted images, and shifted images times dy.

A padded image lies in memory by channels and phases, each a few rows of one pitch. A result is
first computed `wide`: rows of that pitch too, each ending in numbers that nobody asked for.
"""

import numpy as np
from numba import prange

from minitransformer.kernels.cpu.addresses import stretch
from minitransformer.kernels.cpu.gemm import pack
from minitransformer.kernels.cpu.register_tile import ROWS, run_tile, tile_columns
from minitransformer.kernels.cpu.runtime import helper, kernel, share
from minitransformer.kernels.cpu.sums import total

APART = 16  # rows of a power of two would share few places of the cache


@kernel
def correlate(
    x, padding, stride, phase, matrices, offsets, bias, y, first, step, size, chunks
):  # fmt: skip
    """y[b, g, r, i, j] = bias[g, r] + Σ_k matrices[g, r, k] x̄[b, g, offsets[k] + i pitch + j].

    Written to the pixels of y that lie `step` apart, from the `first` on; `size` of them.
    """
    groups, rows, depth = matrices.shape
    channels = x.shape[1] // groups
    (height, width), pitch = size, phase[1]
    length = (height - 1) * pitch + width
    for chunk in prange(chunks):
        image = blank(x, stride, phase)
        wide = np.empty((rows, length), x.dtype)
        panel = np.empty((depth, tile_columns(image[0])), x.dtype)
        for b in share(len(x), chunk, chunks):
            lay_out(x[b], padding, stride, phase, image)
            for g in range(groups):
                start = g * channels * stride[0] * stride[1] * phase[0] * pitch
                multiply_shifted(matrices[g], image[start:], offsets, panel, wide)
                for r in range(rows):
                    more = bias[g * rows + r]
                    for i in range(height):
                        out = y[b, g * rows + r, first[0] + i * step[0], first[1] :]
                        row = wide[r, i * pitch : i * pitch + width]
                        for j in range(width):
                            out[j * step[1]] = row[j] + more


@kernel
def weight_gradient(x, padding, stride, phase, offsets, dy, dmatrices, dbias):
    """dmatrices[chunk, g, k, r] = Σ_bij x̄[b, g, offsets[k] + i pitch + j] dy[b, g, r, i, j]."""
    chunks, groups, _, rows = dmatrices.shape
    channels, pitch = x.shape[1] // groups, phase[1]
    length = (dy.shape[2] - 1) * pitch + dy.shape[3]
    for chunk in prange(chunks):
        image = blank(x, stride, phase)
        columns = tile_columns(image[0])
        wide = np.zeros((rows, length + APART), x.dtype)
        panels = np.empty((-(-rows // columns), length, columns), x.dtype)
        few = np.empty((ROWS, length + APART), x.dtype)
        for b in share(len(x), chunk, chunks):
            lay_out(x[b], padding, stride, phase, image)
            for g in range(groups):
                start = g * channels * stride[0] * stride[1] * phase[0] * pitch
                widen(dy[b, g * rows : (g + 1) * rows], pitch, wide)
                pack_columns(wide, panels)
                add_products(image[start:], offsets, few, panels, dmatrices[chunk, g])
            for r in range(dy.shape[1]):
                dbias[chunk, r] += total(dy[b, r].reshape(dy.shape[2] * dy.shape[3]))


@helper
def blank(x, stride, phase):
    """Zeros for a padded image, and after it as many as a panel may read too far."""
    size = x.shape[1] * stride[0] * stride[1] * phase[0] * phase[1]
    return np.zeros(size + 64, x.dtype)


@helper
def lay_out(x, padding, stride, phase, image):
    """Copy an image into its padding, its rows and columns sorted into phases."""
    channels, height, _ = x.shape
    high, pitch = phase
    down, right = stride
    for c in range(channels):
        for h in range(height):
            i, a = (h + padding[0]) // down, (h + padding[0]) % down
            row = x[c, h]
            for b in range(right):
                j = (padding[1] - b + right - 1) // right
                source = right * j + b - padding[1]
                place = (((c * down + a) * right + b) * high + i) * pitch + j
                copy_every(row[source:], right, image[place:])


@helper
def copy_every(row, step, out):
    """Every so many-th number of a row."""
    if step == 1:
        for j in range(row.size):
            out[j] = row[j]
        return
    for j in range((row.size + step - 1) // step):
        out[j] = row[j * step]


@helper
def multiply_shifted(matrix, image, offsets, panel, out):
    """out = matrix times the image from each of the offsets on, a panel of columns at a time."""
    one, length = matrix.dtype.type(1), out.shape[1]
    depth, columns, size = len(offsets), tile_columns(one), matrix.itemsize
    for start in range(0, length, columns):
        for k in range(depth):
            place = offsets[k] + start
            row = stretch(image.ctypes.data, place, place + columns, one)
            target = panel[k]
            for j in range(columns):
                target[j] = row[j]
        for top in range(0, len(matrix), ROWS):
            run_tile(
                min(ROWS, len(matrix) - top), min(columns, length - start), depth,
                matrix.ctypes.data + top * depth * size, depth, 1,
                panel.ctypes.data, columns,
                out.ctypes.data + (top * length + start) * size, length, one, False,
            )  # fmt: skip


@helper
def widen(x, pitch, wide):
    """Rows of x, the gaps between them left as they are."""
    for r in range(len(x)):
        for i in range(x.shape[1]):
            row, out = x[r, i], wide[r, i * pitch : i * pitch + x.shape[2]]
            for j in range(row.size):
                out[j] = row[j]


@helper
def pack_columns(wide, panels):
    """The transpose of wide, its columns a panel at a time."""
    count, length, columns = panels.shape
    row = wide.shape[1]
    for number in range(count):
        left = number * columns
        corner = wide.ctypes.data + left * row * wide.itemsize
        pack(corner, (1, row), length, min(columns, len(wide) - left), panels[number])


@helper
def add_products(image, offsets, few, panels, out):
    """out[k] += the image from offset k on, times each packed column."""
    one, size, (depth, rows) = few.dtype.type(1), few.itemsize, out.shape
    count, length, columns = panels.shape
    for top in range(0, depth, ROWS):
        some = min(ROWS, depth - top)
        for i in range(some):
            place = offsets[top + i]
            row, target = stretch(image.ctypes.data, place, place + length, one), few[i]
            for j in range(length):
                target[j] = row[j]
        for number in range(count):
            left = number * columns
            run_tile(
                some, min(columns, rows - left), length,
                few.ctypes.data, few.shape[1], 1,
                panels[number].ctypes.data, columns,
                out.ctypes.data + (top * rows + left) * size, rows, one, True,
            )  # fmt: skip
