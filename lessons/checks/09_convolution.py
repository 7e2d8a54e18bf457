"""What the exercises of lesson 09 are held against, the mistakes they know, and their hints."""

import numpy as np
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from lessons.course.exercise import Function, Gradient


def padded(x, padding, **how):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), **how)


def patches(x, k, stride, padding):
    """(N, C, H', W', k, k)."""
    every = sliding_window_view(padded(x, padding), (k, k), axis=(2, 3))
    return every[:, :, ::stride, ::stride]


def right_conv2d(x, weight, bias, stride, padding):
    seen = patches(x, weight.shape[-1], stride, padding)
    return np.einsum("nchwij,ocij->nohw", seen, weight) + bias[:, None, None]


def right_backward(dy, x, weight, bias, stride, padding):
    dx = back(dy, x, weight, stride, padding)
    dweight = correlated(dy, patches(x, weight.shape[-1], stride, padding))
    return dx, dweight, dy.sum(axis=(0, 2, 3))


def cut(dx, x, corner):
    height, width = x.shape[2:]
    return dx[:, :, corner : corner + height, corner : corner + width]


def back(dy, x, weight, stride, padding):
    """dx: each output's gradient, given back to its patch."""
    return cut(spread(dy, x, weight, stride, padding), x, padding)


def spread(dy, x, weight, stride, padding):
    """The same with the padding."""
    dx, (h, w) = np.zeros_like(padded(x, padding)), dy.shape[2:]
    for i, j in np.ndindex(weight.shape[2:]):
        share = np.einsum("nohw,oc->nchw", dy, weight[:, :, i, j])
        dx[:, :, i : i + stride * h : stride, j : j + stride * w : stride] += share
    return dx


def correlated(dy, seen):
    """The gradient of the weight: every patch times the output's gradient there."""
    return np.einsum("nohw,nchwij->ocij", dy, seen)


def drawn(seed, n, c, out, k, height, width, stride, padding):
    rng = np.random.default_rng(seed)
    x, weight = rng.normal(size=(n, c, height, width)), rng.normal(size=(out, c, k, k))
    return x, weight, rng.normal(size=out), stride, padding


sides = st.integers(3, 5)
few = st.integers(1, 2)
convolutions = st.builds(
    drawn,
    st.integers(0, 99),
    few,
    few,
    few,
    st.integers(1, 3),
    sides,
    sides,
    few,
    st.integers(0, 2),
)


def bars(places, n=60):
    """Noisy pictures (n, 1, 8, 8) with a bar across or down at one of the places; is it across?"""
    rng = np.random.default_rng(0)
    x, across = rng.normal(size=(n, 1, 8, 8)) / 20, rng.random(n) < 0.5
    for picture, flat in zip(x[:, 0], across, strict=True):
        (picture if flat else picture.T)[rng.choice(places)] += 1
    return x, across.astype(float)


def right_pool_backward(dy, x, size):
    dx = np.zeros_like(x)
    for place in np.ndindex(dy.shape):
        window = window_at(x, place, size)
        first = np.argwhere(window == window.max())[0]
        window_at(dx, place, size)[tuple(first)] = dy[place]
    return dx


def window_at(x, place, size):
    n, c, i, j = place
    return x[n, c, i * size : i * size + size, j * size : j * size + size]


def tell_bars(
    conv2d=right_conv2d, backward=right_backward, pool_backward=right_pool_backward, steps=60
):
    """Two kernels, ReLU and the largest of each map learn bars; judged where none has been."""
    x, across = bars(places=(0, 1, 2, 6, 7))
    rng = np.random.default_rng(3)
    kernels, bias, head = rng.normal(size=(4, 1, 3, 3)) / 3, np.zeros(4), rng.normal(size=4) / 2

    def scores(x):
        maps = conv2d(x, kernels, bias, 1, 1)
        return maps, np.maximum(maps, 0).max(axis=(2, 3)) @ head

    for _ in range(steps):
        maps, s = scores(x)
        ds = (1 / (1 + np.exp(-s)) - across) / len(x)
        opened = np.maximum(maps, 0)
        dmaps = pool_backward((ds[:, None] * head)[:, :, None, None], opened, 8) * (maps > 0)
        _, dkernels, dbias = backward(dmaps, x, kernels, bias, 1, 1)
        head = head - ds @ opened.max(axis=(2, 3))
        kernels, bias = kernels - dkernels, bias - dbias
    new, truth = bars(places=(3, 4, 5))
    right = np.mean((scores(new)[1] > 0) == truth)
    assert right > 0.9, (
        f"Kernels that learn to tell bars across from bars down should do so where no bar has been "
        f"before, but only {right:.0%} are right."
    )
    return f"Learned kernels tell bars across from bars down in new places: {right:.0%} are right."


