"""Windows that slide over images: what convolution and pooling have in common.

`gather` lays out every window of an image (known as im2col) and `scatter` adds windows up
into an image again (col2im). Each is the other's transpose, so each is the other's backward pass.
"""

from collections.abc import Iterator
from typing import Any

from minitransformer.devices import array_module
from minitransformer.ops.checks import check_dtypes, check_floating

Pair = tuple[int, int]  # of the height and of the width


def gather(x: Any, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Any:
    """x (B, C, H, W) -> (B, C, K, L, H', W'): entry (u, v) of every window, side by side."""
    sizes = zip(x.shape[2:], kernel, stride, dilation, strict=True)
    y = array_module(x).empty((*x.shape[:2], *kernel, *[places(*size) for size in sizes]), x.dtype)
    for u, v, entries in taps(x, y.shape, stride, dilation):
        y[:, :, u, v] = entries
    return y


def scatter(windows: Any, size: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Any:
    """(B, C, K, L, H', W') -> x (B, C, *size): where windows overlap, their entries add up."""
    x = array_module(windows).zeros((*windows.shape[:2], *size), windows.dtype)
    for u, v, entries in taps(x, windows.shape, stride, dilation):
        entries += windows[:, :, u, v]
    return x


def taps(
    x: Any, shape: tuple[int, ...], stride: Pair, dilation: Pair
) -> Iterator[tuple[int, int, Any]]:
    """(u, v, a view of what entry (u, v) of every window lies on), for windows of this shape."""
    *_, rows, columns, height, width = shape
    for u in range(rows):
        for v in range(columns):
            top, left = u * dilation[0], v * dilation[1]
            bottom, right = top + stride[0] * (height - 1), left + stride[1] * (width - 1)
            yield u, v, x[:, :, top : bottom + 1 : stride[0], left : right + 1 : stride[1]]


def places(size: int, kernel: int, stride: int, dilation: int = 1) -> int:
    """How many places a window has along an axis."""
    return (size - dilation * (kernel - 1) - 1) // stride + 1


def pad(x: Any, padding: Pair, value: float = 0.0) -> Any:
    """`value` around each image."""
    if padding == (0, 0):
        return x
    (top, left), (*batch, height, width) = padding, x.shape
    y = array_module(x).full((*batch, height + 2 * top, width + 2 * left), value, x.dtype)
    cut(y, padding)[...] = x
    return y


def cut(x: Any, padding: Pair) -> Any:
    """The images inside their padding, a view."""
    (top, left), (height, width) = padding, x.shape[2:]
    return x[:, :, top : height - top, left : width - left]


def check_images(name: str, x: Any, **others: Any) -> None:
    """Refuse what is not images (B, C, H, W) of floating-point numbers."""
    check_floating(name, x)
    check_dtypes(name, input=x, **others)
    if x.ndim != 4:
        raise ValueError(f"{name}: expected images (B, C, H, W), got shape {x.shape}")


def check_kernel(name: str, x: Any, kernel: Pair, padding: Pair, dilation: Pair = (1, 1)) -> None:
    """Refuse a kernel that fits nowhere into the padded images."""
    padded = tuple(n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    if reach[0] > padded[0] or reach[1] > padded[1]:
        spread = "" if dilation == (1, 1) else f", dilated to {reach},"
        raise ValueError(
            f"{name}: kernel {kernel}{spread} is larger than the padded image {padded} "
            f"(input shape {x.shape}, padding {padding})"
        )


def as_pair(name: str, label: str, value: Any, least: int = 1) -> Pair:
    """An integer for height and width alike, or one for each."""
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    fits = all(hasattr(n, "__index__") and not isinstance(n, bool) and n >= least for n in pair)
    if len(pair) != 2 or not fits:
        raise ValueError(
            f"{name}: {label} should be an integer from {least} up, or two (height, width), "
            f"got {value!r}"
        )
    return int(pair[0]), int(pair[1])
