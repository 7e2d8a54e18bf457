# %% [markdown]
# # 01 Gradient descent
#
# Everything that learns in this course learns in one way: look at the slope of the loss, take a
# small step downhill, look again. This lesson does it for one number, then for a line through
# real data, by hand each time before the package does the same.

# %%
import sysconfig
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from pictures import save

# %% [markdown]
# ## One step
#
# The slope of f(x) = x² at x is 2x. At x = 2 it is 4, so a step with rate 0.1 lands on
# 2 − 0.1 · 4 = **1.6**. (1.8 is a common slip: it takes x itself for the slope.)

# %%
x = 2.0
slope = 2 * x
x = x - 0.1 * slope
print(f"after one step: {x:.1f}")
assert np.isclose(x, 1.6)

# %% [markdown]
# The package finds the same slope without being told the formula: it goes back through the
# operations that made the value. Lesson 03 builds that engine.

# %%
x = mt.tensor(2.0, requires_grad=True)
(x * x).backward()
print(f"the engine's slope at 2: {x.grad:.1f}")
assert x.grad == 4.0

# %% [markdown]
# ## The rate
#
# Each step on x² multiplies x by 1 − 2 · rate. So it shrinks if that is between −1 and 1, and
# grows without end if the rate is more than 1: too large a step jumps over the valley and lands
# higher on its other side.


# %%
def descend(gradient, x, rate, steps):
    """The places visited, the start among them: (steps + 1, *x.shape)."""
    path = [np.asarray(x, dtype=float)]
    for _ in range(steps):
        path.append(path[-1] - rate * gradient(path[-1]))
    return np.stack(path)


RATES = {0.01: "too small", 0.1: "good", 0.9: "zigzag", 1.05: "too large"}
paths = {rate: descend(lambda x: 2 * x, 2.0, rate, steps=20) for rate in RATES}

figure, axes = plt.subplots(1, 4, figsize=(11, 2.9), sharey=True)
curve = np.linspace(-6, 6, 200)
for axis, (rate, path) in zip(axes, paths.items(), strict=True):
    axis.plot(curve, curve**2, color="0.8", zorder=0)
    axis.plot(path, path**2, "o-", color="tab:blue", markersize=3, linewidth=0.8)
    axis.plot(path[0], path[0] ** 2, "o", color="tab:orange")
    axis.set(title=f"rate {rate}: {RATES[rate]}", xlabel="x", xlim=(-6, 6), ylim=(-1, 33))
    print(f"rate {rate:<4}  after 20 steps x = {path[-1]:8.4f}   {RATES[rate]}")
axes[0].set_ylabel("x²")
save(figure, "01/rates.png")

assert abs(paths[0.1][-1]) < 0.03 < abs(paths[0.01][-1])
assert abs(paths[1.05][-1]) > 10

# %% [markdown]
# ## A line through real data
#
# Python's own library is on every machine: one point a module, its lines (in thousands) and its
# characters (in ten thousands). A line ŷ = wx + b, and the loss that is to be small, the mean of
# (y − ŷ)².

# %%
modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
texts = [module.read_text(encoding="utf-8") for module in modules]
lines = np.array([text.count("\n") for text in texts]) / 1_000
characters = np.array([len(text) for text in texts]) / 10_000
print(f"{len(modules)} modules")


def loss(w, b):
    return np.mean((characters - (w * lines + b)) ** 2)


# %% [markdown]
# By the chain rule, ∂/∂w of (y − ŷ)² is **−2**(y − ŷ)x: the square gives 2(y − ŷ), and ŷ stands
# there with a minus. Forget that minus, and each step climbs: the sign is the whole difference
# between learning and diverging.


# %%
def gradient(place):
    w, b = place
    residual = characters - (w * lines + b)
    return np.array([np.mean(-2 * residual * lines), np.mean(-2 * residual)])


