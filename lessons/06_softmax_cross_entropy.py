# %% [markdown]
# # 06 Softmax and cross-entropy
#
# A classifier gives one score a class, any number at all. Softmax makes probabilities of them, and
# cross-entropy says how surprised they leave us by the truth. Together they have the shortest
# gradient there is: p − y.

# %%
import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from pictures import save

# %% [markdown]
# ## Softmax
#
# p_i = exp(x_i) / Σ_j exp(x_j): positive, in the order of the scores, with the sum 1. Only
# differences count: a constant added to all scores cancels. Scores divided by a temperature T
# before softmax give the top score nearly everything (T small) or all the same (T large).


# %%
def softmax(x):
    """Probabilities along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


scores = np.array([1.0, 2.0, 3.0, 5.0])
figure, axes = plt.subplots(1, 4, figsize=(10, 2.5), sharey=True)
for axis, temperature in zip(axes, (0.3, 1, 3, 30), strict=True):
    p = softmax(scores / temperature)
    axis.bar(["1", "2", "3", "5"], p)
    axis.set(title=f"T = {temperature}", xlabel="score", ylim=(0, 1))
    print(f"T = {temperature:<4} p = {p.round(3)}")
axes[0].set_ylabel("probability")
save(figure, "06/temperature.png")
assert np.allclose(softmax(scores + 7), softmax(scores))
assert np.allclose(softmax(scores), F.softmax(mt.tensor(scores)).data)

# %% [markdown]
# The formula as it stands overflows: exp(710) is more than any float64. Less the largest score,
# the largest exponent is exp(0) = 1, and p is the same. The logarithm has the other problem: a
# probability of e^-1000 is 0 to a float, and log 0 = −∞. So log p is computed without p:
# log p_i = x_i − log Σ exp(x_j), where the **log-sum-exp** has its maximum taken out again.


# %%
def log_sum_exp(x):
    top = x.max(axis=-1, keepdims=True)
    return top + np.log(np.exp(x - top).sum(axis=-1, keepdims=True))


large = np.array([1000.0, 0.0])
with np.errstate(all="ignore"):
    print("naive softmax:", np.exp(large) / np.exp(large).sum(), "  shifted:", softmax(large))
    print("log of softmax:", np.log(softmax(large)), "  log-sum-exp:", large - log_sum_exp(large))
    assert np.isnan(np.exp(large) / np.exp(large).sum()).any()
    assert np.isneginf(np.log(softmax(large))[1])
assert np.array_equal(large - log_sum_exp(large), [0, -1000])

# %% [markdown]
# ## Cross-entropy
#
# −Σ_c y_c log p_c; with one right class, −log of its probability. For y = [1, 0] and p = [0.8, 0.2]
# it is −log 0.8 = **0.223** for this one sample. Divided by the number of classes it would be
# 0.112, a common slip: the mean is over samples, not over classes.

# %%
log_p = np.log([[0.8, 0.2]])  # as scores, their softmax is p again
loss = F.cross_entropy(mt.tensor(log_p), np.array([0])).item()
twice = F.cross_entropy(mt.tensor(np.repeat(log_p, 2, axis=0)), np.array([0, 0])).item()
print(f"by hand {-np.log(0.8):.3f}   the engine {loss:.3f}   two such samples {twice:.3f}")
assert np.isclose(loss, 0.22314, atol=1e-5) and np.isclose(twice, loss)

# %% [markdown]
# ## Its gradient
#
# log p_t = x_t − log Σ exp(x_j), so the loss −log p_t has the gradient **p − y**: what was given
# less what was due. It is near 0 only when the answer is right. Lesson 05's squared error, of p
# this time, has a gradient that vanishes also where p is sure and wrong: nothing would be learned
# from the worst mistakes.


# %%
def cross_entropy(x, target):
    return np.mean(log_sum_exp(x)[:, 0] - x[np.arange(len(x)), target])


def cross_entropy_backward(x, target):
    return (softmax(x) - np.eye(x.shape[1])[target]) / len(x)


rng = np.random.default_rng(0)
x, target = rng.normal(size=(5, 3)), rng.integers(3, size=5)
report = mt.check_backward(cross_entropy, lambda dy, *s: dy * cross_entropy_backward(*s), x, target)
print(report)
assert report.ok

right = np.linspace(-8, 8, 161)  # the score of the right class; the other's is 0
p = softmax(np.stack([right, np.zeros_like(right)], axis=1))[:, 0]
figure, axis = plt.subplots(figsize=(6, 3.4))
axis.plot(right, p - 1, label="loss −log p, slope p − 1")
axis.plot(right, -2 * p * (1 - p) ** 2, label="loss (1 − p)², slope −2p(1 − p)²")
axis.set(xlabel="score of the right class less that of the other", ylabel="slope of the loss")
axis.legend(loc="lower right")
save(figure, "06/slopes.png")

# %% [markdown]
# Two refinements, both in `F.cross_entropy`. A target of −100 is **ignored**: it adds nothing, and
# the mean is over the others (padding, in later lessons). **Label smoothing** ε aims at
# 1 − ε + ε/C for the right class and ε/C for the rest: p − y is 0 at scores that are finite.

# %%
some = F.cross_entropy(mt.tensor(x), np.where(np.arange(5) < 2, target, -100)).item()
assert np.isclose(some, cross_entropy(x[:2], target[:2]))

free = mt.tensor(np.zeros((1, 4)), requires_grad=True)
for _ in range(1000):
    F.cross_entropy(free, np.array([2]), label_smoothing=0.1).backward()
    free.data, free.grad = free.data - free.grad, None
print(f"smoothed by 0.1, four classes: p = {softmax(free.data)[0].round(3)}")
assert np.allclose(softmax(free.data), [[0.025, 0.025, 0.925, 0.025]], atol=1e-3)

# %% [markdown]
# ## A linear classifier
#
# scores = x Wᵀ + b on 4,000 pictures of MNIST; 1,000 are held out. It begins with zeros, so each
# digit has p = 1/10, and the loss is log 10 = 2.303: the first number to look at in any training.

# %%
images, labels = mt.data.mnist(download=True)
rows = images.reshape(-1, 784).astype(np.float32) / 255
(x, labels), (x_test, labels_test) = mt.data.split(rows, labels, held_out=0.2, seed=0)
weight, bias = np.zeros((10, 784), np.float32), np.zeros(10, np.float32)
model = mt.nn.Linear(784, 10)
model.load_state_dict({"weight": weight, "bias": bias})
optimizer = mt.optim.SGD(model.parameters(), lr=0.2)
assert np.isclose(cross_entropy(x @ weight.T + bias, labels), np.log(10), atol=1e-4)

rng = np.random.default_rng(0)
for batch in (b for _ in range(15) for b in rng.permutation(len(x)).reshape(-1, 50)):
    dscores = cross_entropy_backward(x[batch] @ weight.T + bias, labels[batch])
    weight -= 0.2 * dscores.T @ x[batch]
    bias -= 0.2 * dscores.sum(axis=0)
    optimizer.zero_grad()
    F.cross_entropy(model(mt.tensor(x[batch])), labels[batch]).backward()
    optimizer.step()
scores = x_test @ weight.T + bias
guesses = scores.argmax(axis=1)
accuracy = np.mean(guesses == labels_test)
apart = np.abs(model.weight.data - weight).max()
print(f"held out, {len(x_test)} rows: {accuracy:.1%}; by hand and nn.Linear are {apart:.1g} apart")
assert accuracy > 0.87 and apart < 1e-3

# %% [markdown]
# A row of W is a picture too: ink where it is blue speaks for the digit, where it is red against
# it. A step adds (y_c − p_c) x to row c: the digit is added, what is mistaken for it taken away.

# %%
figure, axes = plt.subplots(2, 5, figsize=(9, 3.9))
for digit, axis in enumerate(axes.flat):
    axis.imshow(weight[digit].reshape(28, 28), cmap="RdBu", vmin=-0.7, vmax=0.7)
    axis.set_title(digit)
    axis.axis("off")
save(figure, "06/weights.png")

# %% [markdown]
# Which digits are taken for which, and the pictures that surprised it most: the largest −log p.

# %%
confusion = np.zeros((10, 10), int)
np.add.at(confusion, (labels_test, guesses), 1)
figure, axis = plt.subplots(figsize=(4.6, 4))
mistakes = confusion - np.diag(np.diag(confusion))
axis.imshow(mistakes, cmap="Reds", vmax=2 * mistakes.max())
for (row, column), count in np.ndenumerate(confusion):
    if count:
        axis.text(column, row, count, ha="center", va="center", fontsize=8)
axis.set(xlabel="taken for", ylabel="digit", xticks=range(10), yticks=range(10))
save(figure, "06/confusion.png")
row, column = np.unravel_index(mistakes.argmax(), mistakes.shape)
print(f"most often: {mistakes[row, column]} of {confusion[row].sum()} {row}s taken for {column}")

surprise = log_sum_exp(scores)[:, 0] - scores[np.arange(len(scores)), labels_test]
figure, axes = plt.subplots(1, 8, figsize=(10, 1.8))
for index, axis in zip(np.argsort(-surprise), axes, strict=False):
    axis.imshow(x_test[index].reshape(28, 28), cmap="gray_r")
    it = f"a {labels_test[index]}, p = {np.exp(-surprise[index]):.1g}"
    axis.set_title(f"{it}\ntaken for {guesses[index]}", fontsize="small")
    axis.axis("off")
save(figure, "06/surprises.png")

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 06` checks what you write in `exercises/06_softmax_cross_entropy.py`.
