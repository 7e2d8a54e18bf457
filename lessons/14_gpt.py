# %% [markdown]
# # 14 GPT
#
# A language model answers one question, over and over: which token comes next? This lesson counts
# an answer, then builds a GPT's parts by hand, trains one on the sources of Python's standard
# library, and writes with it: about a minute. `--full` trains nanoGPT's recipe for a laptop, 2,000
# steps with a fourth layer, in two or three.

# %%
import sys

import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer.models.sampling import sample
from pictures import save

FULL, SEED = "--full" in sys.argv, 14
mt.manual_seed(SEED)

# %% [markdown]
# ## Tokens
#
# The text is cut into 512 different tokens: the 256 bytes, and the 256 commonest runs of them
# (byte pair encoding). The last tenth of the text is held out: no model below learns from it.

# %%
text = mt.data.text_corpus()
tokenizer = mt.text.BPETokenizer.train(text, 512)
train, held_out = mt.data.split_tokens(tokenizer.encode(text))
V = tokenizer.vocab_size
print(f"{len(train):,} tokens to learn from, {len(held_out):,} held out, {V} different ones")
print("|".join(tokenizer.decode([t]) for t in tokenizer.encode("    def __init__(self, name):")))

# %% [markdown]
# ## A model by counting
#
# Knowing nothing, each token has probability 1/V, and the loss −log(1/V) = log V. The bigram model
# looks at one token: how often did each other one follow it? A 1 is added to each count, since a
# pair that never occurred would have an infinite loss.

# %%
counts = np.ones((V, V))
np.add.at(counts, (train[:-1], train[1:]), 1)
bigram = counts / counts.sum(axis=1, keepdims=True)
bigram_loss = -np.log(bigram[held_out[:-1], held_out[1:]]).mean()
print(f"loss on held-out text: knowing nothing {np.log(V):.2f}, bigrams {bigram_loss:.2f}")

# %% [markdown]
# ## Batches of shifted targets
#
# A window of T + 1 tokens holds T questions with their answers: the targets are the inputs, one
# place further on. So one pass through the model trains it at every place of the window.

# %%
T, ROWS = 64, 12
places = np.random.default_rng(0).integers(len(train) - T, size=(ROWS, 1)) + np.arange(T)
inputs, targets = train[places], train[places + 1]
for name, row in (("inputs ", inputs[0]), ("targets", targets[0])):
    print(name, [tokenizer.decode([token]) for token in row[:6]])
batches = mt.data.TokenBatches(train, batch_size=ROWS, block_size=T, seed=SEED)
for x, y in ((inputs, targets), next(batches)):
    assert x.shape == y.shape == (ROWS, T) and (x[:, 1:] == y[:, :-1]).all()

# %% [markdown]
# ## The causal block
#
# Each place takes a weighted mean of itself and the *earlier* ones (later ones get the score −∞,
# so the weight 0, else the answers were in view), then thinks for itself; both are added to what
# was there. By hand it is a dozen lines, and agrees with the package's.

# %%
sizes = {"n_layer": 4 if FULL else 3, "n_head": 4, "n_embd": 128}
model = mt.models.GPT(mt.models.GPTConfig(vocab_size=V, block_size=T, **sizes))
print(f"a GPT of {model.num_parameters():,} parameters")


def normalized(x):  # a new model's norms have weight 1 and bias 0: they are left out
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)