w, b = mt.tensor(1.0, requires_grad=True), mt.tensor(0.0, requires_grad=True)
predictions = mt.tensor(lines) * w + b
((mt.tensor(characters) - predictions) ** 2).mean().backward()
dw, db = gradient((1.0, 0.0))
print(f"by hand: {dw:.4f}, {db:.4f}   the engine: {w.grad:.4f}, {b.grad:.4f}")
assert np.allclose([dw, db], [w.grad, b.grad], rtol=1e-5)

downhill = descend(gradient, [0.0, 0.0], rate=0.2, steps=200)
uphill = descend(lambda place: -gradient(place), [0.0, 0.0], rate=0.2, steps=20)
print(f"loss at the start {loss(0, 0):.3f}, after 200 steps {loss(*downhill[-1]):.3f}")
print(f"with the sign wrong, after 20 steps: {loss(*uphill[-1]):.3g}")
w, b = downhill[-1]
print(f"a line of Python is {10 * w:.0f} characters long")

figure, axis = plt.subplots(figsize=(5.5, 3.6))
axis.plot(lines, characters, ".", color="0.6", label="a module of the standard library")
ends = np.array([0, lines.max()])
axis.plot(ends, w * ends + b, color="tab:blue", label=f"{10 * w:.0f} characters a line")
axis.set(xlabel="lines (thousands)", ylabel="characters (ten thousands)")
axis.legend()
save(figure, "01/line.png")

best = np.polyfit(lines, characters, deg=1)  # the exact answer, which lesson 02 derives
assert loss(*downhill[-1]) < 1.001 * loss(*best)
assert loss(*uphill[-1]) > 1e6 * loss(0, 0)

# %% [markdown]
# ## The valley
#
# The loss over all w and b is a valley, steep across and flat along. The largest rate that the
# steep direction stands is slow in the flat one; a little more, and the path leaves the picture.
# The bound is 2 over the largest curvature.

# %%
moments = np.array([[np.mean(lines**2), np.mean(lines)], [np.mean(lines), 1.0]])
bound = 2 / np.linalg.eigvalsh(2 * moments)[-1]
print(f"rates above {bound:.2f} diverge")

span = np.abs(best).max()
W, B = np.meshgrid(best[0] + span * np.linspace(-1.4, 1.4, 120), span * np.linspace(-1.4, 1.4, 120))
height = np.mean((characters[:, None, None] - (W * lines[:, None, None] + B)) ** 2, axis=0)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True)
SHARES = {0.2: "slow along the valley", 0.9: "zigzags, and arrives", 1.15: "leaves the valley"}
for axis, (share, fate) in zip(axes, SHARES.items(), strict=True):
    path = descend(gradient, [best[0] - span, span], share * bound, steps=15)
    end = loss(*path[-1])
    print(f"{share} of that: after 15 steps the loss is {end:9.4f}")
    assert (end > loss(*path[0])) == (share > 1)
    axis.contourf(W, B, np.log(height), levels=24)
    axis.plot(*path.T, "o-", color="white", markersize=3, linewidth=0.8)
    axis.plot(*best, "*", color="tab:orange", markersize=12)
    axis.set(
        title=f"{share} of the bound: {fate}", xlabel="w", xlim=W[0, [0, -1]], ylim=B[[0, -1], 0]
    )
axes[0].set_ylabel("b")
save(figure, "01/valley.png")

# %% [markdown]
# ## The package's version
#
# `mt.optim.SGD` is the same step for any number of parameters. It gives the same path.

# %%
place = mt.tensor(np.zeros(2), requires_grad=True)
optimizer = mt.optim.SGD([place], lr=0.2)
for _ in range(200):
    optimizer.zero_grad()
    residual = mt.tensor(characters) - (mt.tensor(lines) * place[0] + place[1])
    (residual**2).mean().backward()
    optimizer.step()
print(f"by hand {downhill[-1].round(4)}   SGD {place.data.round(4)}")
assert np.allclose(place.data, downhill[-1])

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 01` checks what you write in `exercises/01_gradient_descent.py`.
