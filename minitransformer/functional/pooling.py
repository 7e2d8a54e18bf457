"""Images made smaller and larger. Sizes are one integer, or two: (height, width)."""

from typing import Any

from minitransformer import ops
from minitransformer.functional.convolution import Size
from minitransformer.functional.inputs import Input
from minitransformer.ops.windows import as_pair
from minitransformer.tensor import Tensor


def max_pool2d(
    x: Input, kernel_size: Size, stride: Size | None = None, padding: Size = 0
) -> Tensor:
    """The largest entry of each window: x (B, C, H, W) -> (B, C, H', W').

    Args:
        x: (B, C, H, W).
        kernel_size: of the window.
        stride: from one window to the next; by default windows lie side by side.
        padding: -∞ on each side, at most half of the window.

    Returns:
        (B, C, H', W'), H' = (H + 2 padding - kernel_size) // stride + 1.
    """
    return ops.MaxPool2d.apply(x, **_window("max_pool2d", kernel_size, stride, padding))


def avg_pool2d(
    x: Input, kernel_size: Size, stride: Size | None = None, padding: Size = 0
) -> Tensor:
    """The mean of each window, padding counted in as zeros; arguments as in `max_pool2d`."""
    return ops.AvgPool2d.apply(x, **_window("avg_pool2d", kernel_size, stride, padding))


def upsample(x: Input, scale_factor: Size) -> Tensor:
    """Each pixel repeated: x (B, C, H, W) -> (B, C, H · scale_factor, W · scale_factor)."""
    return ops.Upsample.apply(x, scale_factor=as_pair("upsample", "scale_factor", scale_factor))


def _window(name: str, kernel_size: Size, stride: Size | None, padding: Size) -> dict[str, Any]:
    return {
        "kernel_size": as_pair(name, "kernel_size", kernel_size),
        "stride": as_pair(name, "stride", kernel_size if stride is None else stride),
        "padding": as_pair(name, "padding", padding, least=0),
    }
