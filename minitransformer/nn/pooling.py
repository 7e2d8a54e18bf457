"""Layers without parameters that make images (B, C, H, W) smaller or larger."""

from minitransformer import functional as F
from minitransformer.functional.convolution import Size
from minitransformer.nn.module import Module
from minitransformer.ops.windows import as_pair
from minitransformer.tensor import Tensor


class Pool2d(Module):
    """What both kinds of pooling keep: the window, its stride (side by side), its padding."""

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = as_pair(name, "kernel_size", kernel_size)
        self.stride = as_pair(name, "stride", kernel_size if stride is None else stride)
        self.padding = as_pair(name, "padding", padding, least=0)

    def extra_repr(self) -> str:
        stride = f", stride={self.stride}" if self.stride != self.kernel_size else ""
        padding = f", padding={self.padding}" if self.padding != (0, 0) else ""
        return f"{self.kernel_size}{stride}{padding}"


class MaxPool2d(Pool2d):
    """The largest entry of each window; see `functional.max_pool2d`."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(Pool2d):
    """The mean of each window; see `functional.avg_pool2d`."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding)


class Upsample(Module):
    """Each pixel repeated: (B, C, H, W) -> (B, C, H · scale_factor, W · scale_factor)."""

    def __init__(self, scale_factor: Size) -> None:
        super().__init__()
        self.scale_factor = as_pair("Upsample", "scale_factor", scale_factor)

    def forward(self, x: Tensor) -> Tensor:
        return F.upsample(x, self.scale_factor)

    def extra_repr(self) -> str:
        return str(self.scale_factor)
