"""Wrong backward passes of convolutions with a stride, of two groups, and of the transposed one.

x (N, C, H, W); weight (O, C / 2, 3, 3), transposed (C, O, 3, 3); bias (O,); padding 1, stride 2.
"""

import numpy as np

from .convolution import PAD, padded, windows
from .operation import Operation

STRIDE, GROUPS = 2, 2


def split(x):
    """(N, C, ...) -> (N, groups, C / groups, ...)."""
    return x.reshape(len(x), GROUPS, -1, *x.shape[2:])


def parts(weight):
    """(O, ...) -> (groups, O / groups, ...)."""
    return weight.reshape(GROUPS, -1, *weight.shape[1:])


def patches(x):
    """(N, groups, C / groups, H', W', 3, 3)."""
    return split(windows(padded(x), 3)[:, :, ::STRIDE, ::STRIDE])


def conv(x, weight, bias):
    y = np.einsum("ngchwij,gocij->ngohw", patches(x), parts(weight))
    return y.reshape(len(x), len(weight), *y.shape[3:]) + bias[:, None, None]


def conv_backward(dy, x, weight, bias):
    dpatches = np.einsum("ngohw,gocij->ngchwij", split(dy), parts(weight))
    return put_back(dpatches, x), weight_gradient(dy, x, weight), dy.sum(axis=(0, 2, 3))


def weight_gradient(dy, x, weight):
    return np.einsum("ngohw,ngchwij->gocij", split(dy), patches(x)).reshape(weight.shape)


def put_back(dpatches, x, stride=STRIDE, add=True):
    """Each entry of each patch added to the pixel that it came from."""
    dpatches = dpatches.reshape(*x.shape[:2], *dpatches.shape[-4:])
    height, width = dpatches.shape[2:4]
    dx = np.zeros_like(padded(x))
    for i in range(3):
        for j in range(3):
            rows, columns = (slice(k, k + stride * n, stride) for k, n in ((i, height), (j, width)))
            kept = dx[:, :, rows, columns] if add else 0
            dx[:, :, rows, columns] = kept + dpatches[..., i, j]
    return dx[:, :, PAD:-PAD, PAD:-PAD]


GROUPED = Operation(
    "grouped_conv2d",
    conv,
    conv_backward,
    lambda rng: (
        rng.normal(size=(3, 4, 5, 7)),
        rng.normal(size=(4, 2, 3, 3)),
        rng.normal(size=4),
    ),
)


def only_input(gradient):
    """A backward pass whose gradient of x is wrong, the others right."""

    def backward(dy, x, weight, bias):
        return gradient(dy, x, weight), *conv_backward(dy, x, weight, bias)[1:]

    backward.__name__ = gradient.__name__
    return backward


@GROUPED.mistake("The stride was forgotten: neighbours in dy are two pixels apart in x.")
@only_input
def stride_forgotten(dy, x, weight):
    dpatches = np.einsum("ngohw,gocij->ngchwij", split(dy), parts(weight))
    return put_back(dpatches, x, stride=1)


@GROUPED.mistake("Windows overlap: a pixel adds up what comes from all of them (+=, not =).")
@only_input
def overlaps_assigned(dy, x, weight):
    dpatches = np.einsum("ngohw,gocij->ngchwij", split(dy), parts(weight))
    return put_back(dpatches, x, add=False)


@GROUPED.mistake("The groups are mixed: a channel hears from the outputs of its own group only.")
@only_input
def groups_mixed(dy, x, weight):
    dpatches = np.einsum("ngohw,gocij->ngchwij", split(dy)[:, ::-1], parts(weight)[::-1])
    return put_back(dpatches, x)


@GROUPED.mistake("Every group's kernels met the first group's channels; each has its own.")
def first_group(dy, x, weight, bias):
    dx, _, db = conv_backward(dy, x, weight, bias)
    first = np.repeat(patches(x)[:, :1], GROUPS, axis=1)
    dw = np.einsum("ngohw,ngchwij->gocij", split(dy), first).reshape(weight.shape)
    return dx, dw, db


@GROUPED.mistake("The kernel's gradient is a sum over the batch: only the loss has the mean.")
def weight_averaged(dy, x, weight, bias):
    dx, dw, db = conv_backward(dy, x, weight, bias)
    return dx, dw / len(x), db


@GROUPED.mistake("The bias was added at every place: sum dy over them and the batch, no mean.")
def bias_averaged(dy, x, weight, bias):
    return *conv_backward(dy, x, weight, bias)[:2], dy.mean(axis=(0, 2, 3))


@GROUPED.mistake("The bias was added at every place: sum over height and width too.")
def bias_not_summed(dy, x, weight, bias):
    return *conv_backward(dy, x, weight, bias)[:2], dy.sum(axis=0)


def transposed(x, weight):
    dpatches = np.einsum("nchw,coij->nohwij", x, weight)
    return put_back(dpatches, blank(x, weight))


def blank(x, weight):
    """An empty result: H' = 2 (H - 1) - 2 + 3."""
    height, width = (STRIDE * (n - 1) - 2 * PAD + 3 for n in x.shape[2:])
    return np.zeros((len(x), weight.shape[1], height, width))


def dy_patches(dy):
    return windows(padded(dy), 3)[:, :, ::STRIDE, ::STRIDE]


def transposed_backward(dy, x, weight):
    dx = np.einsum("nohwij,coij->nchw", dy_patches(dy), weight)
    return dx, np.einsum("nchw,nohwij->coij", x, dy_patches(dy))


TRANSPOSED = Operation(
    "conv_transpose2d",
    transposed,
    transposed_backward,
    lambda rng: (rng.normal(size=(2, 2, 4, 5)), rng.normal(size=(2, 2, 3, 3))),
    primes=lambda rng: (rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(3, 2, 3, 3))),
)


@TRANSPOSED.mistake("dy is convolved with the kernel as it is: it must not be flipped here.")
def kernel_flipped(dy, x, weight):
    dx = transposed_backward(dy, x, weight[:, :, ::-1, ::-1])[0]
    return dx, transposed_backward(dy, x, weight)[1]


@TRANSPOSED.mistake("The kernel's gradient is flipped: x meets dy as it met the kernel.")
def weight_flipped(dy, x, weight):
    dx, dw = transposed_backward(dy, x, weight)
    return dx, dw[:, :, ::-1, ::-1].copy()


@TRANSPOSED.mistake("The kernel is (in, out, K, L) here, the other way round than in conv2d.")
def channels_exchanged(dy, x, weight):
    dx = np.einsum("nohwij,ocij->nchw", dy_patches(dy), weight)
    return dx, transposed_backward(dy, x, weight)[1]


@TRANSPOSED.mistake("The stride was forgotten: the pixels of x lie two apart in dy.")
def stride_forgotten_in_dy(dy, x, weight):
    near = windows(padded(dy), 3)[:, :, : x.shape[2], : x.shape[3]]
    return np.einsum("nohwij,coij->nchw", near, weight), transposed_backward(dy, x, weight)[1]


@TRANSPOSED.mistake("Only the first image of the batch is used for the kernel's gradient.")
def first_image(dy, x, weight):
    return transposed_backward(dy, x, weight)[0], transposed_backward(dy[:1], x[:1], weight)[1]
