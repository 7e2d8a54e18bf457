"""Pooling, one image of one channel after the other, and its windows where they lie."""

from typing import Any

import numpy as np
from numba import prange

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.rows import contiguous, fits
from minitransformer.kernels.cpu.runtime import chunks_for, helper, kernel, share
from minitransformer.ops.windows import Pair, places


@accelerates(ops.MaxPool2d, device="cpu")
class MaxPool2d:
    """Saves where each window's largest entry lies in its image."""

    @staticmethod
    def forward(ctx: Node, x: Any, kernel_size: Pair, stride: Pair, padding: Pair = (0, 0)) -> Any:
        if not (fits(x) and x.size):
            return NotImplemented
        y = result(x, kernel_size, stride, padding)
        winner = memory.empty(y.shape, np.int32)
        planes = images(contiguous(x)), images(y), images(winner)
        max_windows(*planes, kernel_size, stride, padding, chunks_for(x.size))
        ctx.save(winner, x.shape)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        winner, shape = ctx.saved
        dx = memory.empty(shape, dy.dtype)
        dy = contiguous(dy)
        max_windows_gradient(images(dy), images(winner), images(dx), chunks_for(dx.size))
        return (dx,)


@accelerates(ops.AvgPool2d, device="cpu")
class AvgPool2d:
    @staticmethod
    def forward(ctx: Node, x: Any, kernel_size: Pair, stride: Pair, padding: Pair = (0, 0)) -> Any:
        if not (fits(x) and x.size):
            return NotImplemented
        y = result(x, kernel_size, stride, padding)
        windows = kernel_size, stride, padding
        mean_windows(images(contiguous(x)), images(y), *windows, chunks_for(x.size))
        ctx.save(x.shape, *windows)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        shape, *windows = ctx.saved
        dx = memory.empty(shape, dy.dtype)
        mean_windows_gradient(images(contiguous(dy)), images(dx), *windows, chunks_for(dx.size))
        return (dx,)


def result(x: Any, kernel: Pair, stride: Pair, padding: Pair) -> Any:
    """An unfilled array for one number a window."""
    sizes = zip(x.shape[2:], padding, kernel, stride, strict=True)
    height, width = [places(n + 2 * p, k, s) for n, p, k, s in sizes]
    return memory.empty((*x.shape[:2], height, width), x.dtype)


def images(x: Any) -> Any:
    """(B, C, H, W) -> (B · C, H, W)."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


@helper
def inside(place, kernel, stride, padding, size):
    """From where to where a window lies in the image, along one axis."""
    first = place * stride - padding
    return max(first, 0), min(first + kernel, size)


@kernel
def max_windows(x, y, winner, kernel, stride, padding, chunks):
    """NaN is the largest; of equal entries the first wins."""
    _, height, width = x.shape
    for chunk in prange(chunks):
        for n in share(len(x), chunk, chunks):
            image, out, where = x[n], y[n], winner[n]
            for i in range(out.shape[0]):
                top, bottom = inside(i, kernel[0], stride[0], padding[0], height)
                for j in range(out.shape[1]):
                    left, right = inside(j, kernel[1], stride[1], padding[1], width)
                    best, at = image[top, left], top * width + left
                    for h in range(top, bottom):
                        for w in range(left, right):
                            value = image[h, w]
                            if value > best or (value != value and best == best):
                                best, at = value, h * width + w
                    out[i, j], where[i, j] = best, at


@kernel
def max_windows_gradient(dy, winner, dx, chunks):
    """Each dy added where its window's winner lies."""
    _, height, width = dx.shape
    for chunk in prange(chunks):
        for n in share(len(dx), chunk, chunks):
            image = dx[n].reshape(height * width)
            image[:] = dx.dtype.type(0)
            for i in range(dy.shape[1]):
                for j in range(dy.shape[2]):
                    image[winner[n, i, j]] += dy[n, i, j]


@kernel
def mean_windows(x, y, kernel, stride, padding, chunks):
    real = x.dtype.type
    _, height, width = x.shape
    part = real(1) / real(kernel[0] * kernel[1])
    for chunk in prange(chunks):
        for n in share(len(x), chunk, chunks):
            image, out = x[n], y[n]
            for i in range(out.shape[0]):
                top, bottom = inside(i, kernel[0], stride[0], padding[0], height)
                for j in range(out.shape[1]):
                    left, right = inside(j, kernel[1], stride[1], padding[1], width)
                    sum_ = real(0)
                    for h in range(top, bottom):
                        for w in range(left, right):
                            sum_ += image[h, w]
                    out[i, j] = sum_ * part


@kernel
def mean_windows_gradient(dy, dx, kernel, stride, padding, chunks):
    """An equal part of each dy added to every entry of its window."""
    real = dx.dtype.type
    _, height, width = dx.shape
    part = real(1) / real(kernel[0] * kernel[1])
    for chunk in prange(chunks):
        for n in share(len(dx), chunk, chunks):
            image = dx[n]
            image[:] = real(0)
            for i in range(dy.shape[1]):
                top, bottom = inside(i, kernel[0], stride[0], padding[0], height)
                for j in range(dy.shape[2]):
                    left, right = inside(j, kernel[1], stride[1], padding[1], width)
                    for h in range(top, bottom):
                        for w in range(left, right):
                            image[h, w] += dy[n, i, j] * part
