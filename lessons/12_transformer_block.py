# %% [markdown]
# # 12 The transformer block
#
# Attention mixes positions, a small network works on each alone, norms and residual paths let one
# stack many of both. Each part by hand, then twelve blocks deep in the two orders that people use.

# %%
import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn
from pictures import save

rng = np.random.default_rng(0)

# %% [markdown]
# ## Where am I?
#
# Attention takes a mean over a **set**: shuffle the words, and each hears the same as before. So a
# position is added to each word: sines and cosines from fast to slow, as the hands of many clocks.
# How alike two positions are depends only on how far apart they are.


# %%
def sinusoids(length, d_model):
    """(length, d_model): sines in the even columns, cosines in the odd ones."""
    angles = np.arange(length)[:, None] / 10_000 ** (np.arange(0, d_model, 2) / d_model)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, d_model)


attention = nn.MultiHeadAttention(32, n_head=4)
words, order = rng.normal(size=(1, 10, 32)).astype(np.float32), rng.permutation(10)
shuffled = attention(mt.tensor(words[:, order])).data
assert np.allclose(shuffled, attention(mt.tensor(words)).data[:, order], atol=1e-5)

positions = sinusoids(100, 64)
likeness = positions @ positions.T / 32
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
axes[0].imshow(positions[:, ::2].T, aspect="auto", cmap="RdBu")
axes[0].set(title="the sines: one row a frequency", xlabel="position")
for place in (20, 50, 80):
    axes[1].plot(likeness[place], label=f"position {place}")
axes[1].set(title="how alike (cosine)", xlabel="to position", ylim=(0.3, 1.15))
axes[1].legend(ncols=3, fontsize=8)
save(figure, "12/positions.png")
assert all(np.allclose(np.diagonal(likeness, k), likeness[0, k]) for k in range(100))

# %% [markdown]
# ## Layer norm
#
# Each position's features are brought to mean 0 and variance 1. Backward, these two do not forget
# that they depend on x: they take away the mean of the gradient, and its share along the output.


# %%
def layer_norm(x, eps=1e-5):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)


def layer_norm_backward(dy, x, eps=1e-5):
    y, deviation = layer_norm(x), np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    along = (dy * y).mean(axis=-1, keepdims=True)
    return (dy - dy.mean(axis=-1, keepdims=True) - y * along) / deviation


x = rng.normal(size=(5, 7))
assert mt.check_backward(layer_norm, layer_norm_backward, x).ok
assert np.allclose(layer_norm(x), F.layer_norm(x, 7).data)
print("each row sums to 0, so with an upstream of ones, zeros would pass for the gradient")
assert np.abs(layer_norm_backward(np.ones_like(x), x)).max() < 1e-12

# %% [markdown]
# ## Many heads
#
# One projection makes q, k and v. Their features are cut into heads, each of which attends for
# itself; a last projection mixes what they heard.


# %%
def multi_head(x, packed, packed_bias, out, out_bias, n_head):
    """x (T, D), packed (3 D, D), out (D, D) -> (T, D)."""
    q, k, v = np.split(x @ packed.T + packed_bias, 3, axis=-1)
    heads = []
    for columns in np.split(np.arange(x.shape[1]), n_head):
        scores = q[:, columns] @ k[:, columns].T / np.sqrt(len(columns))
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        heads.append(e / e.sum(axis=-1, keepdims=True) @ v[:, columns])
    return np.concatenate(heads, axis=-1) @ out.T + out_bias


parameters = [p.data for p in attention.parameters()]
by_hand = multi_head(words[0], *parameters, n_head=4)
assert np.allclose(by_hand, attention(mt.tensor(words)).data[0], atol=1e-5)

# %% [markdown]
# ## Two orders
#
# Post-norm, as first published: x ← LayerNorm(x + f(x)). Pre-norm: x ← x + f(LayerNorm(x)), in
# which nothing stands between the first x and the last but additions.


# %%
def post_norm(block, x):
    x = block.norm1(x + block.self_attn(x))
    return block.norm2(x + block.linear2(F.gelu(block.linear1(x))))


