# %% [markdown]
# # 11 Attention
#
# Attention lets every position look at every other at once. Each asks a question (its query), has
# a label (its key) and something to tell (its value). What it hears is a mean of all values,
# weighted by how well their keys answer its query.

# %%
import io
import sysconfig
import tokenize
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from pictures import save

# %% [markdown]
# ## By hand
#
# Three positions hold 1, 2 and 3: their queries, keys and values at once. Query 1 scores [1, 2, 3],
# the softmax of **all three together** is [0.090, 0.245, 0.665], and so it hears 0.090 · 1 +
# 0.245 · 2 + 0.665 · 3 = 2.575. (The softmax of a single number is 1: never [1, 0, 0] for a row.)


# %%
def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention(q, k, v):
    """q (T, D), k (S, D), v (S, Dv) -> what each query hears (T, Dv), the weights (T, S)."""
    weights = softmax(q @ k.T / np.sqrt(q.shape[-1]))
    return weights @ v, weights


x = np.array([[1.0], [2.0], [3.0]])
y, weights = attention(x, x, x)
print("weights of query 1", weights[0].round(3), " it hears", y[0].round(3))
assert np.allclose([*weights[0], y[0, 0]], [0.090, 0.245, 0.665, 2.575], atol=5e-4)
assert softmax(np.array([7.0])) == 1
assert np.allclose(F.scaled_dot_product_attention(x, x, x).data, y)

# %% [markdown]
# ## Why √d
#
# A score is a sum of d products: with entries of variance 1 it has variance d. Far apart, the
# largest takes all the weight, and a softmax so sure passes no gradient on. √d mends that.

# %%
rng = np.random.default_rng(0)
SIZES = 4 ** np.arange(6)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4))
for label, power in (("q · k", 0.0), ("q · k / √d", 0.5)):
    scores = [rng.normal(size=(200, d)) @ rng.normal(size=(d, 50)) / d**power for d in SIZES]
    entropy = [-(softmax(s) * np.log(softmax(s) + 1e-300)).sum(axis=1).mean() for s in scores]
    axes[0].loglog(SIZES, [s.var() for s in scores], "o-", label=label)
    axes[1].semilogx(SIZES, np.exp(entropy), "o-")
    print(f"{label:10} at d = 1024: each query hears {np.exp(entropy[-1]):4.1f} of 50 keys")
    assert np.exp(entropy[-1]) > 20 if power else np.exp(entropy[-1]) < 2
axes[0].set(title="variance of the scores", xlabel="d")
axes[1].set(title="keys heard (e to the entropy), of 50", xlabel="d", ylim=(0, None))
axes[0].legend()
save(figure, "11/scale.png")

# %% [markdown]
# ## No looking ahead
#
# What predicts the next word must not see it. The scores of later keys become −∞ **before** the
# softmax, so that their weight is 0 and the others still sum to 1.

# %%
q, k, v = rng.normal(size=(3, 5, 4))
scores = np.where(np.tri(5, dtype=bool), q @ k.T / np.sqrt(4), -np.inf)
causal = softmax(scores)
print(causal.round(2))
assert np.allclose(causal.sum(axis=1), 1) and not np.triu(causal, k=1).any()
assert np.allclose(F.scaled_dot_product_attention(q, k, v, is_causal=True).data, causal @ v)

# %% [markdown]
# ## Backward
#
# S = q kᵀ/√d, P = softmax(S), y = P v, and now back. v was multiplied by P, so its gradient takes
# Pᵀ; then through the softmax, as in lesson 06; and S was a product too.


# %%
def attention_backward(dy, q, k, v):
    p = softmax(q @ k.T / np.sqrt(q.shape[-1]))
    dv = p.T @ dy
    dp = dy @ v.T
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, ds.T @ q, dv


assert mt.check_backward(lambda *inputs: attention(*inputs)[0], attention_backward, q, k, v).ok
tensors = [mt.tensor(a, requires_grad=True) for a in (q, k, v)]
F.scaled_dot_product_attention(*tensors).backward(dy := rng.normal(size=(5, 4)))
assert np.allclose([t.grad for t in tensors], attention_backward(dy, q, k, v))
print("the gradients by hand are those of finite differences and of the engine")

# %% [markdown]
# ## Learning where to look
#
# In a program names (and keywords) come again: one layer shall point at an earlier place of the one
# that comes **next**. A word is a random vector, a position the last three words; a matrix for
# queries and one for keys are learned. The modules that judge it have names it has never seen.

# %%
KINDS = (tokenize.NAME, tokenize.OP, tokenize.NUMBER, tokenize.NEWLINE)
T, D, HEAD = 64, 64, 48


