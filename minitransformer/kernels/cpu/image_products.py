"""The products of a convolution: kernels times shifted images, and shifted images times dy.

A padded image lies in memory by channels and phases, each a few rows of one pitch. A result is
first computed `wide`: rows of that pitch too, each ending in numbers that nobody asked for.
"""

import numpy as np
from numba import prange

from minitransformer.kernels.cpu.gemm import pack
from minitransformer.kernels.cpu.register_tile import ROWS, run_scattered_tile, tile_columns
from minitransformer.kernels.cpu.runtime import helper, kernel, share
from minitransformer.kernels.cpu.sums import total
from minitransformer.kernels.cpu.vectors import copy_row


@kernel
def correlate(
    x, padding, stride, phase, matrices, offsets, bias, y, first, step, size, chunks
):  # fmt: skip
    """y[b, g, r, i, j] = bias[g, r] + Σ_k matrices[g, r, k] x̄[b, g, offsets[k] + i pitch + j].

    Written to the pixels of y that lie `step` apart, from the `first` on; `size` of them.
    """
    groups, rows, _ = matrices.shape
    channels, pitch = x.shape[1] // groups, phase[1]
    length = (size[0] - 1) * pitch + size[1]
    for chunk in prange(chunks):
        image = blank(x, stride, phase)
        wide = np.empty((rows, length), x.dtype)
        for b in share(len(x), chunk, chunks):
            lay_out(x[b], padding, stride, phase, image)
            for g in range(groups):
                start = g * channels * stride[0] * stride[1] * phase[0] * pitch
                multiply_shifted(matrices[g], image[start:], offsets, wide)
                for r in range(rows):
                    channel = y[b, g * rows + r]
                    trim(wide[r], pitch, bias[g * rows + r], channel, first, step, size)


@kernel
def weight_gradient(x, padding, stride, phase, offsets, pixels, dy, dmatrices, dbias):
    """dmatrices[chunk, g, k, r] = Σ_bp x̄[b, g, offsets[k] + pixels[p]] dy[b, g, r, p]."""
    chunks, groups, _, rows = dmatrices.shape
    channels, count = x.shape[1] // groups, len(pixels)
    for chunk in prange(chunks):
        image = blank(x, stride, phase)
        columns = tile_columns(image[0])
        panels = np.empty((-(-rows // columns), count, columns), x.dtype)
        for b in share(len(x), chunk, chunks):
            lay_out(x[b], padding, stride, phase, image)
            for g in range(groups):
                start = g * channels * stride[0] * stride[1] * phase[0] * phase[1]
                pack_columns(dy[b, g * rows : (g + 1) * rows], panels)
                add_products(image[start:], offsets, pixels, panels, dmatrices[chunk, g])
            for r in range(dy.shape[1]):
                dbias[chunk, r] += total(dy[b, r])


@helper
def blank(x, stride, phase):
    """Zeros for a padded image, and after it as many as a tile may read too far."""
    size = x.shape[1] * stride[0] * stride[1] * phase[0] * phase[1]
    return np.zeros(size + 64, x.dtype)


@helper
def lay_out(x, padding, stride, phase, image):
    """Copy an image into its padding, its rows and columns sorted into phases."""
    channels, height, width = x.shape
    (high, pitch), (down, right) = phase, stride
    size, zero = x.itemsize, x.dtype.type(0)
    for c in range(channels):
        for h in range(height):
            i, a = (h + padding[0]) // down, (h + padding[0]) % down
            for b in range(right):
                j = (padding[1] - b + right - 1) // right
                place = (((c * down + a) * right + b) * high + i) * pitch + j
                if right == 1:
                    source = x.ctypes.data + (c * height + h) * width * size
                    copy_row(source, image.ctypes.data + place * size, width, zero)
                else:
                    copy_every(x[c, h, right * j + b - padding[1] :], right, image[place:])


@helper
def copy_every(row, step, out):
    """Every so many-th number of a row."""
    for j in range((row.size + step - 1) // step):
        out[j] = row[j * step]


@helper
def multiply_shifted(matrix, image, offsets, out):
    """out = matrix times the image from each of the offsets on."""
    one, (rows, length), size = matrix.dtype.type(1), out.shape, matrix.itemsize
    depth, columns = len(offsets), tile_columns(one)
    row_starts, steps = depth * np.arange(ROWS), np.arange(depth)
    for top in range(0, rows, ROWS):
        for start in range(0, length, columns):
            run_scattered_tile(
                min(ROWS, rows - top), min(columns, length - start), depth,
                matrix.ctypes.data + top * depth * size, row_starts.ctypes.data, steps.ctypes.data,
                image.ctypes.data + start * size, offsets.ctypes.data,
                out.ctypes.data + (top * length + start) * size, length, one, False,
            )  # fmt: skip


@helper
def trim(wide, pitch, more, out, first, step, size):
    """Rows of pixels plus `more`, put `step` apart; what follows each row is left out."""
    bytes_, (height, width) = wide.itemsize, size
    for i in range(height):
        row = first[0] + i * step[0]
        if step[1] == 1:
            target = out.ctypes.data + (row * out.shape[1] + first[1]) * bytes_
            copy_row(wide.ctypes.data + i * pitch * bytes_, target, width, more)
        else:
            for j in range(width):
                out[row, first[1] + j * step[1]] = wide[i * pitch + j] + more


@helper
def pack_columns(dy, panels):
    """The transpose of dy, its columns a panel at a time."""
    number, count, columns = panels.shape
    for n in range(number):
        left = n * columns
        corner = dy.ctypes.data + left * count * dy.itemsize
        pack(corner, (1, count), count, min(columns, len(dy) - left), panels[n])


@helper
def add_products(image, offsets, pixels, panels, out):
    """out[k] += the image's pixels from offset k on, times each packed column."""
    one, size, (depth, rows) = image.dtype.type(1), image.itemsize, out.shape
    number, count, columns = panels.shape
    starts = columns * np.arange(count)
    for n in range(number):
        left = n * columns
        for top in range(0, depth, ROWS):
            run_scattered_tile(
                min(ROWS, depth - top), min(columns, rows - left), count,
                image.ctypes.data, offsets.ctypes.data + 8 * top, pixels.ctypes.data,
                panels[n].ctypes.data, starts.ctypes.data,
                out.ctypes.data + (top * rows + left) * size, rows, one, True,
            )  # fmt: skip
