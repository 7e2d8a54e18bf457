# %% [markdown]
# # 05 Multilayer perceptron
#
# Linear layers in a row are still linear. With a bend between them they can take any shape: that
# is a multilayer perceptron. This lesson writes one by hand, forward and backward, lets it read
# handwritten digits, and shows the ways in which it can fail to start.

# %%
from itertools import pairwise

import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from pictures import save

# %% [markdown]
# ## The digits
#
# 5,000 pictures of MNIST, 28 × 28 pixels: 4,000 to learn from, 1,000 held out and never trained
# on. All accuracies below are on the held-out rows. A picture becomes a row of 784 numbers.

# %%
images, labels = mt.data.mnist(download=True)
rows = images.reshape(-1, 784).astype(np.float32) / 255
(x, labels), (x_test, labels_test) = mt.data.split(rows, labels, held_out=0.2, seed=0)
wanted = np.eye(10, dtype=np.float32)[labels]  # ten numbers a picture: 1 at its digit, else 0

# %% [markdown]
# ## Forward and backward by hand
#
# h = relu(x W₁ᵀ + b₁), scores = h W₂ᵀ + b₂, and lesson 02's loss. Backward, the steps are met in
# reverse, and need one thing of the forward pass: a layer its input, ReLU where it was open.


# %%
def initial(rng, *sizes, gain=2.0):
    """Weights (out, in) of variance gain / in, and biases of 0, layer after layer."""
    parameters = []
    for n, out in pairwise(sizes):
        parameters += [rng.normal(size=(out, n)) * np.sqrt(gain / n), np.zeros(out)]
    return [p.astype(np.float32) for p in parameters]


def forward(x, w1, b1, w2, b2):
    z = x @ w1.T + b1
    h = np.maximum(z, 0)
    return z, h, h @ w2.T + b2


def backward(x, wanted, w1, b1, w2, b2):
    """The loss's gradients in the four parameters."""
    z, h, scores = forward(x, w1, b1, w2, b2)
    dscores = 2 * (scores - wanted) / scores.size
    dz = dscores @ w2 * (z > 0)  # where ReLU was closed, nothing flows
    return dz.T @ x, dz.sum(axis=0), dscores.T @ h, dscores.sum(axis=0)


# Is it right? Lesson 04's checker compares it with the slopes that it measures.
rng = np.random.default_rng(0)
few, targets = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
report = mt.check_backward(
    lambda *parameters: np.mean((forward(few, *parameters)[-1] - targets) ** 2),
    lambda dy, *parameters: [dy * g for g in backward(few, targets, *parameters)],
    *(rng.normal(size=shape) for shape in ((7, 3), (7,), (2, 7), (2,))),
)
print(report)
assert report.ok

# %% [markdown]
# ## It reads
#
# Twelve times through the 4,000 rows, 50 at a step. Beside it, lesson 02's line. The bend is what
# matters: without ReLU, two layers are one, (x W₁ᵀ) W₂ᵀ = x (W₂ W₁)ᵀ.


# %%
def batches(epochs):
    rng = np.random.default_rng(SEED)
    for _ in range(epochs):
        yield from rng.permutation(len(x)).reshape(-1, 50)


def accuracy(parameters):
    return np.mean(forward(x_test, *parameters)[-1].argmax(axis=1) == labels_test)


def train(parameters, rate, epochs):
    parameters = [p.copy() for p in parameters]
    for rows in batches(epochs):
        for p, g in zip(parameters, backward(x[rows], wanted[rows], *parameters), strict=True):
            p -= rate * g
    return parameters


SEED, EPOCHS = 0, 12
start = initial(np.random.default_rng(SEED), 784, 64, 10)
by_hand = train(start, rate=0.4, epochs=EPOCHS)
ridge = np.linalg.solve(x.T @ x + 100 * np.eye(784), x.T @ wanted)
linear = np.mean((x_test @ ridge).argmax(axis=1) == labels_test)
print(f"held out, {len(x_test)} rows: linear {linear:.1%}, two layers {accuracy(by_hand):.1%}")
assert accuracy(by_hand) > 0.87 and accuracy(by_hand) > linear + 0.02

# %% [markdown]
# ## The package's version
#
# `nn.Sequential` from the same weights, on the same batches, is the same network. A batch that does
# not fit, such as (3, 2) into Linear(784, 256), is an error, in one sentence.

# %%
model = mt.nn.Sequential(mt.nn.Linear(784, 64), mt.nn.ReLU(), mt.nn.Linear(64, 10))
model.load_state_dict(dict(zip(model.state_dict(), start, strict=True)))
optimizer = mt.optim.SGD(model.parameters(), lr=0.4)
for rows in batches(EPOCHS):
    optimizer.zero_grad()
    F.mse_loss(model(mt.tensor(x[rows])), mt.tensor(wanted[rows])).backward()
    optimizer.step()
