# %% [markdown]
# # 07 Optimizers
#
# Gradient descent takes the slope, times a rate, and forgets. What if it remembered? Momentum
# remembers where it was going, Adagrad and RMSprop how steep each direction has been, Adam both.

# %%
from functools import partial

import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from pictures import save

# %% [markdown]
# ## Six rules
#
# Each gets the parameters p, their gradient g and a memory, empty at first, and returns the new p.
# Momentum that keeps nothing is gradient descent; one that looks ahead is Nesterov's.


# %%
def momentum(p, g, memory, rate, keep=0.9, ahead=False):
    memory["velocity"] = velocity = keep * memory.get("velocity", 0) + g
    return p - rate * (g + keep * velocity if ahead else velocity)


def adagrad(p, g, memory, rate, eps=1e-10):
    memory["total"] = memory.get("total", 0) + g**2
    return p - rate * g / (np.sqrt(memory["total"]) + eps)


def rmsprop(p, g, memory, rate, keep=0.99, eps=1e-8):
    memory["square"] = keep * memory.get("square", 0) + (1 - keep) * g**2
    return p - rate * g / (np.sqrt(memory["square"]) + eps)


def adam(p, g, memory, rate, beta1=0.9, beta2=0.999, eps=1e-8, corrected=True):
    memory["step"] = t = memory.get("step", 0) + 1
    memory["mean"] = mean = beta1 * memory.get("mean", 0) + (1 - beta1) * g
    memory["square"] = square = beta2 * memory.get("square", 0) + (1 - beta2) * g**2
    if corrected:
        mean, square = mean / (1 - beta1**t), square / (1 - beta2**t)
    return p - rate * mean / (np.sqrt(square) + eps)


# %% [markdown]
# ## A narrow valley
#
# f(x, y) = ½(x² + 100 y²): the steep y forbids a large rate, and with a small one the flat x takes
# for ever. Beside each rule by hand goes the package's optimizer, and takes the same steps.

# %%
CURVATURE = np.array([1.0, 100.0])
START = np.array([-4.0, 1.0])
AHEAD = {"momentum": 0.9, "nesterov": True}
RULES = {  # by hand, with a rate for the valley, and the package's
    "SGD": (partial(momentum, keep=0), 0.018, mt.optim.SGD, {}),
    "momentum": (momentum, 0.01, mt.optim.SGD, {"momentum": 0.9}),
    "Nesterov": (partial(momentum, ahead=True), 0.01, mt.optim.SGD, AHEAD),
    "Adagrad": (adagrad, 0.8, mt.optim.Adagrad, {}),
    "RMSprop": (rmsprop, 0.06, mt.optim.RMSprop, {}),
    "Adam": (adam, 0.3, mt.optim.Adam, {}),
}

X, Y = np.meshgrid(np.linspace(-4.6, 3, 160), np.linspace(-1.3, 1.3, 120))
figure, axes = plt.subplots(2, 3, figsize=(11, 5.4), sharex=True, sharey=True)
heights, LEVELS = {}, np.geomspace(0.05, 200, 20)
for axis, (name, (rule, rate, kind, options)) in zip(axes.flat, RULES.items(), strict=True):
    path, memory, place = [START], {}, mt.tensor(START, requires_grad=True)
    optimizer = kind([place], lr=rate, **options)
    for _ in range(60):
        path.append(rule(path[-1], CURVATURE * path[-1], memory, rate))
        optimizer.zero_grad()
        (mt.tensor(CURVATURE) * place**2 * 0.5).sum().backward()
        optimizer.step()
        assert np.allclose(place.data, path[-1], rtol=1e-9, atol=1e-12), name
    heights[name] = CURVATURE @ path[-1] ** 2 / 2
    print(f"{name:9} after 60 steps at height {heights[name]:.2g}, by hand and by mt.optim")
    axis.contour(X, Y, X**2 + 100 * Y**2, levels=LEVELS, colors="0.85", linewidths=0.6)
    axis.plot(*np.transpose(path), "o-", color="tab:blue", markersize=2.5, linewidth=0.8)
    axis.plot(*np.transpose([START, [0, 0]]), "*", color="tab:orange", markersize=10)
    axis.set(title=f"{name}: height {heights[name]:.1g}", xlabel="x (flat)", ylabel="y (steep)")
    axis.label_outer()
save(figure, "07/valley.png")
assert all(height < heights["SGD"] / 3 for name, height in heights.items() if name != "SGD")

# %% [markdown]
# ## Bias correction
#
# Adam's two means start at 0: after one step the mean is 0.1 g and the square 0.001 g². Dividing
# by 1 − βᵗ mends both. Without it the first step is 0.1 / √0.001 = **3.16** rates long: too long,
# not too short as is often said, for the square is further behind. With it: one rate.

# %%
figure, axes = plt.subplots(1, 3, figsize=(11, 3.4))
for corrected, label in ((True, "corrected"), (False, "not corrected")):
    places, memory = [0.0], {}
    for _ in range(1000):
        places.append(adam(places[-1], 7.0, memory, rate=1.0, corrected=corrected))
    axes[0].semilogx(np.arange(1, 1001), -np.diff(places), label=label)
    print(f"{label:14} first step {-places[1]:.3f} rates")
    assert np.isclose(-places[1], 1.0 if corrected else 0.1 / np.sqrt(0.001))
