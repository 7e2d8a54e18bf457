# %% [markdown]
# # 03 Autograd
#
# Nobody differentiates a transformer by hand. An *engine* does: every operation notes what it was
# made from and how a gradient goes back through it; then one walk, from the loss to the weights,
# collects them all. Here is a whole one in 60 lines. It learns to tell threes from eights, and
# agrees with the package's engine to the last decimal.

# %%
import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from pictures import save

# %% [markdown]
# ## A value that remembers
#
# A value has *edges*: an input each, and a function that turns the gradient dy of the value into
# the share of that input. For y = a·b the share of a is dy·b; for y = a @ b it is dy @ bᵀ.


# %%
class Value:
    def __init__(self, data, edges=(), name=""):
        self.data = np.asarray(data, dtype=float)
        self.edges, self.name, self.grad = edges, name, None

    def __add__(self, other):
        a, b = self, as_value(other)
        return Value(a.data + b.data, [(a, lambda dy: dy), (b, lambda dy: dy)], "+")

    def __mul__(self, other):
        a, b = self, as_value(other)
        edges = [(a, lambda dy: dy * b.data), (b, lambda dy: dy * a.data)]
        return Value(a.data * b.data, edges, "×")

    def __matmul__(self, other):
        a, b = self, as_value(other)
        edges = [(a, lambda dy: dy @ b.data.T), (b, lambda dy: a.data.T @ dy)]
        return Value(a.data @ b.data, edges, "@")

    def __pow__(self, k):
        return Value(self.data**k, [(self, lambda dy: dy * k * self.data ** (k - 1))], "power")

    def exp(self):
        y = np.exp(self.data)
        return Value(y, [(self, lambda dy: dy * y)], "exp")

    def log(self):
        return Value(np.log(self.data), [(self, lambda dy: dy / self.data)], "log")

    def tanh(self):
        y = np.tanh(self.data)
        return Value(y, [(self, lambda dy: dy * (1 - y * y))], "tanh")

    def mean(self):
        equal = np.full(self.data.shape, 1 / self.data.size)
        return Value(self.data.mean(), [(self, lambda dy: dy * equal)], "mean")

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        for value, gradient in gradients(self).items():
            if not value.edges:  # a leaf: what it has from earlier calls stays, and this is added
                value.grad = gradient if value.grad is None else value.grad + gradient


def as_value(x):
    return x if isinstance(x, Value) else Value(x, name="number")


# %% [markdown]
# ## The walk
#
# A gradient goes on only when it is complete: after *all* users of a value have sent their shares.
# So the walk is in *topological order*, users first. A value that is used twice gets the **sum** of
# its shares: to assign instead of adding loses a branch, the classic mistake. And what broadcasting
# copied on the way forward is summed on the way back.


# %%
def topological_order(root):
    """Every value that `root` was made from, inputs before users; `root` is the last."""
    order, seen, waiting = [], set(), [(root, False)]
    while waiting:
        value, inputs_done = waiting.pop()
        if inputs_done:
            order.append(value)
        elif value not in seen:
            seen.add(value)
            waiting.append((value, True))
            waiting += [(source, False) for source, _ in value.edges]
    return order


def gradients(root):
    """d root / d value, for each value that it was made from."""
    total = {root: np.ones_like(root.data)}
    for value in reversed(topological_order(root)):
        for source, share in value.edges:
            g = unbroadcast(share(total[value]), source.data.shape)
            total[source] = total[source] + g if source in total else g
    return total


