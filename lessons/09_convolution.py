# %% [markdown]
# # 09 Convolution
#
# A digit is the same digit two pixels further right, but to lesson 05's network it is another row
# of numbers, to be learned anew. A convolution slides one small kernel over the whole picture: what
# it has learned in one place it knows in all.

# %%
from functools import partial

import numpy as np
from matplotlib import pyplot as plt
from numpy.lib.stride_tricks import sliding_window_view

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn
from pictures import save

images, labels = mt.data.mnist(download=True)  # 4,000 to learn from, 1,000 held out
images = images[:, None].astype(np.float32) / 255  # (N, channels, height, width), as all below
(x, labels), (x_test, y_test) = mt.data.split(images, labels, held_out=0.2, seed=0)

# %% [markdown]
# ## By loops
#
# A number of the output is the sum of a patch of the input times the kernel. A kernel looks through
# all channels of the input, and gives one channel of the output: weight is (out, in, k, k). The
# picture may be padded with zeros around it, and the kernel may move by a stride. (Mathematics
# flips the kernel first; deep learning does not.) Drawn are kernels made by hand: blue is above 0.


# %%
def conv2d_by_loops(x, weight, bias, stride=1, padding=0):
    x, k = np.pad(x, [(0, 0)] * 2 + [(padding, padding)] * 2), weight.shape[-1]
    height, width = ((size - k) // stride + 1 for size in x.shape[2:])
    y = np.empty((len(x), len(weight), height, width))
    for n, o, i, j in np.ndindex(y.shape):
        patch = x[n, :, i * stride : i * stride + k, j * stride : j * stride + k]
        y[n, o, i, j] = np.sum(patch * weight[o]) + bias[o]
    return y


def draw(name, pictures, titles, rows=1):
    figure, axes = plt.subplots(rows, len(pictures) // rows, figsize=(10, 2.3))
    for axis, picture, title in zip(axes.flat, pictures, titles, strict=True):
        axis.imshow(picture, cmap="RdBu", vmin=-(top := np.abs(picture).max()), vmax=top)
        axis.set(title=title, xticks=[], yticks=[], frame_on=False)
    save(figure, name)


smooth, slope = [1, 2, 1], [-1, 0, 1]
KERNELS = {
    "left to right": np.outer(smooth, slope),
    "top to bottom": np.outer(slope, smooth),
    "any edge": np.pad([[9]], 1) - 1,
    "blur": np.outer(smooth, smooth) / 16,
}
kernels, no_bias = np.stack(list(KERNELS.values()))[:, None], np.zeros(4)
five = x_test[y_test == 5][:1]
edges = conv2d_by_loops(five, kernels, no_bias, padding=1)[0]
draw("09/edges.png", [five[0, 0], *edges], ["a 5", *KERNELS])
ones = conv2d_by_loops(x_test[y_test == 1][:20], kernels[:2], no_bias)
across, down = np.abs(ones).mean(axis=(0, 2, 3))
print(f"20 ones: edges from left to right {across:.2f}, from top to bottom {down:.2f}")
assert across > 1.3 * down

# %% [markdown]
# ## By one matrix product
#
# Loops in Python are slow; matrix products are what machines are fast at. So lay all patches out as
# the rows of a matrix (**im2col**): times the kernels, each a column, that is every output at once.


# %%
def im2col(x, k, stride, padding):
    """Every patch as a row: x (N, C, H, W) -> (N, H', W', C k k)."""
    x = np.pad(x, [(0, 0)] * 2 + [(padding, padding)] * 2)
    patches = sliding_window_view(x, (k, k), axis=(2, 3))[:, :, ::stride, ::stride]
    return patches.transpose(0, 2, 3, 1, 4, 5).reshape(len(x), *patches.shape[2:4], -1)


def conv2d(x, weight, bias, stride=1, padding=0):
    rows = im2col(x, weight.shape[-1], stride, padding) @ weight.reshape(len(weight), -1).T
    return (rows + bias).transpose(0, 3, 1, 2)


assert np.allclose(conv2d(x[:8], kernels, no_bias), conv2d_by_loops(x[:8], kernels, no_bias))

# %% [markdown]
# ## Backward
#
# The product is lesson 05's linear layer, and so are its gradients. What is left is to lead the
# gradient of each patch back to where the patch was cut out. Patches **overlap**, so a pixel sums
# over all that saw it. The padding's share is cut off.


# %%
def conv2d_backward(dy, x, weight, bias, stride=1, padding=0):
    rows, k = dy.transpose(0, 2, 3, 1), weight.shape[-1]
    dweight = np.tensordot(rows, im2col(x, k, stride, padding), axes=((0, 1, 2), (0, 1, 2)))
    patches = (rows @ weight.reshape(len(weight), -1)).reshape(*rows.shape[:3], -1, k, k)
    (height, width), dx = dy.shape[2:], np.pad(0 * x, [(0, 0)] * 2 + [(padding, padding)] * 2)
    for i, j in np.ndindex(k, k):  # the same place of every patch
        there = np.s_[:, :, i : i + stride * height : stride, j : j + stride * width : stride]
        dx[there] += patches[..., i, j].transpose(0, 3, 1, 2)
    inside = np.s_[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]
    return dx[inside], dweight.reshape(weight.shape), dy.sum(axis=(0, 2, 3))


# %% [markdown]
# **Max pooling** keeps only the largest number of each k × k window: the map becomes smaller, and
# what was found may move a little without a change. Backward, the whole gradient goes to where the
# largest stood; of equal ones (after ReLU: many zeros) to the first. `F.conv2d` and `F.max_pool2d`
# have the same numbers.


# %%
def max_pool2d_backward(dy, x, k):
    n, c, height, width = dy.shape
    windows = x.reshape(n, c, height, k, width, k).swapaxes(3, 4).reshape(*dy.shape, k * k)
    dx = np.zeros_like(windows)
    np.put_along_axis(dx, windows.argmax(axis=-1)[..., None], dy[..., None], axis=-1)
    return dx.reshape(n, c, height, width, k, k).swapaxes(3, 4).reshape(x.shape)


rng, how = np.random.default_rng(0), {"stride": 2, "padding": 1}
given = [rng.normal(size=size) for size in ((2, 3, 4, 6), (5, 3, 3, 3), 5)]  # x, weight, bias
report = mt.check_backward(partial(conv2d, **how), partial(conv2d_backward, **how), *given)
tensors = [mt.tensor(a, requires_grad=True) for a in given]
y = F.conv2d(*tensors, **how)
y.backward(dy := rng.normal(size=y.shape))
print(report)
assert report.ok and np.allclose(y.data, conv2d(*given, **how))
for tensor, gradient in zip(tensors, conv2d_backward(dy, *given, **how), strict=True):
    assert np.allclose(tensor.grad, gradient)

picture = mt.tensor(rng.integers(3, size=(2, 3, 4, 6)).astype(float), requires_grad=True)
F.max_pool2d(picture, 2).backward(dy := rng.normal(size=(2, 3, 2, 3)))
assert np.allclose(picture.grad, max_pool2d_backward(dy, picture.data, 2))

# %% [markdown]
# ## Digits that move
#
# A picture moved by two pixels gives maps moved by two pixels. So convolutions should bear digits
# that stand elsewhere. Beside them, an MLP of as many weights: neither sees a moved digit in
# training, and the 1,000 held-out rows are moved, each at random by up to so many pixels.
#
# The **receptive field** of a number grows with every layer: 5 × 5 pixels behind the first, 6 × 6
# behind the pooling, then 14 × 14, for the pooled numbers are 2 pixels apart.


# %%
MODELS = {
    "MLP": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 14), nn.ReLU(), nn.Linear(14, 10)),
    "CNN": lambda: nn.Sequential(
        *(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),  # 28 × 28 to 14 × 14
        *(nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),  # to 7 × 7
        *(nn.Flatten(), nn.Linear(16 * 7 * 7, 10)),
    ),
}


