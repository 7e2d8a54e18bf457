"""Lesson 09: convolution forward and backward, max pooling backward, and what a stack sees."""

import numpy as np


def conv2d(x, weight, bias, stride, padding):
    """A kernel slid over pictures: each output is the sum of a patch times the kernel.

        y[n, o, i, j] = bias[o] + Σ_c Σ_u Σ_v weight[o, c, u, v] · x[n, c, i·s + u, j·s + v]

    where s is the stride, and each picture in x has got `padding` rows and columns of zeros on all
    four sides before.

    x: (N, C, H, W); weight: (O, C, K, K); bias: (O,); stride and padding: integers.
    Returns (N, O, H', W') with H' = ⌊(H + 2·padding − K) / stride⌋ + 1, and W' alike. Loops are
    fast enough here.

    With x = [[[[1, 2], [3, 4]]]], weight = [[[[1, 10], [100, 1000]]]], bias [0.5], stride 1 and
    padding 0: [[[[4321.5]]]]
    """
    pad = (padding, padding)
    x = np.pad(x, ((0, 0), (0, 0), pad, pad))
    out, _, k, _ = weight.shape
    height, width = ((size - k) // stride + 1 for size in x.shape[2:])
    y = np.empty((len(x), out, height, width))
    for i, j in np.ndindex(height, width):
        patch = x[:, :, i * stride : i * stride + k, j * stride : j * stride + k]
        y[:, :, i, j] = np.tensordot(patch, weight, axes=((1, 2, 3), (1, 2, 3)))
    return y + bias[:, None, None]


def conv2d_backward(dy, x, weight, bias, stride, padding):
    """The gradients of `conv2d` in x, weight and bias.

    dy: the upstream gradient (N, O, H', W'); the others as in `conv2d`.
    Returns (dx, dweight, dbias), of the shapes of x, weight and bias.

    Output (i, j) saw the patch that begins at row i·stride and column j·stride of the padded
    picture: weight gets dy · patch from it, and the patch gets dy · weight. Patches overlap.

    With x = [[[[1, 2, 3]]]], weight = [[[[10]]]], bias = [0], stride 2, padding 0 and
    dy = [[[[1, 1]]]]: dx = [[[[10, 0, 10]]]], dweight = [[[[4]]]] and dbias = [2]
    """
    pad = (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), pad, pad))
    dx, dweight = np.zeros_like(padded), np.zeros_like(weight)
    k = weight.shape[-1]
    for i, j in np.ndindex(dy.shape[2:]):
        place = np.s_[:, :, i * stride : i * stride + k, j * stride : j * stride + k]
        dweight += np.tensordot(dy[:, :, i, j], padded[place], axes=(0, 0))
        dx[place] += np.tensordot(dy[:, :, i, j], weight, axes=1)
    height, width = x.shape[2:]
    inside = dx[:, :, padding : padding + height, padding : padding + width]
    return inside, dweight, dy.sum(axis=(0, 2, 3))


def max_pool2d_backward(dy, x, size):
    """The gradient of max pooling in x: each window's goes to where its largest number stood.

    The windows are size × size and do not overlap: window (i, j) holds the rows i·size to
    (i + 1)·size − 1 and the columns j·size to (j + 1)·size − 1. Of numbers that are equally large
    the first of the window, row by row from the left, has the whole gradient.

    dy: the upstream gradient (N, C, H // size, W // size); x: (N, C, H, W); size: an integer.
    Returns (N, C, H, W). Rows and columns beyond the last whole window have the gradient 0.

    With x = [[[[1, 5, 0], [5, 2, 9]]]], size 2 and dy = [[[[7]]]]: [[[[0, 7, 0], [0, 0, 0]]]]
    """
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(dy.shape):
        window = x[n, c, i * size : (i + 1) * size, j * size : (j + 1) * size]
        u, v = np.unravel_index(window.argmax(), window.shape)
        dx[n, c, i * size + u, j * size + v] = dy[n, c, i, j]
    return dx


def measure_stack(size, layers):
    """How large the last map of a stack of layers is, and how much of the input it looks at.

    The **receptive field** is the side of the square of input pixels that one number of the last
    map can depend on (where no edge cuts it off). Before any layer it is 1, and neighbours are 1
    pixel apart. A layer widens it by kernel − 1 times the distance of its input's neighbours, and
    multiplies that distance by its stride.

    size: of the input, a square, in pixels; layers: a list of (kernel, stride, padding), first
    layer first, all integers. Returns (size of the last map, receptive field), both integers.

    A 3 × 3 convolution with padding 1, then pooling by 2, then 3 × 3 again:
    measure_stack(28, [(3, 1, 1), (2, 2, 0), (3, 1, 1)]) = (14, 8)
    """
    field = distance = 1
    for kernel, stride, padding in layers:
        size = (size + 2 * padding - kernel) // stride + 1
        field += (kernel - 1) * distance
        distance *= stride
    return size, field