def pre_norm(block, x):
    x = x + block.self_attn(block.norm1(x))
    return x + block.linear2(F.gelu(block.linear1(block.norm2(x))))


for order in (post_norm, pre_norm):
    block = nn.TransformerBlock(32, n_head=4, norm_first=order is pre_norm)
    x = mt.tensor(words)
    assert np.allclose(order(block, x).data, block(x).data, atol=1e-5)

# %% [markdown]
# ## Twelve deep, on real text
#
# The next character of Python's standard library, read 32 at a time. Both orders begin alike; at
# the same brisk rate only one learns more than how frequent each character is. Where it is stuck,
# the gradient has died on its way down: each norm on the path has damped it a little.

# %%
text = mt.data.text_corpus()[:1_000_000]
tokens = (tokenizer := mt.text.CharTokenizer.from_text(text)).encode(text)
D, T = 32, 32
places = mt.tensor(sinusoids(T, D).astype(np.float32))


class Reader(nn.Module):
    def __init__(self, norm_first):
        super().__init__()
        self.embedding = nn.Embedding(tokenizer.vocab_size, D)
        self.blocks = nn.ModuleList(
            nn.TransformerBlock(D, n_head=4, causal=True, norm_first=norm_first) for _ in range(12)
        )
        self.norm = nn.LayerNorm(D)
        self.head = nn.Linear(D, tokenizer.vocab_size)

    def forward(self, ids):
        self.stream = [self.embedding(ids) + places]
        for block in self.blocks:
            self.stream.append(block(self.stream[-1]))
        return self.head(self.norm(self.stream[-1]))


def train(norm_first, rate, steps=150, seed=0):
    """All losses, and the gradient's size after each block: in the first and in the last step."""
    mt.manual_seed(seed)
    model = Reader(norm_first)
    optimizer = mt.optim.Adam(model.parameters(), lr=rate)
    batches = mt.data.TokenBatches(tokens, batch_size=8, block_size=T, seed=seed)
    losses, sizes = [], []
    for step in range(steps):
        ids, following = next(batches)
        loss = F.cross_entropy(model(ids).reshape(-1, tokenizer.vocab_size), following.ravel())
        for x in model.stream:
            x.retain_grad()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step in (0, steps - 1):
            sizes.append([np.linalg.norm(x.grad) for x in model.stream])
    return np.array(losses), np.array(sizes)


RUNS = {"post-norm": (False, 0.006), "pre-norm": (True, 0.006), "post-norm, slower": (False, 0.001)}
figure, axes = plt.subplots(1, 2, figsize=(11, 4))
ends, kept = {}, {}
for name, (norm_first, rate) in RUNS.items():
    losses, sizes = train(norm_first, rate)
    ends[name], kept[name] = losses[-20:].mean(), sizes[:, 0] / sizes[:, -1]
    print(f"{name:17} rate {rate}: loss {ends[name]:.2f}; gradient below over above", end=" ")
    print("{:.2g} at first, {:.2g} at last".format(*kept[name]))
    axes[0].plot(np.convolve(losses, np.full(10, 0.1), "valid"), label=f"{name}, rate {rate}")
    if rate == 0.006:
        color = axes[0].lines[-1].get_color()
        for style, size, when in zip(("--", "-"), sizes, ("first", "last"), strict=True):
            axes[1].semilogy(size / size[-1], style, color=color, label=f"{name}, {when} step")
axes[0].set(xlabel="step", ylabel="loss, mean of 10 steps", title="twelve blocks on real text")
axes[1].set(xlabel="after block", title="size of the gradient (above all blocks: 1)")
axes[0].legend()
axes[1].legend()
save(figure, "12/depth.png")
assert ends["pre-norm"] < ends["post-norm"] - 0.3
assert ends["post-norm, slower"] < ends["post-norm"] - 0.2  # it can learn, if it steps gently
assert kept["post-norm"][1] < 0.2 < kept["pre-norm"][1]
assert min(kept["post-norm"][0], kept["pre-norm"][0]) > 0.5

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 12` checks what you write in `exercises/12_transformer_block.py`.
