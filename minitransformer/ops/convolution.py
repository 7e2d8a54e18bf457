"""Convolution of images, and its transpose.

Every window of the image is laid out as a column (im2col), so that all the sums of products
become one product of matrices. LeCun et al. 1989, "Backpropagation applied to handwritten zip
code recognition"; Dumoulin and Visin 2016, https://arxiv.org/abs/1603.07285 draws the arithmetic.
"""

from typing import Any

from minitransformer.function import Function
from minitransformer.graph import Node
from minitransformer.ops.windows import Pair, check_images, check_kernel, cut, gather, pad, scatter


class Conv2d(Function, name="conv2d"):
    """y[b, o, i, j] = bias[o] + Σ_cuv weight[o, c, u, v] x̄[b, c, s i + d u, s j + d v].

    x (B, C, H, W), weight (O, C / groups, K, L), bias (O,) -> y (B, O, H', W')
    x̄ is x with `padding` zeros on each side, s the stride, d the dilation;
    H' = (H + 2 padding - d (K - 1) - 1) // s + 1. Of `groups` groups of channels, each output
    sees its own only. The kernel is not flipped: mathematics calls this a cross-correlation.
    """

    @staticmethod
    def check(
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        dilation: Pair = (1, 1),
        groups: int = 1,
    ) -> None:
        check_images("conv2d", x, weight=weight, bias=bias)
        check_weight("conv2d", weight, "(out, in / groups, K, L)")
        if weight.shape[0] % groups:
            raise ValueError(f"conv2d: {groups} groups do not divide {weight.shape[0]} outputs")
        if x.shape[1] != weight.shape[1] * groups:
            raise ValueError(
                f"conv2d: input has {x.shape[1]} channels (shape {x.shape}) but weight "
                f"{weight.shape} expects {weight.shape[1] * groups}"
                + (f" in {groups} groups" if groups > 1 else "")
            )
        check_bias("conv2d", bias, weight.shape[0])
        check_kernel("conv2d", x, weight.shape[2:], padding, dilation)

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
        # The windows take K·L times the memory of x: they are not kept, but gathered again.
        ctx.save(x, weight, stride, padding, dilation, groups)
        windows = gather(pad(x, padding), weight.shape[2:], stride, dilation)
        y = as_matrix(weight, groups) @ as_columns(windows, groups)
        y = y.reshape(len(x), len(weight), *windows.shape[4:])
        return y if bias is None else y + bias[:, None, None]

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        # As in a linear layer: dwindows = weightᵀ dy, dweight = dy windowsᵀ. What a pixel gave
        # to several windows comes back from all of them, and what padding got is cut off.
        x, weight, stride, padding, dilation, groups = ctx.saved
        padded = pad(x, padding)
        columns = dy.reshape(len(x), groups, len(weight) // groups, dy.shape[2] * dy.shape[3])
        dx = dweight = None
        if ctx.needs[0]:
            dwindows = as_matrix(weight, groups).swapaxes(-1, -2) @ columns
            dwindows = dwindows.reshape(*x.shape[:2], *weight.shape[2:], *dy.shape[2:])
            dx = cut(scatter(dwindows, padded.shape[2:], stride, dilation), padding)
        if ctx.needs[1]:
            windows = as_columns(gather(padded, weight.shape[2:], stride, dilation), groups)
            dweight = (columns @ windows.swapaxes(-1, -2)).sum(axis=0).reshape(weight.shape)
        dbias = dy.sum(axis=(0, 2, 3)) if ctx.needs[2:] == (True,) else None
        return (dx, dweight, dbias)[: len(ctx.needs)]


class ConvTranspose2d(Function, name="conv_transpose2d"):
    """The input gradient of a convolution as a forward pass: it makes images larger.

    x (B, C, H, W), weight (C, O, K, L), bias (O,) -> y (B, O, H', W')
    Each pixel of x puts its multiple of the kernel into y, `stride` apart; overlaps add up, and
    `padding` is cut off on each side. H' = (H - 1) stride - 2 padding + K + output_padding:
    `output_padding` more at the end tells apart the sizes that a strided convolution rounds down.
    Zeiler et al. 2010, "Deconvolutional networks"
    """

    @staticmethod
    def check(
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        output_padding: Pair = (0, 0),
    ) -> None:
        name = "conv_transpose2d"
        check_images(name, x, weight=weight, bias=bias)
        check_weight(name, weight, "(in, out, K, L)")
        if x.shape[1] != weight.shape[0]:
            raise ValueError(
                f"{name}: input has {x.shape[1]} channels (shape {x.shape}) but weight "
                f"{weight.shape} expects {weight.shape[0]}"
            )
        check_bias(name, bias, weight.shape[1])
        if output_padding[0] >= stride[0] or output_padding[1] >= stride[1]:
            raise ValueError(
                f"{name}: output_padding {output_padding} should be smaller than stride {stride}"
            )
        size = padded_size(x, weight, stride, output_padding)
        if min(n - 2 * p for n, p in zip(size, padding, strict=True)) < 1:
            raise ValueError(f"{name}: padding {padding} leaves nothing of an output of {size}")

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
        ctx.save(x, weight, stride, padding)
        windows = flat_kernels(weight).T @ x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])
        windows = windows.reshape(len(x), *weight.shape[1:], *x.shape[2:])
        y = cut(scatter(windows, padded_size(x, weight, stride, output_padding), stride), padding)
        return y if bias is None else y + bias[:, None, None]

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        # In the forward pass windows were scattered, so now they are gathered: a convolution.
        x, weight, stride, padding = ctx.saved
        windows = as_columns(gather(pad(dy, padding), weight.shape[2:], stride))[:, 0]
        dx = dweight = None
        if ctx.needs[0]:
            dx = (flat_kernels(weight) @ windows).reshape(x.shape)
        if ctx.needs[1]:
            columns = x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])
            dweight = (columns @ windows.swapaxes(-1, -2)).sum(axis=0).reshape(weight.shape)
        dbias = dy.sum(axis=(0, 2, 3)) if ctx.needs[2:] == (True,) else None
        return (dx, dweight, dbias)[: len(ctx.needs)]


