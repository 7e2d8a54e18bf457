# %% [markdown]
# # 08 Regularization
#
# A large network can learn its training rows by heart, and know nothing else. This lesson makes
# one do that, then tries five ways to hold it back, and reports what each is worth.

# %%
import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from pictures import save

# %% [markdown]
# ## A small set, on purpose
#
# Of the 5,000 pictures of MNIST here, **only 200** are learned from, so that there is something to
# hold back. 1,000 are for choosing (when to stop), and 1,000 others, looked at once, for the
# figures reported. Rows used for a choice flatter what was chosen by them.

# %%
SEED = 0
images, labels = mt.data.mnist(download=True)
images = images.astype(np.float32) / 255
(images, labels), (x_test, y_test) = mt.data.split(images, labels, held_out=0.2, seed=SEED)
x, y, x_choose, y_choose = images[:200], labels[:200], images[200:1200], labels[200:1200]


def score(model, x, y):
    """(loss, accuracy), without dropout."""
    model.eval()
    with mt.no_grad():
        scores = model(mt.tensor(x))
        return F.cross_entropy(scores, y).item(), np.mean(scores.data.argmax(axis=1) == y)


def shift(images, down, right):
    """The pictures moved by whole pixels; what enters at the edge is 0."""
    moved = np.roll(images, (down, right), axis=(1, 2))
    moved[:, : max(down, 0)], moved[:, 28 + min(down, 0) :] = 0, 0
    moved[:, :, : max(right, 0)], moved[:, :, 28 + min(right, 0) :] = 0, 0
    return moved


def fit(y=y, epochs=100, dropout=0.0, decay=0.0, shifts=0):
    """Train on the 200 rows: (history, test score at the end, test score where it chose best).

    A row of the history: loss and accuracy on the training rows, then on the choosing rows.
    """
    mt.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    layers = mt.nn.Linear(784, 256), mt.nn.ReLU(), mt.nn.Dropout(dropout), mt.nn.Linear(256, 10)
    model = mt.nn.Sequential(mt.nn.Flatten(), *layers)
    optimizer = mt.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=decay)
    history, best, lowest = [], None, np.inf
    for _ in range(epochs):
        for rows in rng.permutation(len(x)).reshape(-1, 50):
            model.train()
            optimizer.zero_grad()
            batch = shift(x[rows], *rng.integers(-shifts, shifts + 1, size=2))
            F.cross_entropy(model(mt.tensor(batch)), y[rows]).backward()
            optimizer.step()
        history.append([*score(model, x, y), *score(model, x_choose, y_choose)])
        if history[-1][2] < lowest:
            lowest, best = history[-1][2], {k: v.data.copy() for k, v in model.state_dict().items()}
    end = score(model, x_test, y_test)
    model.load_state_dict(best)
    return np.array(history), end, score(model, x_test, y_test)


# %% [markdown]
# ## By heart
#
# The labels are shuffled, so that there is nothing to understand. It learns them all the same: a
# perfect score on training rows proves nothing. (Zhang et al. 2017.)

# %%
history, end, _ = fit(y=np.random.default_rng(SEED).permutation(y), epochs=60)
print(f"shuffled labels: {history[-1, 1]:.0%} of the 200 learned, {end[1]:.0%} of 1,000 held out")
assert history[-1, 1] > 0.97 and end[1] < 0.3

# %% [markdown]
# ## Small weights: L2 and L1
#
# **L2** adds ½λ Σw² to the loss: its slope λw pulls each weight towards 0 in proportion, which is
# what `weight_decay` of `SGD` does. **L1** adds λ Σ|w|: its slope is λ sign(w), as strong for a
# small weight as for a large one, so that many end at exactly 0. (A step that would cross 0 stops
# there.) Below, linear classifiers of the same 200 rows: blue ink speaks for a 3, red against it.

# %%
w = mt.nn.Parameter(np.array([2.0, -1.0]))
w.grad = np.zeros(2)
mt.optim.SGD([w], lr=0.1, weight_decay=0.5).step()
assert np.allclose(w.data, [2.0 - 0.1 * 0.5 * 2.0, -1.0 + 0.1 * 0.5])


def linear(l1=0.0, l2=0.0, rate=0.3, steps=400):
    weight = np.random.default_rng(SEED).normal(size=(10, 784)) / 28
    rows, wanted = x.reshape(-1, 784), np.eye(10)[y]
    for _ in range(steps):
        p = F.softmax(mt.tensor(rows @ weight.T)).data
        weight -= rate * ((p - wanted).T @ rows / len(rows) + l2 * weight)
        weight = np.sign(weight) * np.maximum(np.abs(weight) - rate * l1, 0)
    return weight


