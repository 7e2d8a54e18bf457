"""Images, kernels and windows of many sizes."""

from .maker import BATCH_SIZES, Maker, of


def pair(make: Maker, *values: int) -> tuple[int, int]:
    return make.choose(*values), make.choose(*values)


def image_size(make: Maker, kernel: tuple, padding: tuple, dilation: tuple = (1, 1)) -> list:
    """Height and width into which the kernel just fits, or up to three pixels more."""
    sizes = zip(kernel, padding, dilation, strict=True)
    return [max(1, d * (k - 1) + 1 - 2 * p + make.choose(0, 1, 2, 3)) for k, p, d in sizes]


@of("conv2d")
def convolution(make: Maker) -> tuple:
    groups, inside, outside = make.choose(1, 1, 2, 3), make.choose(1, 2, 3), make.choose(1, 2, 3)
    kernel, padding, dilation = pair(make, 1, 2, 3), pair(make, 0, 1, 2), pair(make, 1, 1, 2)
    size = image_size(make, kernel, padding, dilation)
    x = make.normal((make.draw(BATCH_SIZES), groups * inside, *size))
    weight = make.normal((groups * outside, inside, *kernel))
    bias = make.choose((), (None,), (make.normal((groups * outside,)),))
    options = {"stride": pair(make, 1, 1, 2, 3), "padding": padding, "dilation": dilation}
    return (x, weight, *bias), {**options, "groups": groups}


@of("conv_transpose2d")
def transposed(make: Maker) -> tuple:
    inside, outside, *size = make.shape(4, 4)
    kernel, stride = pair(make, 2, 3, 4), pair(make, 1, 2, 3)
    x, weight = make.normal((make.draw(BATCH_SIZES), inside, *size)), (inside, outside, *kernel)
    bias = make.choose((), (None,), (make.normal((outside,)),))
    padding = tuple(make.choose(*range((k + 1) // 2)) for k in kernel)
    extra = tuple(make.choose(*range(s)) for s in stride)
    options = {"stride": stride, "padding": padding, "output_padding": extra}
    return (x, make.normal(weight), *bias), options


@of("max_pool2d", "avg_pool2d")
def pooled(make: Maker) -> tuple:
    kernel, channels = pair(make, 1, 2, 3), make.choose(1, 2, 3)
    padding = tuple(make.choose(*range(k // 2 + 1)) for k in kernel)
    shape = (make.draw(BATCH_SIZES), channels, *image_size(make, kernel, padding))
    options = {"kernel_size": kernel, "stride": pair(make, 1, 2, 3), "padding": padding}
    return (make.distinct(shape),), options


@of("upsample")
def enlarged(make: Maker) -> tuple:
    x = make.normal((make.draw(BATCH_SIZES), *make.shape(3, 3)))
    return (x,), {"scale_factor": pair(make, 1, 2, 3)}