axes[0].set(xlabel="step", ylabel="rates", ylim=(0, 9), title="Adam's steps, the slope always 7")
axes[0].legend(title="bias of the means:")

# %% [markdown]
# ## Weight decay, coupled and decoupled
#
# Added to the gradient (Adam's `weight_decay`), decay is divided by the gradient's size: in noise
# ten times as large, a tenth of the decay. AdamW shrinks all alike, p ← (1 − rate · decay) p.

# %%
noise = np.random.default_rng(0).normal(size=(1000, 3, 200)) * [[0.1], [1.0], [10.0]]
for axis, kind in zip(axes[1:], (mt.optim.Adam, mt.optim.AdamW), strict=True):
    weights, means = mt.tensor(np.ones((3, 200)), requires_grad=True), []
    optimizer = kind([weights], lr=0.001, weight_decay=0.5)
    for weights.grad in noise:
        optimizer.step()
        means.append(weights.data.mean(axis=1))
    print(f"{kind.__name__:5} leaves {means[-1].round(2)} of the weights")
    for curve, size, width in zip(np.transpose(means), (0.1, 1, 10), (5, 3, 1), strict=True):
        axis.plot(curve, linewidth=width, label=f"gradients around {size}")
    axis.set(xlabel="step", ylabel="mean weight", ylim=(0, 1.05), title=f"decay, {kind.__name__}")
    equal = np.allclose(means[-1], (1 - 0.001 * 0.5) ** 1000, atol=0.03)
    assert equal if kind is mt.optim.AdamW else means[-1][2] > means[-1][0] + 0.3
axes[2].legend(title="one on the other:", loc="lower left")
save(figure, "07/adam.png")

# %% [markdown]
# ## Warm-up and cosine
#
# In its first steps Adam knows little of the slopes, and yet each is a whole rate long: so the
# rate starts small. Towards the end, smaller steps settle down.


# %%
def cosine(step, total, warmup, highest):
    if step < warmup:
        return highest * (step + 1) / (warmup + 1)
    return highest * (1 + np.cos(np.pi * (step - warmup) / (total - warmup))) / 2


schedule = mt.optim.CosineLR(mt.optim.Adam([place], lr=0.1), total_steps=200, warmup_steps=20)
assert all(np.isclose(cosine(s, 200, 20, 0.1), schedule.lr_at(s)) for s in range(200))

# %% [markdown]
# ## On handwritten digits
#
# A small network on 4,000 pictures of MNIST, 200 steps of 64: each optimizer at nine rates, for it
# is fair to compare each at its best. Accuracy is on 1,000 pictures held out.

# %%
images, labels = mt.data.mnist(download=True)
pixels = images.reshape(-1, 784).astype(np.float32) / 255
(x, y), (x_test, y_test) = mt.data.split(pixels, labels, held_out=0.2, seed=0)


def train(kind, rate, options, scheduled=False, seed=0):
    mt.manual_seed(seed)
    model = mt.nn.Sequential(mt.nn.Linear(784, 64), mt.nn.ReLU(), mt.nn.Linear(64, 10))
    optimizer = kind(model.parameters(), lr=rate, **options)
    losses, rng = [], np.random.default_rng(seed)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = cosine(step, 200, 20, rate) if scheduled else rate
        optimizer.zero_grad()
        rows = rng.integers(len(x), size=64)
        loss = mt.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, np.mean(model(x_test).data.argmax(axis=1) == y_test)


figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
rates, best = np.geomspace(1e-4, 1, 9), {}
for name in [*RULES, "Adam, cosine"]:
    _, _, kind, options = RULES[name.split(",")[0]]
    results = [train(kind, rate, options, "cosine" in name) for rate in rates]
    ends = [np.mean(losses[-20:]) for losses, _ in results]
    k = np.argmin(ends)
    best[name] = ends[k], results[k][1], ends[6]  # the last: at rate 0.1
    print(f"{name:12} best rate {rates[k]:.4f}: loss {ends[k]:.3f}, accuracy {results[k][1]:.1%}")
    style = "--" if "cosine" in name else "-"
    axes[0].semilogy(np.convolve(results[k][0], np.full(20, 0.05), "valid"), style, label=name)
    axes[1].loglog(rates, ends, f"o{style}", markersize=3, label=name)
axes[0].set(xlabel="step", ylabel="loss, mean of 20 steps", title="each at its best rate")
axes[1].set(xlabel="rate", title="after 200 steps, at every rate")
axes[0].legend(ncols=2)
save(figure, "07/digits.png")
assert max(best["momentum"][0], best["Adam"][0]) < 0.85 * best["SGD"][0]
assert all(accuracy > 0.85 for _, accuracy, _ in best.values())
assert best["Adam, cosine"][2] < 0.6 * best["Adam"][2]  # it forgives a rate that is too high

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 07` checks what you write in `exercises/07_optimizers.py`.