conv2d = Function(
    name="conv2d",
    right=right_conv2d,
    example=lambda rng: (*drawn(rng.integers(99), 2, 3, 3, 3, 7, 11, 1, 0)[:3], 2, 1),
    cases=convolutions,
    hints=(
        "First the zeros: np.pad takes a pair (before, after) for each axis, (0, 0) for none.",
        "How often does a kernel fit? The first patch begins at 0, the last at H − K or before: "
        "(H − K) // stride + 1 patches, with the padded H.",
        "Output (i, j) sees the rows i·stride to i·stride + K − 1, and the columns alike, of all "
        "channels.",
        "Loop over n, o, i, j: y[n, o, i, j] = (patch * weight[o]).sum() + bias[o].",
    ),
)


@conv2d.mistake(
    "The kernel is flipped, as in mathematics. In deep learning it is laid on the patch as it is: "
    "weight[…, u, v] meets row u and column v of the patch."
)
def kernel_flipped(x, weight, bias, stride, padding):
    return right_conv2d(x, weight[:, :, ::-1, ::-1], bias, stride, padding)


@conv2d.mistake("The stride is ignored: patch (i, j) begins at row i·stride and column j·stride.")
def stride_ignored(x, weight, bias, stride, padding):
    return right_conv2d(x, weight, bias, 1, padding)


@conv2d.mistake(
    "The stride counts in the size of the output, but the patches are side by side: patch (i, j) "
    "begins at (i·stride, j·stride), not at (i, j)."
)
def stride_in_the_size_only(x, weight, bias, stride, padding):
    h, w = right_conv2d(x, weight, bias, stride, padding).shape[2:]
    return right_conv2d(x, weight, bias, 1, padding)[:, :, :h, :w]


@conv2d.mistake("The padding is missing: put rows and columns of zeros around each picture first.")
def padding_ignored(x, weight, bias, stride, padding):
    return right_conv2d(x, weight, bias, stride, 0)


@conv2d.mistake("Padding is put below and to the right only: all four sides have it.")
def padding_after(x, weight, bias, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (0, 2 * padding), (0, 2 * padding)))
    return right_conv2d(x, weight, bias, stride, 0)


@conv2d.mistake("Padding is put above and to the left only: all four sides have it.")
def padding_before(x, weight, bias, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (2 * padding, 0), (2 * padding, 0)))
    return right_conv2d(x, weight, bias, stride, 0)


@conv2d.mistake("The border is repeated into the padding; it should be filled with zeros.")
def padding_of_the_edge(x, weight, bias, stride, padding):
    return right_conv2d(padded(x, padding, mode="edge"), weight, bias, stride, 0)


@conv2d.mistake("The bias is not added: each kernel has one number, added to its whole map.")
def without_bias(x, weight, bias, stride, padding):
    return right_conv2d(x, weight, np.zeros_like(bias), stride, padding)


@conv2d.mistake(
    "The bias is added once for each number of the patch: add it after the sum, not inside it."
)
def bias_in_the_sum(x, weight, bias, stride, padding):
    return right_conv2d(x, weight, bias * weight[0].size, stride, padding)


@conv2d.mistake("The bias is added once for each input channel: add it after the sum over them.")
def bias_for_each_channel(x, weight, bias, stride, padding):
    return right_conv2d(x, weight, bias * x.shape[1], stride, padding)