scores = model(mt.tensor(x_test)).detach().numpy()
apart = np.abs(scores - forward(x_test, *by_hand)[-1]).max()
print(f"nn.Sequential: {np.mean(scores.argmax(axis=1) == labels_test):.1%}, {apart:.1g} apart")
assert apart < 1e-3

try:
    mt.nn.Linear(784, 256)(mt.zeros(3, 2))
except ValueError as error:
    print(error)
    assert "2 features" in str(error) and "784" in str(error)

# %% [markdown]
# ## The boundary moves
#
# Ones (purple) and fives (orange) in two numbers each, their first two principal components. The
# black line, where the network's score is 0, begins anywhere, and bends round the fives.

# %%
ones_and_fives, held_out = (np.isin(digits, (1, 5)) for digits in (labels, labels_test))
cloud = x[ones_and_fives]
center = cloud.mean(axis=0)
components = np.linalg.svd(cloud - center, full_matrices=False)[2][:2].T / 3
points, points_test = (cloud - center) @ components, (x_test[held_out] - center) @ components
signs, signs_test = np.sign(labels[ones_and_fives] - 3), np.sign(labels_test[held_out] - 3)
line = np.linalg.lstsq(np.c_[points, np.ones(len(points))], signs, rcond=None)[0]
straight = np.mean(np.sign(points_test @ line[:2] + line[2]) == signs_test)
grid = np.stack(np.meshgrid(np.linspace(-2, 2.6, 150), np.linspace(-2, 2.4, 150)))
figure, axes = plt.subplots(1, 4, figsize=(11, 3.1), sharex=True, sharey=True)
for axis, steps in zip(axes, (0, 5, 30, 3000), strict=True):
    small = initial(np.random.default_rng(SEED), 2, 16, 1)
    for _ in range(steps):
        for p, g in zip(small, backward(points, signs[:, None], *small), strict=True):
            p -= 0.2 * g
    bent = np.mean(np.sign(forward(points_test, *small)[-1][:, 0]) == signs_test)
    scores = forward(grid.reshape(2, -1).T, *small)[-1].reshape(150, 150)
    axis.pcolormesh(*grid, scores, vmin=-3, vmax=3, cmap="PuOr_r", rasterized=True)
    axis.contour(*grid, scores, [0], colors="black")
    axis.scatter(*points_test.T, s=5, c=np.where(signs_test < 0, "indigo", "orangered"))
    axis.set(title=f"step {steps}: {bent:.1%} right", xticks=[], yticks=[])
save(figure, "05/boundary.png")
print(f"{len(points_test)} ones and fives, held out: a line {straight:.1%}, bent {bent:.1%}")
assert bent > straight + 0.02

# %% [markdown]
# ## How not to begin
#
# Zeros are a dead end: each layer's gradient is a product with the other's weights or outputs, so
# only the last bias moves. And equal units stay equal. So weights begin random; how large?
# A layer multiplies the mean square of its inputs by in · var(w), and ReLU lets half of it pass:
# var(w) = **2**/in keeps it (He et al. 2015), half of that starves deep layers, double floods them.
# A ReLU closed for every row is dead: it gets no gradient, and stays closed. Large steps kill.

# %%
stuck = train([np.zeros_like(p) for p in start], rate=0.4, epochs=1)
print(f"from zeros: {accuracy(stuck):.1%}, and the weights are still {np.abs(stuck[0]).max():.0f}")
assert not stuck[0].any() and not stuck[2].any() and accuracy(stuck) < 0.2

growth = {}
figure, axis = plt.subplots(figsize=(5.5, 3.4))
for gain, fate in ((4, "floods"), (2, "stays"), (1, "starves")):
    h, sizes = x[:200], []
    for weight in initial(np.random.default_rng(SEED), 784, *[256] * 12, gain=gain)[::2]:
        h = np.maximum(h @ weight.T, 0)
        sizes.append(np.sqrt(np.mean(h**2)))
    growth[gain] = sizes[-1] / sizes[0]
    axis.semilogy(range(1, 13), sizes, "o-", label=f"var(w) = {gain}/in: {fate}")
axis.set(xlabel="layer", ylabel="root mean square of its output")
axis.legend()
save(figure, "05/sizes.png")
assert growth[4] > 10 and 0.4 < growth[2] < 2.5 and growth[1] < 0.1
dead = {}
for rate in (0.4, 1.0, 2.0):
    trained = train(start, rate, epochs=3)
    dead[rate] = np.sum(~(forward(x, *trained)[0] > 0).any(axis=0))
    print(f"rate {rate}: {dead[rate]:2} of 64 units are dead, accuracy {accuracy(trained):.1%}")
assert dead[2.0] > dead[0.4] + 15

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 05` checks what you write in `exercises/05_multilayer_perceptron.py`.