def words_of(files):
    tokens = [t for f in files for t in tokenize.tokenize(io.BytesIO(f.read_bytes()).readline)]
    return [t.string.strip() or "↵" for t in tokens if t.type in KINDS]


modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::3]
(learnt,), (judged,) = mt.data.split(modules, held_out=0.2, seed=0)
texts = words_of(learnt), words_of(judged)
numbers = {word: i for i, word in enumerate(dict.fromkeys(texts[0] + texts[1]))}
train, held_out = (np.array([numbers[word] for word in text]) for text in texts)
vectors = (rng.normal(size=(len(numbers), D)) / np.sqrt(D)).astype(np.float32)
is_name = np.array([word.isidentifier() for word in numbers])
future = np.triu(np.ones((T, T), bool), k=1)


def windows(ids, starts):
    """The words at T positions and at the two before each (3, N, T); where the next one stood."""
    near = np.stack([ids[starts[:, None] + np.arange(T) + 2 - back] for back in range(3)])
    following = ids[starts[:, None] + np.arange(T) + 3][:, :, None]
    return near, (near[0][:, None, :] == following) & is_name[following] & ~future


def point(near):
    x = mt.tensor(np.concatenate(list(vectors[near]), axis=-1))
    scores = (x @ to_query) @ (x @ to_key).transpose(-1, -2) / HEAD**0.5
    return scores.masked_fill(future, -np.inf).softmax()


first = (rng.normal(size=(2, 3 * D, HEAD)) / 11).astype(np.float32)
to_query, to_key = (mt.tensor(matrix, requires_grad=True) for matrix in first)
optimizer = mt.optim.Adam([to_query, to_key], lr=0.01)
for _ in range(400):
    near, right = windows(train, rng.integers(len(train) - T - 3, size=32))
    there = right.any(axis=-1)  # positions before a name that has been seen
    weight = (point(near) * right.astype(np.float32)).sum(axis=-1)[there]
    loss = -(weight + 1e-9).log().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

near, right = windows(held_out, np.arange(0, len(held_out) - T - 3, T)[:400])
weights, there, names = point(near).data, right.any(axis=-1), list(numbers)
often = (near[0][:, :, None] == near[0][:, None, :]).cumsum(axis=1) * is_name[near[0]][:, None]


def hits(guess):
    best = guess.argmax(axis=-1)[..., None]
    return np.take_along_axis(right, best, axis=-1)[there].mean()


learned, commonest = hits(weights), hits(np.where(future, 0, often))
print(
    f"held out: it points at {learned:.1%} of {there.sum()} names (the commonest: {commonest:.1%})"
)
assert learned > commonest + 0.1

# The two matrices multiply to nine blocks: how much each word of the query asks for the same word
# at each place of the key. It looks for where this word was the one before: what followed it?
same = np.einsum("iaja->ij", (to_query @ to_key.transpose(0, 1)).data.reshape(3, D, 3, D)) / D
assert same.argmax() == 1 and same[0, 1] > 2 * same[0, 0]
shown = next(n for n in range(len(there)) if there[n, 20:].sum() >= 10)
rows = np.flatnonzero(there[shown])[-14:]
words = [names[i] for i in held_out[shown * T :][: T + 3]]
figure, axes = plt.subplots(1, 2, figsize=(13, 4.4), width_ratios=(5, 1))
axes[0].imshow(weights[shown][rows], aspect="auto", cmap="Blues", vmin=0, vmax=1)
axes[0].plot(*np.argwhere(right[shown][rows]).T[::-1], "o", color="tab:orange", fillstyle="none")
axes[0].set_xticks(range(T), words[2:-1], rotation=90, fontsize=7)
axes[0].set_yticks(range(len(rows)), ["{} {} → {}".format(*words[t + 1 : t + 4]) for t in rows])
axes[0].set_title("where each looks; circles: where the next name stood")
axes[1].imshow(same, cmap="Blues")
axes[1].set_xticks(range(3), ["this", "before", "2 before"], rotation=45)
axes[1].set_yticks(range(3), ["this", "before", "2 before"])
axes[1].set(xlabel="word of the key", ylabel="word of the query", title="asks for")
save(figure, "11/names.png")

# %% [markdown]
# One softmax gives one mean. To hear two things at once, cut the features into heads, each with a
# softmax of its own: (T, D) becomes (n_head, T, D / n_head). Lesson 12 puts them to use.
#
# ## Your turn
#
# `python -m lessons check 11` checks what you write in `exercises/11_attention.py`.
