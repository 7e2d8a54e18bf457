"""Wrong backward passes of a padded 2-D convolution, x (N, C, H, W), weight (O, C, 3, 3)."""

import numpy as np

from .operation import Operation

PAD = 1


def windows(x, size):
    """(N, C, H', W', size, size): every patch of x."""
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))


def padded(x):
    return np.pad(x, ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD)))


def conv2d(x, weight):
    return np.einsum("nchwij,ocij->nohw", windows(padded(x), weight.shape[-1]), weight)


def conv2d_backward(dy, x, weight):
    dw = np.einsum("nohw,nchwij->ocij", dy, windows(padded(x), weight.shape[-1]))
    return back_to_input(dy, weight[:, :, ::-1, ::-1]), dw


def back_to_input(dy, weight):
    """A convolution of the padded dy, its channels the other way."""
    return np.einsum("nohwij,ocij->nchw", windows(padded(dy), weight.shape[-1]), weight)


CONV2D = Operation(
    "conv2d",
    conv2d,
    conv2d_backward,
    lambda rng: (rng.normal(size=(2, 2, 4, 4)), rng.normal(size=(2, 2, 3, 3))),
    primes=lambda rng: (rng.normal(size=(2, 3, 5, 7)), rng.normal(size=(5, 3, 3, 3))),
)


@CONV2D.mistake("The kernel was not flipped on the way back: rotate it by 180°.")
def kernel_not_flipped(dy, x, weight):
    return back_to_input(dy, weight), conv2d_backward(dy, x, weight)[1]


@CONV2D.mistake("The padding was not cut off: the gradient of x has the shape of x, unpadded.")
def padding_kept(dy, x, weight):
    dx, dw = conv2d_backward(dy, x, weight)
    return padded(dx), dw


@CONV2D.mistake("The weight's gradient is flipped: patches meet dy as they met the kernel.")
def weight_flipped(dy, x, weight):
    dx, dw = conv2d_backward(dy, x, weight)
    return dx, dw[:, :, ::-1, ::-1].copy()


@CONV2D.mistake("Input and output channels of the kernel are exchanged.")
def channels_exchanged(dy, x, weight):
    dx = back_to_input(dy, weight[:, :, ::-1, ::-1].swapaxes(0, 1))
    return dx, conv2d_backward(dy, x, weight)[1]


@CONV2D.mistake("Only the first image of the batch is used for the kernel's gradient.")
def first_image(dy, x, weight):
    return conv2d_backward(dy, x, weight)[0], conv2d_backward(dy[:1], x[:1], weight)[1]


@CONV2D.mistake("The padding is cut at the wrong side: the gradient is shifted by a pixel.")
def cut_at_one_side(dy, x, weight):
    dx, dw = conv2d_backward(dy, x, weight)
    return np.roll(dx, (1, 1), axis=(2, 3)), dw
