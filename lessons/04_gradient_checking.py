# %% [markdown]
# # 04 Gradient checking
#
# A wrong backward pass rarely crashes: the loss still falls, a little worse. So gradients are
# measured. This lesson measures one, meets five wrong ones, and finds that the usual way to check
# them is blind to three.

# %%
import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from pictures import save

# %% [markdown]
# ## Measuring a slope
#
# Move an input by h and look how far the output goes: (f(x + h) − f(x)) / h, or better to both
# sides, (f(x + h) − f(x − h)) / 2h, the *central difference*, whose error shrinks like h², not h.
# But not for ever: the difference of two nearly equal numbers has few good digits left, with an
# error like ε/h, where ε is 10⁻¹⁶ in float64 and 10⁻⁷ in float32. The best h lies between.
# Here f is a real loss, that of a linear classifier on 200 digits, along one direction.

# %%
images, labels = mt.data.mnist(download=True)
_, (x, t) = mt.data.split(images.reshape(-1, 784) / 255, labels, held_out=0.04, seed=0)
rng = np.random.default_rng(0)
weight, direction = rng.normal(size=(2, 10, 784)) / 28


def loss(weight, dtype="float64"):
    with mt.use_kernels("reference"):
        return F.cross_entropy(F.linear(x.astype(dtype), weight.astype(dtype)), t).item()


def central(h, dtype="float64"):
    return (loss(weight + h * direction, dtype) - loss(weight - h * direction, dtype)) / (2 * h)


tracked = mt.tensor(weight, requires_grad=True)
with mt.use_kernels("reference"):
    F.cross_entropy(F.linear(x, tracked), t).backward()
truth = (tracked.grad * direction).sum()

steps = 10.0 ** np.arange(-14, 0.5, 0.5)
WAYS = {
    "one-sided": lambda h: (loss(weight + h * direction) - loss(weight)) / h,
    "central": central,
    "central, float32": lambda h: central(h, "float32"),
}
figure, axis = plt.subplots(figsize=(6.5, 4))
least = {}
for (name, slope), colour in zip(WAYS.items(), ("tab:orange", "tab:blue", "0.6"), strict=True):
    error = np.abs(np.array([slope(h) for h in steps]) / truth - 1)
    least[name] = error.min()
    axis.loglog(steps, error, "o-", markersize=3, color=colour, label=name)
    print(f"{name:<17} best h {steps[error.argmin()]:.0e}, relative error {least[name]:.0e}")
sides = "too small: rounding (ε/h)        too large: the curve bends (h, h²)"
axis.set(title=sides, xlabel="step h", ylabel="relative error of the slope")
axis.legend()
save(figure, "04/steps.png")
assert least["central"] < 1e-7 and least["central"] < least["one-sided"] / 10
assert least["central, float32"] > 100 * least["central"]

# %% [markdown]
# ## Measuring a gradient
#
# A backward pass answers one question: for this upstream gradient dy, what is the gradient of
# Σ dy·f(x)? So one entry of x after the other is moved, and that sum is looked at.


# %%
def numeric_gradient(f, x, dy, h=1e-5):
    gradient = np.zeros_like(x)
    for entry in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[entry] = h
        gradient[entry] = (dy * (f(x + step) - f(x - step))).sum() / (2 * h)
    return gradient


def row_sum(x):
    return x.sum(axis=1, keepdims=True)


def row_mean(x):
    return x.mean(axis=1, keepdims=True)


def softmax(x):
    return np.exp(x) / row_sum(np.exp(x))


def layer_norm(x):
    return (x - row_mean(x)) / x.std(axis=1, keepdims=True)


# %% [markdown]
# ## Five wrong backward passes
#
# People write all five. Each is measured twice, at the scores of seven digits: with an upstream
# gradient of ones, which is what `f(x).sum().backward()` has, and with a random one.

