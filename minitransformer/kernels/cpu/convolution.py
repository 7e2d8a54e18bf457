"""Convolutions as matrix products over shifted images; the windows are never laid out.

A padded image is kept with rows of one `pitch`. Entry (u, v) of all windows is then the image
itself, read from an offset on: as one long row, in which each row of the result is followed by
a few numbers of no use. So a tile of a product reads its rows from the image. With a stride, the
image is first sorted into `phases`, the rows and columns that neighbouring windows meet; the
gradient of the input, a transposed convolution, is one such convolution for each phase of it.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from minitransformer import memory, ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cpu.image_products import correlate, weight_gradient
from minitransformer.kernels.cpu.rows import contiguous, fits
from minitransformer.kernels.cpu.runtime import chunks_for
from minitransformer.ops.convolution import padded_size
from minitransformer.ops.windows import Pair, places


@accelerates(ops.Conv2d, device="cpu")
class Conv2d:
    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        dilation: Pair = (1, 1),
        groups: int = 1,
    ) -> Any:
        if not (fits(x) and x.size):
            return NotImplemented
        x, weight = contiguous(x), contiguous(weight)
        ctx.save(x if ctx.needs[1] else None, weight, x.shape, stride, padding, dilation, groups)
        return convolution(x, weight, bias, stride, padding, dilation, groups)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        x, weight, shape, *geometry = ctx.saved
        dy, dx, dweight, dbias = contiguous(dy), None, None, None
        if ctx.needs[0]:
            dx = transposed(dy, weight, None, shape[2:], *geometry)
        if ctx.needs[1]:
            dweight, dbias = weight_and_bias_gradient(x, dy, weight.shape, *geometry)
        elif ctx.needs[2:] == (True,):
            dbias = dy.sum(axis=(0, 2, 3))
        return (dx, dweight, dbias)[: len(ctx.needs)]


@accelerates(ops.ConvTranspose2d, device="cpu")
class ConvTranspose2d:
    """A convolution with its two directions exchanged."""

    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        output_padding: Pair = (0, 0),
    ) -> Any:
        if not (fits(x) and x.size):
            return NotImplemented
        x, weight = contiguous(x), contiguous(weight)
        ctx.save(x if ctx.needs[1] else None, weight, stride, padding)
        full = padded_size(x, weight, stride, output_padding)
        size = full[0] - 2 * padding[0], full[1] - 2 * padding[1]
        return transposed(x, weight, bias, size, stride, padding, (1, 1), 1)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        x, weight, stride, padding = ctx.saved
        dy, geometry, dx, dweight = contiguous(dy), (stride, padding, (1, 1), 1), None, None
        if ctx.needs[0]:
            dx = convolution(dy, weight, None, *geometry)
        if ctx.needs[1]:
            dweight, _ = weight_and_bias_gradient(dy, x, weight.shape, *geometry)
        dbias = dy.sum(axis=(0, 2, 3)) if ctx.needs[2:] == (True,) else None
        return (dx, dweight, dbias)[: len(ctx.needs)]


def convolution(
    x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """The forward pass of a convolution."""
    plan = forward_plan(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    y = memory.empty((len(x), len(weight), *plan.size), x.dtype)
    matrices = weight.reshape(groups, len(weight) // groups, weight[0].size)
    run(x, plan, matrices, plan.offsets(weight.shape[1]), bias, y, (0, 0), (1, 1))
    return y


def transposed(
    dy: Any,
    weight: Any,
    bias: Any,
    size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Any:
    """The gradient of a convolution's input, images of this size; plus `bias`, if there is one."""
    outputs, channels = len(weight) // groups, weight.shape[1]
    dx = memory.empty((len(dy), groups * channels, *size), dy.dtype)
    kernels = weight.reshape(groups, outputs, *weight.shape[1:]).swapaxes(1, 2)
    for first, rows, columns, plan in transposed_plans(
        dy.shape[2:], size, weight.shape[2:], stride, padding, dilation
    ):
        entries = kernels[..., rows, :][..., columns]
        matrices = np.ascontiguousarray(entries).reshape(groups, channels, entries[0, 0].size)
        run(dy, plan, matrices, plan.offsets(outputs), bias, dx, first, stride)
    return dx