@conv2d.mistake("The channels are averaged: an output is the sum over all channels of the patch.")
def channels_averaged(x, weight, bias, stride, padding):
    return right_conv2d(x, weight / x.shape[1], bias, stride, padding)


@conv2d.mistake("Only the first channel is looked at: each kernel sees all channels of the input.")
def first_channel(x, weight, bias, stride, padding):
    return right_conv2d(x[:, :1], weight[:, :1], bias, stride, padding)


@conv2d.mistake("The rows and columns of the kernel are exchanged.")
def kernel_transposed(x, weight, bias, stride, padding):
    return right_conv2d(x, weight.swapaxes(2, 3), bias, stride, padding)


@conv2d.mistake(
    "Output and input channels of the weight are exchanged: weight[o] is the kernel of output o, "
    "with one layer for each channel of the input."
)
def weight_channels_exchanged(x, weight, bias, stride, padding):
    return right_conv2d(x, weight.swapaxes(0, 1), bias, stride, padding)


@conv2d.mistake(
    "The last row and column of patches are missing: there are (H + 2·padding − K) // stride + 1. "
    "Was the + 1 forgotten?"
)
def one_patch_short(x, weight, bias, stride, padding):
    return right_conv2d(x, weight, bias, stride, padding)[:, :, :-1, :-1]


@conv2d.mistake("Channels come last here. The output is (N, O, H', W'): move them to axis 1.")
def channels_last(x, weight, bias, stride, padding):
    return right_conv2d(x, weight, bias, stride, padding).transpose(0, 2, 3, 1)


@conv2d.mistake("This is the mean of each patch times the kernel; an output is the sum.")
def mean_for_sum(x, weight, bias, stride, padding):
    return right_conv2d(x, weight / weight[0].size, bias, stride, padding)


@conv2d.swap
def tell_bars_by_kernels(conv2d):
    return tell_bars(conv2d=conv2d)


conv2d_backward = Gradient(
    name="conv2d_backward",
    forward=right_conv2d,
    data=2,
    example=lambda rng: (*drawn(rng.integers(99), 2, 3, 3, 3, 5, 7, 1, 0)[:3], 2, 1),
    cases=convolutions,
    hints=(
        "An output is a sum of products, patch · weight. What does each factor get from dy?",
        "Walk over the outputs (i, j) as forward did: dweight += dy[n, o, i, j] · patch.",
        "The patch of dx gets dy[n, o, i, j] · weight[o]. Patches overlap: add, with +=.",
        "Gather dx in an array as large as the padded x, and cut the padding off at the end.",
        "The bias is in every output of its map: dbias = dy.sum(axis=(0, 2, 3)).",
    ),
)


def with_dx(make):
    """The right answer, with another dx, `make(dy, x, weight, stride, padding)`."""

    def backward(dy, x, weight, bias, stride, padding):
        _, dweight, dbias = right_backward(dy, x, weight, bias, stride, padding)
        return make(dy, x, weight, stride, padding), dweight, dbias

    return backward


@conv2d_backward.mistake(
    "dx has its kernel upside down. Number (u, v) of the kernel met number (u, v) of the patch, so "
    "that one gets dy · weight[…, u, v]. (Written as a convolution of dy, that flips the kernel.)"
)
def kernel_not_flipped(*given):
    return with_dx(lambda dy, x, weight, *how: back(dy, x, weight[:, :, ::-1, ::-1], *how))(*given)


@conv2d_backward.mistake(
    "The padding is still around dx: cut it off. x, as it came, has no padding, so its gradient "
    "has none."
)
def padding_kept(*given):
    return with_dx(spread)(*given)


@conv2d_backward.mistake(
    "The padding is cut off behind only, so dx is shifted: begin at row and column `padding`."
)
def cut_at_one_side(*given):
    return with_dx(lambda dy, x, *how: cut(spread(dy, x, *how), x, 0))(*given)


