# %% [markdown]
# # 02 Linear regression
#
# Several inputs instead of one: how many lines does a function cost, a branch, a comment? There is
# a formula for the best answer, and there is the walk downhill. They meet in the same place, and
# the way to it shows why inputs are brought to one scale.

# %%
import re
import sysconfig
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn
from pictures import save

# %% [markdown]
# ## The loss
#
# The mean squared error of [3, 2, 1] against [2.9, 1.9, 0.8] is (0.01 + 0.01 + 0.04)/3 = **0.02**.


# %%
def mean_squared_error(prediction, target):
    return np.mean((target - prediction) ** 2)


prediction, target = np.array([2.9, 1.9, 0.8]), np.array([3.0, 2.0, 1.0])
by_hand, packaged = mean_squared_error(prediction, target), F.mse_loss(prediction, target).item()
print(f"by hand {by_hand:.4f}   F.mse_loss {packaged:.4f}")
assert np.isclose(by_hand, 0.02) and np.isclose(packaged, 0.02)

# %% [markdown]
# ## A loss that is silently wrong
#
# A model with one output gives predictions (N, 1); targets are often (N,). NumPy and many
# libraries stretch the two to (N, N), every prediction against every target, and go on with a
# number that means nothing. `F.mse_loss` refuses.

# %%
stretched = mean_squared_error(prediction[:, None], target)
print(f"(3, 1) against (3,) in NumPy: {stretched:.4f} instead of {by_hand:.4f}")
try:
    F.mse_loss(prediction[:, None], target)
except ValueError as error:
    refused = str(error)
print(refused)
assert stretched > 10 * by_hand and "(3, 1) and (3,)" in refused

# %% [markdown]
# ## Real data
#
# One row a module of Python's own library: its functions, branches and comments, counted by their
# first words. The target is its length in lines. A quarter of the modules is held out.

# %%
COUNTED = {"function": r"^ *def ", "branch": r"^ *(?:if|elif|else|for|while)\b", "comment": r"^ *#"}
modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
texts = [module.read_text(encoding="utf-8") for module in modules]
x = np.array([[len(re.findall(word, t, re.M)) for word in COUNTED.values()] for t in texts], float)
y = np.array([text.count("\n") for text in texts], float)
(x, y), (x_test, y_test) = mt.data.split(x, y, held_out=0.25, seed=0)
print(f"{len(x)} modules to learn from, {len(x_test)} held out")

# %% [markdown]
# ## The formula
#
# With a column of ones for the bias, all predictions are one product: ŷ = Xw. For one sample
# ∂(y − ŷ)²/∂w = **−2**(y − ŷ)x, and the mean of them all is −(2/N) Xᵀ(y − Xw). (Without the minus
# this climbs.) At the bottom it is 0, which makes the *normal equations*: XᵀX w = Xᵀy.


# %%
def with_ones(x):
    return np.column_stack([x, np.ones(len(x))])


def gradient(w, X, y):
    return -2 / len(y) * X.T @ (y - X @ w)


X = with_ones(x)
w_exact = np.linalg.solve(X.T @ X, X.T @ y)
for name, lines in zip([*COUNTED, "module without any"], w_exact, strict=True):
    print(f"a {name:<18} {lines:5.1f} lines")
start, end = (np.abs(gradient(w, X, y)).max() for w in (np.zeros(4), w_exact))
print(f"largest slope at w = 0: {start:.3g}, at the solution: {end:.3g}")
assert end < 1e-6 * start

# %% [markdown]
# ## ½Σ, Σ and mean
#
# Books write the squared error with a ½, with a sum, or with a mean. The best w is the same, but
# the slope differs by a constant, so a rate that is good for one diverges for another. The
# checker of this course measures slopes, and sees the factor. (N is 7 here.)

# %%
few, lengths = with_ones(x[:7] / 100), y[:7] / 1_000
for name, factor in {"mean": 1, "Σ": len(few), "½Σ": len(few) / 2}.items():
    report = mt.check_backward(
        lambda w: mean_squared_error(few @ w, lengths),
        lambda dy, w, factor=factor: dy * factor * gradient(w, few, lengths),
        np.ones(4),
    )
    said = "right" if report.ok else report.causes[0].message
    print(f"the slope of {name} for the mean: {said}")
    assert report.ok == (name == "mean")

