# %% [markdown]
# # 09 Convolution
#
# A digit is the same digit two pixels further right, but to lesson 05's network it is another row
# of numbers, to be learned anew. A convolution slides one small kernel over the whole picture: what
# it has learned in one place it knows in all.

# %%
import time
from functools import partial

import numpy as np
from matplotlib import pyplot as plt
from numpy.lib.stride_tricks import sliding_window_view

import minitransformer as mt
from minitransformer import functional as F
from pictures import save

images, labels = mt.data.mnist(download=True)  # 4,000 to learn from, 1,000 held out
images = images[:, None].astype(np.float32) / 255  # (N, channels, height, width), as all below
(x, y), (x_test, y_test) = mt.data.split(images, labels, held_out=0.2, seed=0)

# %% [markdown]
# ## By loops
#
# A number of the output is the sum of a patch of the input times the kernel. A kernel looks through
# all channels of the input, and gives one channel of the output: weight is (out, in, k, k). The
# picture may be padded with zeros around it, and the kernel may move by a stride.
#
# (Mathematics flips the kernel first, and calls this a cross-correlation. A kernel that is learned
# does not care, and everyone who learns them calls it a convolution.)


# %%
def conv2d_by_loops(x, weight, bias, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    k = weight.shape[-1]
    height, width = ((size - k) // stride + 1 for size in x.shape[2:])
    y = np.empty((len(x), len(weight), height, width), x.dtype)
    for n, o, i, j in np.ndindex(y.shape):
        patch = x[n, :, i * stride : i * stride + k, j * stride : j * stride + k]
        y[n, o, i, j] = np.sum(patch * weight[o]) + bias[o]
    return y


KERNELS = {
    "left to right": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],  # Sobel's: ink begins (+), or ends (−)
    "top to bottom": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "any edge": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "blur": [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
}
kernels = np.array(list(KERNELS.values()), np.float32)[:, None]
kernels[3] /= kernels[3].sum()
five = x_test[y_test == 5][:1]
edges = conv2d_by_loops(five, kernels, np.zeros(4), padding=1)
figure, axes = plt.subplots(1, 5, figsize=(10, 2.2))
axes[0].imshow(five[0, 0], cmap="gray_r")
axes[0].set_title("a 5")
for axis, channel, name in zip(axes[1:], edges[0], KERNELS, strict=True):
    top = np.abs(channel).max()
    axis.imshow(channel, cmap="RdBu", vmin=-top, vmax=top)
    axis.set_title(name)
for axis in axes:
    axis.axis("off")
save(figure, "09/edges.png")

# Where nothing changes there is no edge; and a 1 has its edges at its left and right.
flat = conv2d_by_loops(np.ones((1, 1, 5, 5)), kernels, np.zeros(4))
ones = conv2d_by_loops(x_test[y_test == 1][:20], kernels, np.zeros(4), padding=1)
across, down = np.abs(ones[:, :2]).mean(axis=(0, 2, 3))
print(f"20 ones: edges from left to right {across:.2f}, from top to bottom {down:.2f}")
assert np.allclose(flat[0, :, 1, 1], [0, 0, 0, 1], atol=1e-6) and across > 1.3 * down

# %% [markdown]
# ## By one matrix product
#
# Loops in Python are slow; matrix products are what machines are fast at. So lay all patches out as
# the rows of a matrix (**im2col**): times the kernels, each a column, that is every output at once.


# %%
def im2col(x, k, stride, padding):
    """Every patch as a row: x (N, C, H, W) -> (N H' W', C k k)."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    patches = sliding_window_view(x, (k, k), axis=(2, 3))[:, :, ::stride, ::stride]
    return patches.transpose(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * k * k)


def conv2d(x, weight, bias, stride=1, padding=0):
    out, _, k, _ = weight.shape
    height, width = ((size + 2 * padding - k) // stride + 1 for size in x.shape[2:])
    rows = im2col(x, k, stride, padding) @ weight.reshape(out, -1).T + bias
    return rows.reshape(len(x), height, width, out).transpose(0, 3, 1, 2)


started = time.perf_counter()
slow = conv2d_by_loops(x[:8], kernels, np.zeros(4, np.float32))
between = time.perf_counter()
fast = conv2d(x[:8], kernels, np.zeros(4, np.float32))
times = (between - started) / (time.perf_counter() - between)
print(f"8 pictures, one matrix product: {times:.0f} times as fast as the loops")
assert np.allclose(slow, fast, atol=1e-5) and times > 5

# %% [markdown]
# ## Backward
#
# The product is lesson 05's linear layer, and so are its gradients. What is left is to lead the
# gradient of each patch back to where the patch was cut out: patches **overlap**, so a pixel sums
# over all that saw it. The padding's share is cut off.


# %%
def conv2d_backward(dy, x, weight, bias, stride=1, padding=0):
    k, (height, width) = weight.shape[-1], dy.shape[2:]
    rows = dy.transpose(0, 2, 3, 1).reshape(-1, len(weight))
    dweight = (rows.T @ im2col(x, k, stride, padding)).reshape(weight.shape)
    patches = (rows @ weight.reshape(len(weight), -1)).reshape(len(x), height, width, -1, k, k)
    dx = np.pad(np.zeros_like(x), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    for i, j in np.ndindex(k, k):  # the same corner of every patch
        there = np.s_[:, :, i : i + stride * height : stride, j : j + stride * width : stride]
        dx[there] += patches[..., i, j].transpose(0, 3, 1, 2)
    inside = np.s_[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]
    return dx[inside], dweight, rows.sum(axis=0)


rng = np.random.default_rng(0)
small = rng.normal(size=(2, 3, 5, 7)), rng.normal(size=(2, 3, 3, 3)), rng.normal(size=2)
for stride, padding in ((1, 0), (2, 1)):
    how = {"stride": stride, "padding": padding}
    report = mt.check_backward(partial(conv2d, **how), partial(conv2d_backward, **how), *small)
    print(f"stride {stride}, padding {padding}:", report)
    assert report.ok

# %% [markdown]
# ## Max pooling
#
# Of each window only the largest number is kept: the map becomes smaller, and what was found may
# move a little without a change. Backward, the whole gradient goes to where the largest stood. Of
# equal ones (after ReLU: many zeros) the first has it: if all had it, it would be multiplied.


# %%
def windows(x, k):
    """x (N, C, H, W) -> (N, C, H/k, W/k, k²)."""
    n, c, height, width = x.shape
    cut = x.reshape(n, c, height // k, k, width // k, k).swapaxes(3, 4)
    return cut.reshape(*cut.shape[:4], k * k)


def max_pool2d_backward(dy, x, k):
    n, c, height, width = dy.shape
    largest = windows(x, k).argmax(axis=-1)[..., None]
    dx = np.zeros((n, c, height, width, k * k))
    np.put_along_axis(dx, largest, dy[..., None], axis=-1)
    return dx.reshape(n, c, height, width, k, k).swapaxes(3, 4).reshape(x.shape)


image = rng.normal(size=(2, 3, 4, 6))
report = mt.check_backward(
    lambda x: windows(x, 2).max(axis=-1), lambda dy, x: max_pool2d_backward(dy, x, 2), image
)
print("max pooling:", report)
assert report.ok

# %% [markdown]
# ## The package's version

# %%
layer = mt.nn.Conv2d(3, 2, kernel_size=3, stride=2, padding=1)
weight, bias = layer.weight.data, layer.bias.data
y = layer(mt.tensor(a := small[0].astype(np.float32)))
y.backward(dy := rng.normal(size=y.shape).astype(np.float32))
assert np.allclose(y.data, conv2d(a, weight, bias, 2, 1), atol=1e-5)
by_hand = conv2d_backward(dy, a, weight, bias, 2, 1)
assert np.allclose(layer.weight.grad, by_hand[1], atol=1e-4)
assert np.allclose(layer.bias.grad, by_hand[2], atol=1e-4)
pooled = mt.tensor(image, requires_grad=True)
F.max_pool2d(pooled, 2).backward(dy := rng.normal(size=(2, 3, 2, 3)))
assert np.allclose(pooled.grad, max_pool2d_backward(dy, image, 2))
print("nn.Conv2d and F.max_pool2d give what was written by hand, forward and backward")

# %% [markdown]
# ## What a number sees
#
# H + 2·padding pixels hold (H + 2·padding − k) // stride + 1 patches. And a number behind several
# layers sees a **receptive field**: each layer widens it by k − 1 times the distance of neighbours
# (in pixels of the picture), and multiplies that distance by its stride. Is it so? The gradient of
# one number is not zero just where it looks.

# %%
body = mt.nn.Sequential(
    *(mt.nn.Conv2d(1, 8, 5, padding=2), mt.nn.ReLU(), mt.nn.MaxPool2d(2)),
    *(mt.nn.Conv2d(8, 16, 5, padding=2), mt.nn.ReLU(), mt.nn.MaxPool2d(2)),
)
field, distance, size = 1, 1, 28
for k, stride, padding in ((5, 1, 2), (2, 2, 0), (5, 1, 2), (2, 2, 0)):
    field, distance = field + (k - 1) * distance, distance * stride
    size = (size + 2 * padding - k) // stride + 1
print(f"maps of {size} × {size}, each number sees {field} × {field} pixels")
seen = np.zeros((28, 28), bool)
for picture in mt.tensor(rng.normal(size=(200, 1, 1, 28, 28)).astype(np.float32)):
    picture = mt.tensor(picture.data, requires_grad=True)
    body(picture)[0, :, 3, 3].sum().backward()
    seen |= picture.grad[0, 0] != 0
print(seen.any(axis=0).sum(), seen.any(axis=1).sum())