def block_by_hand(x, weights, heads):  # (T, C) -> (T, C)
    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    length, features = x.shape
    packed = linear(normalized(x), "attn.c_attn").reshape(length, 3, heads, -1)
    q, k, v = packed.transpose(1, 2, 0, 3)  # each (heads, T, C / heads)
    scores = q @ k.swapaxes(1, 2) / np.sqrt(features / heads)
    scores[:, np.triu(np.ones((length, length), bool), k=1)] = -np.inf
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    x = x + linear((p @ v).swapaxes(0, 1).reshape(x.shape), "attn.c_proj")
    h = linear(normalized(x), "mlp.c_fc")
    gelu = h / (1 + np.exp(-2 * np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
    return x + linear(gelu, "mlp.c_proj")


block = model.transformer.h[0]
weights = {name: tensor.numpy() for name, tensor in block.state_dict().items()}
x = np.random.default_rng(0).normal(size=(1, T, 128)).astype(np.float32)
with mt.no_grad():
    gap = np.abs(block(mt.tensor(x)).numpy()[0] - block_by_hand(x[0], weights, 4)).max()
    changed = (inputs[:1] + (np.arange(T) == 40)) % V
    moved = np.abs((model(inputs[:1])[0] - model(changed)[0]).numpy()).max(axis=(0, 2))
print(f"by hand and the package's: {gap:.1g} apart")
print(f"another token at place 40 moves the logits from place {np.flatnonzero(moved)[0]} on")
assert gap < 1e-4 and not moved[:40].any() and moved[40:].all()

# %% [markdown]
# ## Training: AdamW, a rate that warms up and then falls, gradients cut to length 1

# %%
STEPS = 2000 if FULL else 700
optimizer = model.configure_optimizer(weight_decay=0.1, lr=2.5e-3, betas=(0.9, 0.99))
schedule = mt.optim.CosineLR(optimizer, STEPS, warmup_steps=100, min_lr=2e-4)


@mt.no_grad()
def held_out_loss():
    chosen = mt.data.validation_batches(held_out, batch_size=32, block_size=T, max_batches=10)
    return float(np.mean([model(*batch)[1].item() for batch in chosen]))


trainer = mt.training.Trainer(
    model, optimizer, batches, lambda model, batch: model(*batch)[1], schedule, max_grad_norm=1.0
)
curve, checks = [], {0: held_out_loss()}
for step in range(1, STEPS + 1):
    curve.append(trainer.step().loss)
    if step % (STEPS // 7) == 0:
        checks[step] = held_out_loss()
        print(f"step {step:5}  held-out loss {checks[step]:.3f}")

figure, axis = plt.subplots(figsize=(6.5, 3.8))
axis.plot(curve, color="0.8", linewidth=0.8, label="GPT, each batch")
axis.plot(checks.keys(), checks.values(), "o-", color="tab:blue", label="GPT, held-out text")
axis.axhline(np.log(V), color="0.5", linestyle=":", label="knowing nothing: log V")
axis.axhline(bigram_loss, color="tab:orange", linestyle="--", label="bigrams, held-out text")
axis.set(xlabel="step", ylabel="loss (nats a token)")
axis.legend()
save(figure, "14/loss.png")
assert checks[STEPS] < bigram_loss - 0.1

# %% [markdown]
# ## What comes next
#
# Softmax of the last place's logits. A temperature divides them first: below 1 the likely tokens
# gain. Top-k keeps the k likeliest, top-p the likeliest that reach p together, so that no unlikely
# token derails the text. ("import" has no space behind it: tokens begin with theirs.)


# %%
def chances(logits, temperature=1.0, top_k=None, top_p=1.0):
    order = np.argsort(-logits)[:top_k]
    p = np.exp((logits[order] - logits.max()) / temperature)
    p /= p.sum()
    p[np.cumsum(p) - p >= top_p] = 0  # those before it reach top_p without it
    return np.bincount(order, p / p.sum(), len(logits))


PROMPTS = "    def __init__(", "        return self.", "import"
WAYS = {"temperature": 0.5}, {"top_k": 5}, {"top_p": 0.8}
with mt.no_grad():  # the logits after each prompt
    after = [model(tokenizer.encode(p)[None])[0].numpy()[0, -1].astype(float) for p in PROMPTS]
figure, axes = plt.subplots(2, 3, figsize=(10, 5.8), sharex="row")
for k, axis in enumerate(axes.flat):
    which, way = (k, {}) if k < 3 else (2, WAYS[k - 3])
    likely = np.argsort(-after[which])[9::-1]
    names = [repr(tokenizer.decode([token])) for token in likely]
    p = chances(after[which], **way)
    axis.barh(names, p[likely], color="tab:orange" if way else "tab:blue")
    how = "".join(f" {name} {value}, {(p > 0).sum()} tokens left" for name, value in way.items())
    axis.set(title=f"{PROMPTS[which].strip()} …{how}", xlabel="probability of the next token")
save(figure, "14/next_token.png")

# The package's `sample` cuts alike: of 20,000 draws, each token has its share.
way = {"temperature": 0.8, "top_k": 40, "top_p": 0.8}
drawn = sample(np.tile(after[2], (20_000, 1)), np.random.default_rng(0), **way)
gap = np.abs(np.bincount(drawn, minlength=V) / len(drawn) - chances(after[2], **way)).max()
print(f"chances by hand and shares of the draws: {gap:.3f} apart")
assert gap < 0.02

# %% [markdown]
# ## Writing: a token is drawn, put at the end, and the question asked again
#
# Always the likeliest (top_k = 1) goes round in circles; anything goes, and the text comes apart.

# %%
start = tokenizer.encode("def ")[None]
for way in ({"top_k": 1}, {"temperature": 1.0}, {"temperature": 0.7, "top_p": 0.9}):
    written = model.generate(start, 120, seed=0, **way)[0]
    print(f"--- {way}\n{tokenizer.decode(written)}")

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 14` checks what you write in `exercises/14_gpt.py`.
