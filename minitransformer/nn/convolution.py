"""Layers for images (B, C, H, W). Sizes are one integer, or two: (height, width)."""

from typing import Any

from minitransformer import functional as F
from minitransformer.functional.convolution import Size
from minitransformer.nn import init
from minitransformer.nn.layers import check_sizes, new
from minitransformer.nn.module import Module
from minitransformer.ops.windows import as_pair
from minitransformer.tensor import Tensor


class Conv2d(Module):
    """Every window times each kernel: (B, in_channels, H, W) -> (B, out_channels, H', W').

    weight (out_channels, in_channels / groups, K, L) and bias start uniform within ±1/√n, where
    n = in_channels / groups · K · L. See `functional.conv2d` for the arguments.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        name = "Conv2d"
        check_sizes(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: {groups} groups should divide both {in_channels} in_channels "
                f"and {out_channels} out_channels"
            )
        kernel = as_pair(name, "kernel_size", kernel_size)
        self.stride = as_pair(name, "stride", stride)
        self.padding = as_pair(name, "padding", padding, least=0)
        self.dilation = as_pair(name, "dilation", dilation)
        self.groups = groups
        fan_in = in_channels // groups * kernel[0] * kernel[1]
        weight = new(out_channels, in_channels // groups, *kernel)
        self.weight = init.fan_in_uniform_(weight, fan_in)
        self.bias = init.fan_in_uniform_(new(out_channels), fan_in) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        options = self.stride, self.padding, self.dilation, self.groups
        return F.conv2d(x, self.weight, self.bias, *options)

    def extra_repr(self) -> str:
        out_channels, channels, *kernel = self.weight.shape
        return described(
            f"{channels * self.groups}, {out_channels}",
            kernel_size=tuple(kernel),
            stride=(self.stride, (1, 1)),
            padding=(self.padding, (0, 0)),
            dilation=(self.dilation, (1, 1)),
            groups=(self.groups, 1),
            bias=(self.bias is not None, True),
        )


class ConvTranspose2d(Module):
    """A convolution's transpose: (B, in_channels, H, W) -> (B, out_channels, H', W'), larger.

    weight (in_channels, out_channels, K, L) and bias start uniform within ±1/√n, where
    n = out_channels · K · L, as in PyTorch. See `functional.conv_transpose2d` for the arguments.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        name = "ConvTranspose2d"
        check_sizes(name, in_channels=in_channels, out_channels=out_channels)
        kernel = as_pair(name, "kernel_size", kernel_size)
        self.stride = as_pair(name, "stride", stride)
        self.padding = as_pair(name, "padding", padding, least=0)
        self.output_padding = as_pair(name, "output_padding", output_padding, least=0)
        fan_in = out_channels * kernel[0] * kernel[1]
        self.weight = init.fan_in_uniform_(new(in_channels, out_channels, *kernel), fan_in)
        self.bias = init.fan_in_uniform_(new(out_channels), fan_in) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        options = self.stride, self.padding, self.output_padding
        return F.conv_transpose2d(x, self.weight, self.bias, *options)

    def extra_repr(self) -> str:
        in_channels, out_channels, *kernel = self.weight.shape
        return described(
            f"{in_channels}, {out_channels}",
            kernel_size=tuple(kernel),
            stride=(self.stride, (1, 1)),
            padding=(self.padding, (0, 0)),
            output_padding=(self.output_padding, (0, 0)),
            bias=(self.bias is not None, True),
        )


def described(first: str, kernel_size: tuple[int, ...], **options: tuple[Any, Any]) -> str:
    """The arguments of a layer; of its options (value, default) those that were set."""
    chosen = [f"{key}={value}" for key, (value, default) in options.items() if value != default]
    return ", ".join([first, f"kernel_size={kernel_size}", *chosen])
