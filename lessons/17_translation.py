# %% [markdown]
# # 17 Translation
#
# An encoder reads a sentence, a decoder writes another, and cross-attention is how it looks across.
# The parts by hand; then a model learns to say Chinese sentences aloud, in pinyin: a minute, with
# `--full` two. (Chinese to English takes far more than 3,479 sentences: see `fit translation`.)

# %%
import sys

import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn
from minitransformer.training.tasks.readings import Lookup, syllable_accuracy
from pictures import save

mt.manual_seed(0)

# %% [markdown]
# ## Cross-attention
#
# Attention as in lesson 11, but the queries are the decoder's, the keys and values the encoder's:
# T places to write look at S places that were read. Padding gets the score −∞, so the weight 0.


# %%
def cross_attention(x, memory, real, w_q, w_k, w_v):
    """x (T, D) asks, memory (S, D) answers where it is real (S,)."""
    q, k, v = x @ w_q.T, memory @ w_k.T, memory @ w_v.T
    scores = np.where(real, q @ k.T / np.sqrt(q.shape[1]), -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ v


rng = np.random.default_rng(0)
layer = nn.MultiHeadAttention(16, n_head=1).to("float64")
x, memory, real = rng.normal(size=(5, 16)), rng.normal(size=(7, 16)), np.arange(7) < 4
by_hand = cross_attention(x, memory, real, *np.split(layer.in_proj_weight.data, 3))
sides, mask = (mt.tensor(x[None]), mt.tensor(memory[None])), nn.key_padding_mask(real[None])
package = layer(*sides, attn_mask=mask).data[0]
assert np.allclose(by_hand @ layer.out_proj.weight.data.T, package)

# %% [markdown]
# ## Sentences, and what a table knows
#
# Example sentences of the HSK examination, each character with its syllable; a fifth is held out.
# Most characters are always read alike, so a table of the commonest reading is hard to beat; and
# it knows where each syllable stands, which the model must find out. Both are shown, also for the
# characters that have several readings: where there is a choice.

# %%
(train,), (held_out,) = mt.data.split(mt.data.sentence_pairs(download=True), held_out=0.2, seed=0)
table = Lookup(train)


def judge(name, found):
    right, count = syllable_accuracy(found, held_out)
    several, fewer = syllable_accuracy(found, held_out, table.several)
    print(f"{name}: {right:.1%} of {count:,} syllables, {several:.1%} of {fewer:,} with a choice")
    return right


print(f"{len(train):,} sentences to learn from, {len(held_out)} held out")
judge("table", [table.read(pair.chinese) for pair in held_out])

# %% [markdown]
# ## Teacher forcing
#
# The decoder is given the *true* tokens so far and asked for the next one: its inputs are the
# target, one place later, behind a start token; so all places learn in one pass. Padding does not
# count.

# %%
PAD, START, END, UNKNOWN = range(4)
sources = dict.fromkeys(c for pair in train for c in pair.chinese)
targets = dict.fromkeys(s for pair in train for s in pair.pinyin)
source_id, target_id = ({s: i + 4 for i, s in enumerate(side)} for side in (sources, targets))
syllable_of = {i: s for s, i in target_id.items()}


def encoded(pairs):
    """Sources (B, S) and targets (B, T), filled up with PAD."""
    sources = [[source_id.get(c, UNKNOWN) for c in pair.chinese] for pair in pairs]
    targets = [[START, *(target_id.get(s, UNKNOWN) for s in pair.pinyin), END] for pair in pairs]
    return mt.data.pad_sequences(sources)[0], mt.data.pad_sequences(targets)[0]


sizes = {"block_size": 24, "n_layer": 2, "n_head": 4, "n_embd": 128, "dropout": 0.05}
config = mt.models.Seq2SeqConfig(len(source_id) + 4, len(target_id) + 4, **sizes)
model = mt.models.Seq2Seq(config).eval()
source, target = encoded(train[:8])
inputs, wanted = target[:, :-1], target[:, 1:]
logp = F.log_softmax(model.decode(inputs, *model.encode(source))).data
each = -np.take_along_axis(logp, wanted[..., None], axis=2)[..., 0]
by_hand, package = each[wanted != PAD].mean(), model(source, target)[1].item()
print(f"{model.num_parameters():,} parameters; loss by hand {by_hand:.4f}, ours {package:.4f}")
assert np.isclose(by_hand, package, rtol=1e-4)

# %% [markdown]
# ## Training
#
# At first it learns which syllables are common. Then it finds where to look, and the loss falls.

# %%
EPOCHS = 20 if "--full" in sys.argv else 10
loader = mt.data.DataLoader(train, 32, shuffle=True, collate=encoded)
optimizer = mt.optim.AdamW(model.parameters(), lr=2.5e-3)
schedule = mt.optim.CosineLR(optimizer, EPOCHS * len(loader), warmup_steps=50)
parts = model, optimizer, loader.endless(), lambda model, batch: model(*batch)[1], schedule
trainer = mt.training.Trainer(*parts, max_grad_norm=1.0)
losses, checks, (held_out_source, held_out_target) = [], {}, encoded(held_out)
for epoch in range(1, EPOCHS + 1):
    losses += [trainer.step().loss for _ in range(len(loader))]
    with mt.no_grad(), nn.evaluating(model):
        checks[len(losses)] = model(held_out_source, held_out_target)[1].item()
    print(f"epoch {epoch:2}  held-out loss {checks[len(losses)]:.2f}")
model.eval()

figure, axis = plt.subplots(figsize=(6, 3.4))
axis.plot(losses, color="0.8", linewidth=0.8, label="each batch")
axis.plot(checks.keys(), checks.values(), "o-", label="held-out sentences")
axis.set(xlabel="step", ylabel="loss (nats a syllable)")
axis.legend()
save(figure, "17/loss.png")

# %% [markdown]
# ## Greedy, and beams
#
# Now nobody gives the truth: the decoder reads what it wrote itself. Greedy search takes the
# likeliest token each time; but the likeliest first token need not begin the likeliest sentence. A
# beam keeps several hypotheses, each with the sum of its logarithms, and goes on with the best of
# all their continuations. A beam of 1 is greedy. (The package does so with a cache.)


# %%
def search(following, beam, longest=12):
    """following(tokens) -> log p (V,). The best (score, tokens) found."""
    alive, finished = [(0.0, [])], []
    for step in range(1, longest + 1):
        every = [(s + p, [*w, t]) for s, w in alive for t, p in enumerate(following(w))]
        alive = []
        for score, tokens in sorted(every, reverse=True)[:beam]:
            done = tokens[-1] == END or step == longest
            (finished if done else alive).append((score, tokens))
    return max(finished)


@mt.no_grad()
def after(tokens):
    logits = model.decode([[START, *tokens]], *memory)
    return F.log_softmax(logits[0, -1]).data.astype(float)


same = []
for row in held_out_source[:6, None]:
    memory = model.encode(row)
    for beam in (1, 3):
        score, tokens = search(after, beam)
        print(f"log p by a beam of {beam}: {score:7.3f}", end="\n" if beam == 3 else "  ")
        found = model.generate(row, max_new_tokens=12, beam=beam, length_penalty=0.0)[0]
        same.append(found == [token for token in tokens if token != END])
print(f"the package finds the same in {sum(same)} of {len(same)} searches")
assert sum(same) >= len(same) - 2  # two hypotheses may tie, but for rounding
written = [[syllable_of.get(i, "?") for i in row] for row in model.generate(held_out_source)]
assert judge("model", written) > 0.6
for pair, syllables in list(zip(held_out, written, strict=True))[:3]:
    print(f"{pair.chinese}\n  due    {' '.join(pair.pinyin)}\n  found  {' '.join(syllables)}")

# %% [markdown]
# ## Where it looks
#
# Cross-attention's weights for each syllable asked for: they run along the sentence, though nobody
# told it that syllables come in the order of the characters.

# %%
pair = max((p for p in held_out if len(p.chinese) <= 12), key=lambda p: len(p.pinyin))
source, target = encoded([pair])
with mt.no_grad():
    (memory, mask), x = model.encode(source), model.decoder.embedded(target[:, :-1])
    for block in model.decoder.blocks:
        asks = block.norm2(x + block.self_attn(block.norm1(x), is_causal=True))
        _, weights = block.multihead_attn(asks, memory, attn_mask=mask, need_weights=True)
        x = block(x, memory, mask)
spoken = iter(pair.pinyin)
labels = [next(spoken) if c.isalpha() else "(sign)" for c in pair.chinese]
figure, axis = plt.subplots(figsize=(6, 5))
axis.imshow(weights.data[0].mean(axis=0)[:-1], vmin=0)
axis.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
axis.set_yticks(range(len(pair.pinyin)), pair.pinyin)
axis.set(xlabel="character that was read, by its syllable", ylabel="syllable asked for")
save(figure, "17/where.png")

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 17` checks what you write in `exercises/17_translation.py`.