@conv2d_backward.mistake(
    "Patches overlap, but each overwrites what the one before left: add to dx, with +=."
)
def overwritten(*given):
    def assigned(dy, x, weight, stride, padding):
        dx, k = np.zeros_like(padded(x, padding)), weight.shape[-1]
        for i, j in np.ndindex(dy.shape[2:]):
            share = np.einsum("no,ocuv->ncuv", dy[:, :, i, j], weight)
            dx[:, :, i * stride : i * stride + k, j * stride : j * stride + k] = share
        return cut(dx, x, padding)

    return with_dx(assigned)(*given)


@conv2d_backward.mistake(
    "dx ignores the stride: output (i, j) saw the patch that begins at (i·stride, j·stride)."
)
def stride_ignored_in_dx(*given):
    return with_dx(lambda dy, x, weight, stride, padding: back(dy, x, weight, 1, padding))(*given)


@conv2d_backward.mistake("In dx, rows and columns of the kernel are exchanged.")
def kernel_transposed_in_dx(*given):
    return with_dx(lambda dy, x, weight, *how: back(dy, x, weight.swapaxes(2, 3), *how))(*given)


@conv2d_backward.mistake(
    "In dx, output and input channels of the weight are exchanged: channel c sums over all outputs "
    "o, with weight[o, c]."
)
def channels_exchanged(*given):
    return with_dx(lambda dy, x, weight, *how: back(dy, x, weight.swapaxes(0, 1), *how))(*given)


@conv2d_backward.mistake(
    "dx has the gradient of the last kernel only: a pixel is seen by all kernels, and sums over "
    "them."
)
def last_kernel(*given):
    return with_dx(lambda dy, x, weight, *how: back(dy[:, -1:], x, weight[-1:], *how))(*given)


def with_dweight(make):
    """The right answer, with another dweight, `make(dy, patches)`."""

    def backward(dy, x, weight, bias, stride, padding):
        dx, _, dbias = right_backward(dy, x, weight, bias, stride, padding)
        return dx, make(dy, patches(x, weight.shape[-1], stride, padding)), dbias

    return backward


@conv2d_backward.mistake(
    "dweight is flipped: number (u, v) of the kernel sums dy times row u, column v of the patches."
)
def dweight_flipped(*given):
    return with_dweight(lambda dy, seen: correlated(dy, seen)[:, :, ::-1, ::-1].copy())(*given)


@conv2d_backward.mistake(
    "dweight comes from the first picture only: the kernel was used on all of them, so sum."
)
def first_picture(*given):
    return with_dweight(lambda dy, seen: correlated(dy[:1], seen[:1]))(*given)


@conv2d_backward.mistake(
    "dweight comes from the last place only: the kernel was used at all of them, so add, with +=."
)
def last_place(*given):
    return with_dweight(lambda dy, seen: correlated(dy[:, :, -1:, -1:], seen[:, :, -1:, -1:]))(
        *given
    )


@conv2d_backward.mistake(
    "dweight is averaged over the places: the same kernel acts at each of them, so they sum."
)
def averaged_over_places(*given):
    return with_dweight(lambda dy, seen: correlated(dy, seen) / dy[0, 0].size)(*given)


@conv2d_backward.mistake(
    "dweight is averaged over the pictures. A mean, if there is one, is in the loss, and in dy."
)
def averaged_over_pictures(*given):
    return with_dweight(lambda dy, seen: correlated(dy, seen) / len(dy))(*given)


@conv2d_backward.mistake(
    "dweight is made from patches without the padding: forward laid the kernel on zeros as well."
)
def patches_unpadded(dy, x, weight, bias, stride, padding):
    dx, _, dbias = right_backward(dy, x, weight, bias, stride, padding)
    h, w = dy.shape[2:]
    beyond = np.pad(x, ((0, 0), (0, 0), (0, 2 * padding), (0, 2 * padding)))
    seen = patches(beyond, weight.shape[-1], stride, 0)[:, :, :h, :w]
    return dx, correlated(dy, seen), dbias


@conv2d_backward.mistake(
    "dweight ignores the stride: dy[…, i, j] belongs to the patch that begins at "
    "(i·stride, j·stride)."
)
def stride_ignored_in_dweight(dy, x, weight, bias, stride, padding):
    dx, _, dbias = right_backward(dy, x, weight, bias, stride, padding)
    h, w = dy.shape[2:]
    seen = patches(x, weight.shape[-1], 1, padding)[:, :, :h, :w]
    return dx, correlated(dy, seen), dbias