figure, axes = plt.subplots(1, 3, figsize=(8, 3))
zeros = {}
for axis, (name, penalty) in zip(
    axes, {"none": {}, "L2": {"l2": 0.01}, "L1": {"l1": 0.002}}.items(), strict=True
):
    weight = linear(**penalty)
    right = np.mean((x_test.reshape(-1, 784) @ weight.T).argmax(axis=1) == y_test)
    zeros[name] = np.mean(weight == 0)
    print(f"penalty {name:<5} {zeros[name]:4.0%} of the weights are 0, {right:.1%} right")
    axis.imshow(weight[3].reshape(28, 28), cmap="RdBu", vmin=-0.2, vmax=0.2)
    axis.set_title(f"{name}: {zeros[name]:.0%} are 0")
    axis.axis("off")
save(figure, "08/weights_of_3.png")
assert zeros["L1"] > 0.7 and zeros["none"] == zeros["L2"] == 0

# %% [markdown]
# ## Dropout
#
# In training, each number is zeroed with probability p, so no unit can rely on another. The rest
# are divided by 1 − p, so that the expected sum stays what it is at evaluation, when nothing is
# dropped. Backward uses the very same mask.

# %%
h = np.random.default_rng(0).random((1000, 100))
kept = np.random.default_rng(1).random(h.shape) >= 0.4
by_hand, package = h * kept / (1 - 0.4), F.dropout(mt.tensor(h), 0.4).data
print(
    f"mean {h.mean():.3f}, with dropout {by_hand.mean():.3f}, not rescaled {(h * kept).mean():.3f}"
)
assert np.isclose(by_hand.mean(), h.mean(), rtol=0.03)
assert np.isclose(package.mean(), h.mean(), rtol=0.03)
assert np.isclose(np.mean(package == 0), 0.4, atol=0.02)

# %% [markdown]
# ## All of them
#
# **Early stopping** keeps the weights of the epoch in which the loss on the choosing rows was
# lowest. **Augmentation** moves each batch by up to two pixels: what is moved is the same digit.
# `AdamW` decays directly: here each step takes rate · decay = 1% off every weight.

# %%
figure, axes = plt.subplots(1, 6, figsize=(9, 1.9))
for axis, moves in zip(axes, [(0, 0), (2, 0), (-2, 0), (0, 2), (0, -2), (2, 2)], strict=True):
    axis.imshow(shift(x[:1], *moves)[0], cmap="gray_r")
    axis.set_title("{:+} down, {:+} right".format(*moves), fontsize="small")
    axis.set(xticks=[], yticks=[])
save(figure, "08/shifts.png")

VARIANTS = {
    "nothing": {},
    "weight decay": {"decay": 5.0},
    "dropout": {"dropout": 0.5},
    "shifts": {"shifts": 2},
    "shifts and dropout": {"shifts": 2, "dropout": 0.5},
}
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
tests = {}
for name, options in VARIANTS.items():
    history, tests[name], stopped = fit(**options)
    if name == "nothing":
        plain, tests["early stopping"] = history, stopped
        left.plot(history[:, 0], "--", color="0.6", label="nothing, on the 200 training rows")
    left.plot(history[:, 2], label=name)
left.set(xlabel="epoch", ylabel="loss on the choosing rows", ylim=(0, 1.3))
left.legend(fontsize="small")
for name, (loss, accuracy) in sorted(tests.items(), key=lambda pair: pair[1][1]):
    print(f"{name:<20} {len(y_test)} test rows: loss {loss:.2f}, accuracy {accuracy:.1%}")
    error = 2 * np.sqrt(accuracy * (1 - accuracy) / len(y_test))
    right.errorbar(accuracy, name, xerr=error, fmt="o", color="tab:blue")
right.set(xlabel="accuracy on the test rows, ± two standard errors")
save(figure, "08/variants.png")

# %% [markdown]
# 1,000 rows tell an accuracy to ±2.5 points (two standard errors), so close ones have no order.
# Asserted is what held for five seeds: shifts read more digits; weight decay and early stopping
# read no more, but have a lower loss: they are less sure of what they get wrong.

# %%
overfitting = plain[-1, 2] / plain[:, 2].min()
print(
    f"without any: lowest at epoch {plain[:, 2].argmin()}, {overfitting:.2f} times that at the end"
)
assert plain[-1, 1] == 1 and overfitting > 1.08
assert tests["shifts"][1] > tests["nothing"][1] + 0.01
assert tests["weight decay"][0] < tests["nothing"][0] - 0.08
assert tests["early stopping"][0] < tests["nothing"][0] - 0.08

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 08` checks what you write in `exercises/08_regularization.py`.
