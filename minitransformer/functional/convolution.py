"""Convolutions of images. Sizes are one integer, or two: (height, width)."""

from minitransformer import ops
from minitransformer.functional.inputs import Input
from minitransformer.ops.windows import Pair, as_pair
from minitransformer.tensor import Tensor

Size = int | Pair


def conv2d(
    x: Input,
    weight: Input,
    bias: Input | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Every window of x times each kernel, summed.

    Args:
        x: (B, C, H, W).
        weight: (O, C / groups, K, L).
        bias: (O,).
        stride: pixels from one window to the next.
        padding: zeros on each side of x.
        dilation: pixels of x from one entry of the kernel to the next.
        groups: into which the channels are split; outputs see those of their own group.

    Returns:
        (B, O, H', W'), H' = (H + 2 padding - dilation (K - 1) - 1) // stride + 1.
    """
    name = "conv2d"
    options = {
        "stride": as_pair(name, "stride", stride),
        "padding": as_pair(name, "padding", padding, least=0),
        "dilation": as_pair(name, "dilation", dilation),
        "groups": as_pair(name, "groups", groups)[0],
    }
    return ops.Conv2d.apply(x, weight, *given(bias), **options)


def conv_transpose2d(
    x: Input,
    weight: Input,
    bias: Input | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
) -> Tensor:
    """Each pixel of x puts its multiple of the kernel into a larger image.

    Args:
        x: (B, C, H, W).
        weight: (C, O, K, L).
        bias: (O,).
        stride: pixels of the result from one kernel to the next.
        padding: rows and columns cut off on each side of the result.
        output_padding: rows and columns more at the end of the result.

    Returns:
        (B, O, H', W'), H' = (H - 1) stride - 2 padding + K + output_padding.
    """
    name = "conv_transpose2d"
    options = {
        "stride": as_pair(name, "stride", stride),
        "padding": as_pair(name, "padding", padding, least=0),
        "output_padding": as_pair(name, "output_padding", output_padding, least=0),
    }
    return ops.ConvTranspose2d.apply(x, weight, *given(bias), **options)


def given(bias: Input | None) -> tuple[Input, ...]:
    """A bias as one more input, if there is one."""
    return () if bias is None else (bias,)