@conv2d_backward.mistake("dbias is averaged: the bias is added to every output, so it sums dy.")
def bias_averaged(dy, x, weight, bias, stride, padding):
    dx, dweight, _ = right_backward(dy, x, weight, bias, stride, padding)
    return dx, dweight, dy.mean(axis=(0, 2, 3))


@conv2d_backward.mistake(
    "dbias is summed over the pictures only: the bias is added at every place of its map as well, "
    "so sum over the axes 0, 2 and 3."
)
def bias_of_each_place(dy, x, weight, bias, stride, padding):
    dx, dweight, _ = right_backward(dy, x, weight, bias, stride, padding)
    return dx, dweight, dy.sum(axis=0)


@conv2d_backward.swap
def tell_bars_by_gradients(conv2d_backward):
    return tell_bars(backward=conv2d_backward)


def pooled(x, size, choose):
    """dx of max pooling where `choose(window)` gives each number's part of dy."""

    def backward(dy):
        dx = np.zeros_like(x)
        for place in np.ndindex(dy.shape):
            window_at(dx, place, size)[...] = dy[place] * choose(window_at(x, place, size))
        return dx

    return backward


def with_ties(seed, n, c, height, width, size):
    rng = np.random.default_rng(seed)
    x = rng.integers(-1, 3, size=(n, c, height, width)).astype(float)
    return rng.normal(size=(n, c, height // size, width // size)), x, size


max_pool2d_backward = Function(
    name="max_pool2d_backward",
    right=right_pool_backward,
    example=lambda rng: with_ties(rng.integers(99), 2, 3, 5, 7, 2),
    cases=st.builds(with_ties, st.integers(0, 99), few, few, sides, sides, st.integers(1, 3)),
    hints=(
        "How much does the maximum of a window change, if its largest number changes by 1? And if "
        "another does?",
        "Begin with zeros, walk over the entries of dy, and put each to one place.",
        "window.argmax() is the first of the largest, counted row by row; np.unravel_index makes "
        "(row, column) of it.",
        "The window's corner is (i·size, j·size): add that to the place within the window.",
    ),
)


@max_pool2d_backward.mistake(
    "All numbers that are equally large get the whole gradient, so it is multiplied. After ReLU "
    "many windows are all zeros: only the first of equal ones has it."
)
def all_ties(dy, x, size):
    return pooled(x, size, lambda window: window == window.max())(dy)


@max_pool2d_backward.mistake(
    "Numbers that are equally large share the gradient. That keeps its sum, but here, as in "
    "PyTorch, the first of them has it all."
)
def shared_among_ties(dy, x, size):
    def choose(window):
        largest = window == window.max()
        return largest / largest.sum()

    return pooled(x, size, choose)(dy)


def one_at(index, window):
    chosen = np.zeros(window.size)
    chosen[index] = 1
    return chosen.reshape(window.shape)


@max_pool2d_backward.mistake("Of equally large numbers the last has the gradient, not the first.")
def last_of_ties(dy, x, size):
    def choose(window):
        return one_at(window.size - 1 - window.ravel()[::-1].argmax(), window)

    return pooled(x, size, choose)(dy)


@max_pool2d_backward.mistake(
    "Equally large numbers are counted down the columns: the first is the first row by row."
)
def first_by_columns(dy, x, size):
    return pooled(x, size, lambda window: one_at(window.T.argmax(), window.T).T)(dy)


@max_pool2d_backward.mistake(
    "Every number of a window gets the whole gradient: the maximum depends on the largest alone."
)
def to_everyone(dy, x, size):
    return pooled(x, size, np.ones_like)(dy)


@max_pool2d_backward.mistake(
    "The gradient is shared by the whole window: that is average pooling's. The maximum depends on "
    "the largest number alone."
)
def as_average(dy, x, size):
    return pooled(x, size, lambda window: np.full(window.shape, 1 / window.size))(dy)


@max_pool2d_backward.mistake("The gradient goes to the smallest number of each window.")
def to_the_smallest(dy, x, size):
    return pooled(x, size, lambda window: one_at(window.argmin(), window))(dy)


@max_pool2d_backward.mistake(
    "The gradient goes to the largest magnitude; −1 is smaller than 0, whatever its magnitude."
)
def to_the_largest_magnitude(dy, x, size):
    return pooled(x, size, lambda window: one_at(np.abs(window).argmax(), window))(dy)


@max_pool2d_backward.mistake(
    "The gradient goes to the corner of each window, wherever its largest number stood."
)
def to_the_corner(dy, x, size):
    return pooled(x, size, lambda window: one_at(0, window))(dy)


@max_pool2d_backward.mistake(
    "dy is multiplied by the maximum itself; if the largest number grows by 1, so does the maximum."
)
def times_the_maximum(dy, x, size):
    return pooled(x, size, lambda window: one_at(window.argmax(), window) * window.max())(dy)


@max_pool2d_backward.mistake(
    "This is where the largest numbers stood, 1 at each: multiply by the upstream gradient dy."
)
def upstream_ignored(dy, x, size):
    return pooled(x, size, lambda window: one_at(window.argmax(), window))(np.ones_like(dy))


@max_pool2d_backward.swap
def tell_bars_by_pooling(max_pool2d_backward):
    return tell_bars(pool_backward=max_pool2d_backward)


def right_measure(size, layers):
    """Counted: the places of the last map, and the input pixels that one of them reaches."""
    for kernel, stride, padding in layers:
        size = len(range(-padding, size + padding - kernel + 1, stride))
    seen = {0}
    for kernel, stride, _ in reversed(layers):
        seen = {place * stride + step for place in seen for step in range(kernel)}
    return size, max(seen) + 1


layer = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 2))