def run(
    x: Any, plan: "Plan", matrices: Any, offsets: Any, bias: Any, y: Any, first: Pair, step: Pair
) -> None:
    """Fill every so many-th pixel of y with `matrices` times the entries of x's windows."""
    start = np.zeros(y.shape[1], x.dtype) if bias is None else contiguous(bias)
    work = len(x) * matrices.size * plan.size[0] * plan.size[1]
    chunks = min(len(x), chunks_for(work // 16))
    place = plan.padding, plan.stride, plan.phase
    correlate(x, *place, matrices, offsets, start, y, first, step, plan.size, chunks)


def weight_and_bias_gradient(
    x: Any,
    dy: Any,
    shape: tuple[int, ...],
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> tuple:
    """Each chunk sums over its images; the chunks' sums are added in order."""
    outputs, channels, *kernel = shape
    plan = forward_plan(x.shape[2:], tuple(kernel), stride, padding, dilation)
    offsets = plan.offsets(channels)
    chunks = min(len(x), chunks_for(dy.size * len(offsets) // 16))
    # Kernels as columns: then the windows need no transposing.
    dmatrices = np.zeros((chunks, groups, len(offsets), outputs // groups), x.dtype)
    dbias = np.zeros((chunks, outputs), x.dtype)
    place, images = (plan.padding, plan.stride, plan.phase), dy.reshape(*dy.shape[:2], -1)
    weight_gradient(x, *place, offsets, plan.pixels(), images, dmatrices, dbias)
    dweight = dmatrices.sum(axis=0).swapaxes(1, 2).reshape(shape)
    return dweight, dbias.sum(axis=0)


class Plan(NamedTuple):
    """How an image lies in its padding, and where entries of the kernel meet it there."""

    size: Pair  # of the result
    stride: Pair
    padding: Pair  # above and on the left
    phase: Pair  # height and pitch of a phase
    taps: np.ndarray  # (K, L): offsets of the kernel's entries from the start of a channel

    def offsets(self, channels: int) -> np.ndarray:
        """The same for every channel, from the start of an image."""
        channel = self.stride[0] * self.stride[1] * self.phase[0] * self.phase[1]
        return (channel * np.arange(channels)[:, None, None] + self.taps).ravel()

    def pixels(self) -> np.ndarray:
        """Where the first entries of the windows lie."""
        return (self.phase[1] * np.arange(self.size[0])[:, None] + np.arange(self.size[1])).ravel()


@lru_cache(256)
def forward_plan(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Plan:
    """Entry u meets row s i + d u of the padded image: number i + d u // s of phase d u % s."""
    padded = tuple(n + 2 * p for n, p in zip(size, padding, strict=True))
    phase = (-(-padded[0] // stride[0]), -(-padded[1] // stride[1]))
    row, column = dilation[0] * np.arange(kernel[0])[:, None], dilation[1] * np.arange(kernel[1])
    number = row % stride[0] * stride[1] + column % stride[1]
    place = row // stride[0] * phase[1] + column // stride[1]
    height, width = map(places, padded, kernel, stride, dilation)
    return Plan((height, width), stride, padding, phase, number * phase[0] * phase[1] + place)


@lru_cache(256)
def transposed_plans(
    given: Pair, size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> list[tuple[Pair, np.ndarray, np.ndarray, Plan]]:
    """The phases of a result: first pixel, rows and columns of the kernel that reach it, plan.

    Args:
        given: height and width of dy.
        size: of the result.
    """
    sizes = zip(given, size, kernel, stride, padding, dilation, strict=True)
    down, across = [[along(*one, i) for i in range(min(one[1], one[3]))] for one in sizes]
    plans = []
    for i, (height, rows, shift_down, above, high) in enumerate(down):
        for j, (width, columns, shift_right, left, pitch) in enumerate(across):
            taps = shift_down[:, None] * pitch + shift_right
            plan = Plan((height, width), (1, 1), (above, left), (high, pitch), taps)
            plans.append(((i, j), rows, columns, plan))
    return plans


def along(
    given: int, size: int, kernel: int, stride: int, padding: int, dilation: int, phase: int
) -> tuple[int, np.ndarray, np.ndarray, int, int]:
    """One axis of a phase: the result's pixel stride · i + phase meets dy[i + shift] in entry u.

    That is where stride · (i + shift) + dilation · u = stride · i + phase + padding.

    Returns:
        The number of such pixels, the entries, their shifts in the padded dy, the zeros before
        it, its size with those and the ones behind it.
    """
    n = -(-(size - phase) // stride)
    entries = np.flatnonzero((phase + padding - dilation * np.arange(kernel)) % stride == 0)
    shifts = (phase + padding - dilation * entries) // stride
    before = max(0, -int(shifts.min(initial=0)))
    behind = max(given, n + int(shifts.max(initial=0)))
    return n, entries, shifts + before, before, before + behind
