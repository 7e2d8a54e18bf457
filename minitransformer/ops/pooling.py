"""Images made smaller, a window at a time, and larger, a pixel at a time."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node
from minitransformer.ops.windows import Pair, check_images, check_kernel, cut, gather, pad, scatter


class MaxPool2d(Function, name="max_pool2d"):
    """y = the largest entry of each window: x (B, C, H, W) -> (B, C, H', W').

    H' = (H + 2 padding - K) // stride + 1; padding is -∞, and never wins. The gradient goes to
    the entry that won: of equal ones the first, row by row.
    """

    @staticmethod
    def check(x: Any, kernel_size: Pair, stride: Pair, padding: Pair = (0, 0)) -> None:
        check_pool("max_pool2d", x, kernel_size, padding)

    @staticmethod
    def forward(ctx: Node, x: Any, kernel_size: Pair, stride: Pair, padding: Pair = (0, 0)) -> Any:
        padded = pad(x, padding, float("-inf"))
        windows = flat_windows(gather(padded, kernel_size, stride))
        ctx.save(windows.argmax(axis=2), padded.shape[2:], kernel_size, stride, padding)
        return windows.max(axis=2)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        winner, size, kernel, stride, padding = ctx.saved
        entries = array_module(dy).arange(kernel[0] * kernel[1])[:, None, None]
        dwindows = (entries == winner[:, :, None]) * dy[:, :, None]
        dwindows = dwindows.reshape(*dy.shape[:2], *kernel, *dy.shape[2:])
        return (cut(scatter(dwindows, size, stride), padding),)


class AvgPool2d(Function, name="avg_pool2d"):
    """y = the mean of each window, the zeros of the padding counted in; shapes as in MaxPool2d."""

    @staticmethod
    def check(x: Any, kernel_size: Pair, stride: Pair, padding: Pair = (0, 0)) -> None:
        check_pool("avg_pool2d", x, kernel_size, padding)

    @staticmethod
    def forward(ctx: Node, x: Any, kernel_size: Pair, stride: Pair, padding: Pair = (0, 0)) -> Any:
        padded = pad(x, padding)
        ctx.save(padded.shape[2:], kernel_size, stride, padding)
        return flat_windows(gather(padded, kernel_size, stride)).mean(axis=2)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        size, (rows, columns), stride, padding = ctx.saved
        shape = (*dy.shape[:2], rows, columns, *dy.shape[2:])
        share = (dy / (rows * columns))[:, :, None, None]
        dwindows = array_module(dy).broadcast_to(share, shape)
        return (cut(scatter(dwindows, size, stride), padding),)


class Upsample(Function, name="upsample"):
    """Each pixel becomes a block of equal ones: x (B, C, H, W) -> (B, C, S H, T W).

    The gradient of a pixel is the sum over its block.
    """

    @staticmethod
    def check(x: Any, scale_factor: Pair) -> None:
        check_images("upsample", x)

    @staticmethod
    def forward(ctx: Node, x: Any, scale_factor: Pair) -> Any:
        (rows, columns), (*batch, height, width) = scale_factor, x.shape
        blocks = (*batch, height, rows, width, columns)
        ctx.save(blocks)
        y = array_module(x).empty(blocks, x.dtype)
        y[...] = x[:, :, :, None, :, None]
        return y.reshape(*batch, height * rows, width * columns)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (blocks,) = ctx.saved
        return (dy.reshape(blocks).sum(axis=(3, 5)),)


def flat_windows(windows: Any) -> Any:
    """(B, C, K, L, H', W') -> (B, C, K · L, H', W')."""
    batch, channels, rows, columns, height, width = windows.shape
    return windows.reshape(batch, channels, rows * columns, height, width)


def check_pool(name: str, x: Any, kernel: Pair, padding: Pair) -> None:
    """Refuse windows that fit nowhere, and those that could hold nothing but padding."""
    check_images(name, x)
    if padding[0] > kernel[0] // 2 or padding[1] > kernel[1] // 2:
        raise ValueError(f"{name}: padding {padding} should be at most half of the kernel {kernel}")
    check_kernel(name, x, kernel, padding)