measure_stack = Function(
    name="measure_stack",
    right=right_measure,
    example=lambda rng: (
        int(rng.integers(71, 99)),
        [(5, 2, 1), (3, 1, int(rng.integers(2, 4))), (4, 3, 1), (3, 2, 0)],
    ),
    cases=st.tuples(st.integers(64, 99), st.lists(layer, max_size=3)),
    hints=(
        "Two numbers are carried through the layers, and a third that the field needs: how many "
        "input pixels two neighbours of the map are apart.",
        "The size becomes (size + 2·padding − kernel) // stride + 1. Padding is on both sides.",
        "A kernel of 3 reaches 2 neighbours further. Each of them is `distance` pixels away.",
        "field += (kernel − 1) · distance, and only then distance *= stride.",
    ),
)


def measured(layers, size, shrink=None, widen=None):
    """The right answer with another step of the size or of the field."""
    shrink = shrink or (lambda n, k, s, p: (n + 2 * p - k) // s + 1)
    widen = widen or (lambda field, distance, k, s, p: (field + (k - 1) * distance, distance * s))
    field = distance = 1
    for layer in layers:
        size = shrink(size, *layer)
        field, distance = widen(field, distance, *layer)
    return size, field


@measure_stack.mistake("Padding counts once in the size: it is put on both sides, 2·padding.")
def padding_once(size, layers):
    return measured(layers, size, shrink=lambda n, k, s, p: (n + p - k) // s + 1)


@measure_stack.mistake("Padding is missing in the size: it makes the picture 2·padding larger.")
def size_without_padding(size, layers):
    return measured(layers, size, shrink=lambda n, k, s, p: (n - k) // s + 1)


@measure_stack.mistake(
    "The size lacks its + 1: the quotient counts the steps between patches, and there is one patch "
    "more than steps."
)
def fence_posts(size, layers):
    return measured(layers, size, shrink=lambda n, k, s, p: (n + 2 * p - k) // s)


@measure_stack.mistake(
    "The size is rounded up. A patch that does not fit is left out: round down, with //."
)
def rounded_up(size, layers):
    return measured(layers, size, shrink=lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1)


@measure_stack.mistake("The stride is missing in the size: patches begin `stride` pixels apart.")
def size_without_stride(size, layers):
    return measured(layers, size, shrink=lambda n, k, s, p: n + 2 * p - k + 1)


@measure_stack.mistake(
    "The size is divided by the stride, but kernel and padding do not count: "
    "(size + 2·padding − kernel) // stride + 1."
)
def divided_only(size, layers):
    return measured(layers, size, shrink=lambda n, k, s, p: n // s)


@measure_stack.mistake(
    "The field ignores the strides: after a stride of 2, neighbours are 2 input pixels apart, so a "
    "kernel reaches twice as far."
)
def field_without_strides(size, layers):
    return measured(layers, size, widen=lambda field, distance, k, s, p: (field + k - 1, 1))


@measure_stack.mistake(
    "A layer's own stride widens its own field here. Its kernel reaches over its input's "
    "neighbours; the stride counts for the layers behind it."
)
def stride_too_early(size, layers):
    return measured(
        layers,
        size,
        widen=lambda field, distance, k, s, p: (field + (k - 1) * distance * s, distance * s),
    )


@measure_stack.mistake(
    "Only the stride of the layer before counts. Strides multiply: behind strides of 2 and 3, "
    "neighbours are 6 pixels apart."
)
def last_stride_only(size, layers):
    return measured(
        layers, size, widen=lambda field, distance, k, s, p: (field + (k - 1) * distance, s)
    )


@measure_stack.mistake("Strides multiply, they do not add: 2 and 3 make 6 pixels, not 5.")
def strides_added(size, layers):
    return measured(
        layers,
        size,
        widen=lambda field, distance, k, s, p: (field + (k - 1) * distance, distance + s - 1),
    )


@measure_stack.mistake("The kernels multiply here. Each widens the field by kernel − 1 steps.")
def kernels_multiplied(size, layers):
    return measured(layers, size, widen=lambda field, distance, k, s, p: (field * k, distance))


@measure_stack.mistake(
    "A kernel of k widens the field by k − 1 steps, not by k: one of them is where it stood."
)
def whole_kernels(size, layers):
    return measured(
        layers,
        size,
        widen=lambda field, distance, k, s, p: (field + k * distance, distance * s),
    )


@measure_stack.mistake("The field begins at 0. Before any layer, a number sees itself: 1 pixel.")
def field_from_zero(size, layers):
    size, field = measured(layers, size)
    return size, field - 1


@measure_stack.mistake("The layers are gone through from the last: the first layer comes first.")
def from_the_last(size, layers):
    return measured(layers[::-1], size)


@measure_stack.mistake("This is how many numbers the last map has; its size is one side of it.")
def area(size, layers):
    size, field = measured(layers, size)
    return size**2, field


@measure_stack.mistake("The two are exchanged: the size of the map first, then the field.")
def exchanged(size, layers):
    return measured(layers, size)[::-1]


@measure_stack.swap
def see_what_it_sees(measure_stack):
    """The gradient of one number in the middle of the last map, back through real convolutions."""
    layers, size = [(3, 1, 1), (2, 2, 0), (5, 2, 2), (3, 1, 0)], 64
    maps = [np.zeros((1, 1, size, size))]
    for k, stride, padding in layers:
        maps.append(right_conv2d(maps[-1], np.ones((1, 1, k, k)), np.zeros(1), stride, padding))
    gradient = np.zeros_like(maps[-1])
    gradient[0, 0, len(gradient[0, 0]) // 2, len(gradient[0, 0]) // 2] = 1
    for (k, stride, padding), x in zip(layers[::-1], maps[-2::-1], strict=True):
        given = np.ones((1, 1, k, k)), np.zeros(1), stride, padding
        gradient = right_backward(gradient, x, *given)[0]
    seen = int(gradient[0, 0].any(axis=0).sum())
    came, field = measure_stack(size, layers)
    assert (came, field) == (maps[-1].shape[-1], seen), (
        f"A number of the last map, {maps[-1].shape[-1]} wide, has a gradient in {seen} columns of "
        f"pixels, but {came} and {field} are measured."
    )
    return f"It sizes the head of a network, and foretells that a number sees {seen} columns."