# %% [markdown]
# ## The walk
#
# Now downhill, at a rate of 1 over the largest curvature (lesson 01: twice that diverges). On the
# counts as they are the valley is long, as the columns differ in size. *Standardized*, each has
# mean 0 and deviation 1, and the way is short. Both figures are those of the training rows:
# held-out rows must not tell the model anything.


# %%
def descend(X, y, steps):
    """The place in the end, the loss before each step, and the rate."""
    rate = 1 / np.linalg.eigvalsh(2 * X.T @ X / len(y))[-1]
    w, losses = np.zeros(X.shape[1]), []
    for _ in range(steps):
        losses.append(mean_squared_error(X @ w, y))
        w = w - rate * gradient(w, X, y)
    return w, np.array(losses), rate


mean, deviation = x.mean(axis=0), x.std(axis=0)
Z = with_ones((x - mean) / deviation)
w_raw, raw, _ = descend(X, y, steps=300)
w_walked, standardized, rate = descend(Z, y, steps=300)

lowest = mean_squared_error(X @ w_exact, y)
figure, axis = plt.subplots(figsize=(5.5, 3.6))
for losses, colour, label in ((raw, "0.5", "raw"), (standardized, "tab:blue", "standardized")):
    axis.semilogy(losses / lowest - 1, color=colour, label=f"{label} counts")
    print(f"{label:<12} counts: {losses[-1] / lowest - 1:.1e} above the lowest after 300 steps")
axis.set(xlabel="step", ylabel="loss above the lowest, relative")
axis.legend()
save(figure, "02/walk.png")

w_back = np.append(w_walked[:3] / deviation, w_walked[3] - w_walked[:3] @ (mean / deviation))
print(f"the formula {w_exact.round(3)}   the walk {w_back.round(3)}")
assert np.allclose(w_back, w_exact, rtol=1e-3, atol=1e-2)
assert raw[-1] - lowest > 100 * (standardized[-1] - lowest)

# %% [markdown]
# ## The package's version, and modules that it has not seen
#
# `nn.Linear` holds w and b, `optim.SGD` does the step. `Linear(3, 1)` gives (N, 1). Once its loss
# is `F.mse_loss`, with targets (N, 1); once it is written with operators, and stretches against
# targets (N,). Then each prediction is drawn to *every* target, and all end at their mean.


# %%
def train(loss):
    model = nn.Linear(3, 1)
    model.weight.data[:], model.bias.data[:] = 0, 0
    optimizer = mt.optim.SGD(model.parameters(), lr=rate)
    for _ in range(300):
        optimizer.zero_grad()
        loss(model(mt.tensor(Z[:, :3].astype("float32")))).backward()
        optimizer.step()
    return np.append(model.weight.data, model.bias.data)


def explained(prediction, target):
    """R²: the share of the variance that is explained; what the mean of all gets is 0."""
    return 1 - mean_squared_error(prediction, target) / target.var()


targets = mt.tensor(y.astype("float32"))
w_package = train(lambda prediction: F.mse_loss(prediction, targets.reshape(-1, 1)))
w_stretched = train(lambda prediction: ((prediction - targets) ** 2).mean())
print(f"by hand {w_walked.round(2)}   the package {w_package.round(2)}")
assert np.allclose(w_package, w_walked, rtol=1e-3, atol=1e-2)

Z_test = with_ones((x_test - mean) / deviation)
r_squared, r_stretched = (explained(Z_test @ w, y_test) for w in (w_package, w_stretched))
print(f"R² on {len(y_test)} held-out modules: {r_squared:.2f}, stretched loss {r_stretched:.2f}")
assert r_squared > 0.6 and r_stretched < 0.1

figure, axis = plt.subplots(figsize=(5.2, 4))
for w, colour, label in ((w_package, "tab:blue", "right"), (w_stretched, "tab:red", "stretched")):
    axis.plot(y_test, Z_test @ w, ".", color=colour, label=f"{label} loss")
axis.plot(y_test, y_test, color="0.8", zorder=0, label="as it is")
axis.set(xlabel="lines of a held-out module", ylabel="predicted lines", xscale="log", yscale="log")
axis.legend()
save(figure, "02/predictions.png")

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 02` checks what you write in `exercises/02_linear_regression.py`.