def trained(make, seed, epochs=2):
    mt.manual_seed(seed)
    model, rng = make(), np.random.default_rng(seed)
    optimizer = mt.optim.Adam(model.parameters(), lr=3e-3)
    for rows in (r for _ in range(epochs) for r in rng.permutation(len(x)).reshape(-1, 50)):
        optimizer.zero_grad()
        F.cross_entropy(model(mt.tensor(x[rows])), labels[rows]).backward()
        optimizer.step()
    return model


shift, scores = partial(mt.data.augment.shift, x_test[:, 0]), {}
moved = [mt.tensor(shift(np.random.default_rng(0), most)[:, None]) for most in range(5)]
figure, axis = plt.subplots(figsize=(5.5, 3.4))
for (name, make), color in zip(MODELS.items(), ("tab:blue", "tab:orange"), strict=True):
    models = [trained(make, seed) for seed in range(5)]
    with mt.no_grad():
        guesses = np.array([[m(rows).data.argmax(axis=1) for rows in moved] for m in models])
    scores[name] = (guesses == y_test).mean(axis=-1)  # a row for each seed
    weights = sum(p.data.size for p in models[0].parameters())
    print(f"{name}, {weights:,} weights, moved by up to 0 to 4 pixels: {scores[name].mean(axis=0)}")
    axis.plot(scores[name].T, "o-", color=color, alpha=0.5)
    axis.text(4.1, scores[name][:, 4].mean(), name, color=color, va="center")
axis.set(xlabel="moved by up to so many pixels", ylabel="right, of 1,000 held out", xticks=range(5))
save(figure, "09/moved.png")
assert ((scores["CNN"] - scores["MLP"])[:, 1:] > 0.08).all()

# The kernels of the first layer, and what they find in the 5: edges in several directions, again.
first = models[0][0]
pictures = [*first.weight.data[:, 0], *F.relu(first(mt.tensor(five))).data[0]]
draw("09/kernels.png", pictures, [f"kernel {i}" for i in range(8)] + [""] * 8, rows=2)

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 09` checks what you write in `exercises/09_convolution.py`.