# %%
p, n = softmax, layer_norm
WRONG = {
    "softmax: like a sigmoid": (p, lambda dy, x: dy * p(x) * (1 - p(x))),
    "softmax: plain mean": (p, lambda dy, x: p(x) * (dy - row_mean(dy))),
    "softmax: sign slip": (p, lambda dy, x: p(x) * (row_sum(dy * p(x)) - dy)),
    "layer norm: 1/σ lost": (n, lambda dy, x: dy - row_mean(dy) - n(x) * row_mean(dy * n(x))),
    "layer norm: means lost": (n, lambda dy, x: dy / x.std(axis=1, keepdims=True)),
}
scores = x[:7] @ weight.T
upstream = {"ones": np.ones_like(scores), "random": rng.normal(size=scores.shape)}
gaps = {
    (name, kind): np.abs(numeric_gradient(forward, scores, dy) - backward(dy, scores)).max()
    for name, (forward, backward) in WRONG.items()
    for kind, dy in upstream.items()
}
missed = [name for name in WRONG if gaps[name, "ones"] < 1e-7]
for name in WRONG:
    verdict = "MISSED" if name in missed else "caught"
    with_ones, with_random = (f"{gaps[name, kind]:.0e}" for kind in upstream)
    print(f"{name:<23} off by {with_ones} with ones: {verdict}, by {with_random} with random")

figure, axis = plt.subplots(figsize=(8, 3.2))
for shift, kind, colour in ((-0.2, "ones", "tab:red"), (0.2, "random", "tab:blue")):
    lengths = [gaps[name, kind] for name in WRONG]
    axis.barh(np.arange(5) + shift, lengths, 0.38, color=colour, label=f"upstream: {kind}")
axis.axvline(1e-7, color="0.6", linestyle="--", linewidth=1)
axis.text(1e-7, -0.75, "passes | is caught", ha="center", color="0.4")
axis.set(xscale="log", xlim=(1e-13, 1e2), xlabel="largest difference from the measured gradient")
axis.set_yticks(range(5), WRONG)
axis.invert_yaxis()
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
save(figure, "04/blind.png")
assert missed == ["softmax: plain mean", "softmax: sign slip", "layer norm: 1/σ lost"]
assert all(gaps[name, "random"] > 1e-3 for name in WRONG)

# %% [markdown]
# Why? The rows of a softmax sum to 1 whatever x is, and those of a layer norm to 0. So with ones
# above, the true gradient is **zero**, and so is what three of the five return: a sum that cancels,
# zero with the wrong sign, zero without its factor. Check with a random upstream gradient, always.
#
# ## The checker that says why
#
# `mt.check_backward` draws random upstream gradients and other values of the inputs, picks its
# steps, and then looks for the reason.

# %%
for name, (forward, backward) in WRONG.items():
    report = mt.check_backward(forward, backward, scores)
    print(f"\n{name}\n  {report.causes[0].message}")
    assert not report.ok
assert mt.gradcheck(F.softmax, scores).ok
assert mt.gradcheck(lambda x: F.layer_norm(x, 10), scores).ok

# %% [markdown]
# ## A whole model, in two forward passes
#
# To move each of 25,450 weights by itself takes 50,900 forward passes. Instead move them all at
# once, in one random direction v: the slope along it must be Σ v · gradient. This one number sees
# any mistake (none is at right angles to a random direction), but cannot say where. The two are
# compared by their *relative error*: the difference, over the larger of them.

# %%
SHAPES = [(32, 784), (32,), (10, 32), (10,)]
weights = [rng.normal(size=shape) / shape[-1] ** 0.5 for shape in SHAPES]
directions = [rng.normal(size=shape) for shape in SHAPES]


def network(W1, b1, W2, b2):
    return F.cross_entropy(F.linear(F.linear(x, W1, b1).tanh(), W2, b2), t)


def relative_error(a, b):
    return abs(a - b) / max(abs(a), abs(b))


with mt.use_kernels("reference"):
    tracked = [mt.tensor(w, requires_grad=True) for w in weights]
    network(*tracked).backward()
    ahead = network(*[w + 1e-5 * v for w, v in zip(weights, directions, strict=True)])
    behind = network(*[w - 1e-5 * v for w, v in zip(weights, directions, strict=True)])
measured = (ahead.item() - behind.item()) / 2e-5
gradients = [w.grad for w in tracked]
mistaken = [gradients[0], gradients[1] / len(x), *gradients[2:]]  # a mean too many, in one bias
errors = [
    relative_error(measured, sum((g * v).sum() for g, v in zip(gs, directions, strict=True)))
    for gs in (gradients, mistaken)
]
print(f"relative error {errors[0]:.0e}; with one of the biases wrong {errors[1]:.0e}")
assert errors[0] < 1e-6 < 1e-4 < errors[1]

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 04` checks what you write in `exercises/04_gradient_checking.py`.