def unbroadcast(g, shape):
    """Sum over the axes along which `shape` was stretched to g's shape."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


# %% [markdown]
# ## A graph
#
# x goes two ways, as around a block of a transformer: straight to the sum, and through tanh. Red is
# what the walk sends back along each edge; the shares of x add up.

# %%
x, w = Value(0.5, name="x"), Value(2.0, name="w")
loss = (x + (w * x).tanh()) ** 2
loss.backward()

place = {"x": (0, 1), "w": (0, 0), "×": (1, 0), "tanh": (2, 0), "+": (3, 1), "power": (4, 1)}
figure, axis = plt.subplots(figsize=(8, 2.8))
boxes, total = {}, gradients(loss)
for value, g in total.items():
    label = f"{value.name}\nvalue {value.data:.2f}\ngradient {g:.2f}"
    style = {"boxstyle": "round", "facecolor": "white", "edgecolor": "0.6"}
    boxes[value] = axis.text(*place[value.name], label, ha="center", va="center", bbox=style)
for value, box in boxes.items():
    for source, share in value.edges:
        (i, j), (k, m) = start, end = place[source.name], place[value.name]
        patches = {"patchA": boxes[source].get_bbox_patch(), "patchB": box.get_bbox_patch()}
        axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.6", **patches})
        beside = (i + k) / 2 + 0.2 * (j != m), (j + m) / 2 + 0.09 * (j == m)
        axis.text(*beside, f"{share(total[value]):.2f}", color="tab:red", ha="center", va="center")
axis.set(xlim=(-0.5, 4.5), ylim=(-0.4, 1.4), frame_on=False, xticks=[], yticks=[])
save(figure, "03/graph.png")
by_hand = 2 * (0.5 + np.tanh(1.0)) * (1 + 2.0 * (1 - np.tanh(1.0) ** 2))
print(f"∂L/∂x by hand {by_hand:.4f}   by the engine {x.grad:.4f}")
assert np.isclose(x.grad, by_hand)

# %% [markdown]
# ## It learns
#
# The threes and eights of MNIST, 500 each; a fifth is held out. Two layers make
# f = tanh(x W₁ + b₁) W₂ + b₂; the loss is log(1 + e^(−t f)), small where f has the sign of the
# target t: −1 for a three, 1 for an eight.

# %%
images, labels = mt.data.mnist(download=True)
chosen = np.isin(labels, (3, 8))
pixels = images[chosen].reshape(-1, 784) / 255
(x, t), (x_test, t_test) = mt.data.split(pixels, np.where(labels[chosen] == 8, 1.0, -1.0), seed=0)


def model(x, W1, b1, W2, b2):
    return (x @ W1 + b1).tanh() @ W2 + b2


def train(value, steps=100, rate=0.5):
    """The losses and the weights, on the engine whose values are made by `value`."""
    rng = np.random.default_rng(0)
    shapes = [(784, 16), (16,), (16, 1), (1,)]
    weights, losses = [value(0.1 * rng.normal(size=shape)) for shape in shapes], []
    inputs, minus_t = value(x), value(-t[:, None])
    for _ in range(steps):
        loss = (1 + (model(inputs, *weights) * minus_t).exp()).log().mean()
        loss.backward()
        losses.append(float(loss.data))
        for w in weights:
            w.data, w.grad = w.data - rate * w.grad, None
    return losses, weights


losses, weights = train(Value)
right = (model(Value(x_test), *weights).data[:, 0] > 0) == (t_test > 0)
print(f"loss {losses[0]:.3f} to {losses[-1]:.3f}")
print(f"{right.mean():.1%} of {len(right)} held-out digits are read right")
assert losses[-1] < 0.15 and right.mean() > 0.85

# %% [markdown]
# ## The package's version
#
# `mt.Tensor` is this engine with more operations, checks, and faster kernels. With those off, its
# formulas are ours, and so are its numbers.

# %%
with mt.use_kernels("reference"):
    packaged, tensors = train(lambda array: mt.tensor(array, requires_grad=True))
gap = max(np.abs(w.data - v.data).max() for w, v in zip(weights, tensors, strict=True))
print(f"ours {losses[-1]:.16f}   the package {packaged[-1]:.16f}   weights differ by {gap:.1g}")
assert np.isclose(packaged[-1], losses[-1], rtol=1e-10) and gap < 1e-10

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 03` checks what you write in `exercises/03_autograd.py`.