def as_columns(windows: Any, groups: int = 1) -> Any:
    """(B, C, K, L, H', W') -> (B, groups, C / groups · K · L, H' · W'): a column a window."""
    batch, channels, rows, columns, height, width = windows.shape
    return windows.reshape(batch, groups, channels // groups * rows * columns, height * width)


def as_matrix(weight: Any, groups: int) -> Any:
    """(O, C / groups, K, L) -> (groups, O / groups, C / groups · K · L): a row a kernel."""
    return weight.reshape(groups, len(weight) // groups, weight[0].size)


def flat_kernels(weight: Any) -> Any:
    """(C, O, K, L) -> (C, O · K · L)."""
    return weight.reshape(len(weight), weight[0].size)


def padded_size(x: Any, weight: Any, stride: Pair, output_padding: Pair) -> Pair:
    """Height and width of a transposed convolution's result before its padding is cut off."""
    sizes = zip(x.shape[2:], weight.shape[2:], stride, output_padding, strict=True)
    height, width = [(n - 1) * s + k + extra for n, k, s, extra in sizes]
    return height, width


def check_weight(name: str, weight: Any, axes: str) -> None:
    """Refuse a weight without four axes, or with nothing in it."""
    if weight.ndim != 4 or weight.size == 0:
        raise ValueError(f"{name}: weight should be {axes}, got shape {weight.shape}")


def check_bias(name: str, bias: Any, channels: int) -> None:
    """Refuse a bias that is not one number for each output channel."""
    if bias is not None and bias.shape != (channels,):
        raise ValueError(f"{name}: bias should be ({channels},), got shape {bias.shape}")
