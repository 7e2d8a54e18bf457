# %% [markdown]
# # 15 BERT
#
# GPT reads from left to right. BERT reads a whole text at once, and learns by filling in words
# that were hidden from it: no labels are needed. This lesson hides words by hand, trains a small
# BERT on film reviews, then loads the weights of a larger one, MiniLM, and finds sentences that
# mean the same. It fetches 97 MB at first, and takes half a minute. (`python -m bench pretraining`
# goes on from here, and trains both further to tell good reviews from bad.)

# %%
import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer.models import BERT, BERTConfig, BERTMaskedLM, SentenceEncoder
from pictures import save

mt.manual_seed(15)
rng = np.random.default_rng(15)

# %% [markdown]
# ## Pieces of words
#
# WordPiece knows 30,522 tokens. A word that is not among them is cut into pieces that are, the
# longest first; `##` marks a piece that does not begin its word. [CLS] and [SEP] stand around all.
# Our small BERT gets the pieces that are the commonest in film reviews, and rows of T of them.

# %%
folder = mt.data.fetch("minilm", download=True)
minilm_tokenizer = mt.text.WordPieceTokenizer.from_folder(folder)
print(*(minilm_tokenizer.vocab[i] for i in minilm_tokenizer.encode("Unwatchably wooden!")))

reviews = [mt.data.clean_text(review) for review in mt.data.imdb(download=True)[0]]
(train_texts,), (test_texts,) = mt.data.split(reviews, held_out=0.2, seed=15)
T, V = 48, 2000
tokenizer = minilm_tokenizer.reduced(train_texts[:2000], vocab_size=V)


def rows_of(texts):
    ids = np.concatenate([tokenizer.encode(text) for text in texts])
    return ids[: len(ids) // T * T].reshape(-1, T)


rows, test_rows = rows_of(train_texts[:4000]), rows_of(test_texts[:300])
print(f"{rows.size:,} tokens of reviews to learn from, {test_rows.size:,} held out")

# %% [markdown]
# ## Hiding words
#
# 15% of the tokens are to be guessed. 80% of those become [MASK]; 10% become a random token and
# 10% stay, for texts in use have no [MASK]: the model must make something of every word. The
# targets are the hidden tokens; all other places have −100, which the loss leaves out.


# %%
def hide(ids):
    chosen = (rng.random(ids.shape) < 0.15) & ~np.isin(ids, tokenizer.special_ids)
    fate = rng.random(ids.shape)
    inputs = np.where(chosen & (fate < 0.8), tokenizer.mask_id, ids)
    random = rng.integers(len(tokenizer.special_ids), V, ids.shape)  # the special ones come first
    inputs = np.where(chosen & (fate >= 0.8) & (fate < 0.9), random, inputs)
    return inputs, np.where(chosen, ids, -100)


known = {"vocab_size": V, "mask_id": tokenizer.mask_id, "special_ids": tokenizer.special_ids}
for inputs, targets in (hide(rows[:3000]), mt.data.mask_tokens(rows[:3000], rng, **known)):
    chosen = targets != -100
    masked, kept = ((inputs[chosen] == x).mean() for x in (tokenizer.mask_id, targets[chosen]))
    print(f"to guess {chosen.mean():.1%}; of these {masked:.1%} are [MASK], {kept:.1%} stayed")
    assert np.allclose([chosen.mean(), masked, kept], [0.147, 0.8, 0.1], rtol=0, atol=0.015)

# %% [markdown]
# Why only the hidden places count: a model that copies its input has learned nothing, and is right
# nearly everywhere. At the hidden places it is right at the tenth that stayed.

# %%
everywhere = (~chosen | (inputs == targets)).mean()
print(f"copying is right at {everywhere:.1%} of all places, and at {kept:.1%} of the hidden ones")
assert everywhere > 0.8 > 0.2 > kept

# %% [markdown]
# ## Pre-training
#
# What is there to beat? A model that looks at nothing guesses by how common each token is. For a
# while BERT does just that; then it begins to look around. (Its positions are learned too. They
# begin as low waves: high ones drown the words, and some runs then never look around.)

# %%
off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
config = BERTConfig(V, 128, 2, 4, 512, max_position_embeddings=T, initializer_range=0.05, **off)
model = BERTMaskedLM(BERT(config))
waves = mt.nn.SinusoidalPositions(T, 128)(mt.zeros(1, T, 128)).numpy()[0]
with mt.no_grad():
    model.bert.embeddings.position_embeddings.weight[...] = 0.02 * waves


def batches(size=32):
    while True:
        yield mt.data.mask_tokens(rows[rng.integers(len(rows), size=size)], rng, **known)


def hidden_loss(model, batch):
    return model(batch[0], None, targets=batch[1])[1]


STEPS = 350
optimizer = mt.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
schedule = mt.optim.CosineLR(optimizer, STEPS, warmup_steps=35)
trainer = mt.training.Trainer(model, optimizer, batches(), hidden_loss, schedule, max_grad_norm=1.0)
curve = [trainer.step().loss for _ in range(STEPS)]
counts = np.bincount(rows.reshape(-1), minlength=V) + 1
test_batch = mt.data.mask_tokens(test_rows[:400], rng, **known)
by_frequency = -np.log(counts / counts.sum())[test_batch[1][test_batch[1] != -100]].mean()
model.eval()
with mt.no_grad():
    test_loss = hidden_loss(model, test_batch).item()
print(
    f"a BERT of {model.num_parameters():,} parameters; loss at hidden places of held-out reviews:"
)
print(f"{test_loss:.2f}; by frequency alone {by_frequency:.2f}; knowing nothing {np.log(V):.2f}")
assert test_loss < by_frequency - 0.1

figure, axis = plt.subplots(figsize=(6.5, 3.6))
axis.plot(curve, color="0.8", linewidth=0.8)
axis.plot(np.arange(19, STEPS), np.convolve(curve, np.full(20, 0.05), "valid"), label="our BERT")
axis.plot(STEPS, test_loss, "o", color="tab:green", label="our BERT, held-out reviews")
axis.axhline(by_frequency, color="tab:orange", linestyle="--", label="by frequency alone")
axis.set(xlabel="step", ylabel="loss at the hidden places (nats)")
axis.legend()
save(figure, "15/pretraining.png")

# Half a minute of training teaches it the air of a review, not yet which word follows which.
for text in ("this is one of the [MASK] movies i have ever seen .", "it is a waste [MASK] time ."):
    ids = tokenizer.encode(text, special=False)[None]
    with mt.no_grad():
        logits = model(ids)[0].numpy()[0, np.flatnonzero(ids[0] == tokenizer.mask_id)[0]]
    print(text, "→", ", ".join(tokenizer.vocab[i] for i in np.argsort(-logits)[:6]))

# %% [markdown]
# ## Real weights
#
# MiniLM is a BERT of six layers that was trained, on a billion pairs of sentences, to put those
# that mean the same close together. A sentence's place is the mean of its tokens' features, scaled
# to length 1. Padding must not be averaged in: it would draw all short sentences together.

# %%
SENTENCES = (
    *("A cat sleeps on the sofa.", "The kitten is having a nap.", "Our dog chases the postman."),
    *("The soup needs more salt.", "This curry is far too hot.", "She bakes bread on Sundays."),
    *("The bank raised its rates.", "Shares fell after the report.", "Investors fear inflation."),
)
minilm = SentenceEncoder.from_pretrained(folder)
ids, mask = mt.data.pad_sequences([minilm_tokenizer.encode(s) for s in SENTENCES])
with mt.no_grad():
    features = minilm.model(ids, mask).numpy()


def scaled(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


by_hand = scaled((features * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True))
points = minilm.encode(SENTENCES)
with_padding = scaled(features.mean(axis=1))
gap, moved = (np.abs(other - points).max() for other in (by_hand, with_padding))
print(f"{minilm.model.num_parameters():,} parameters; by hand and the package's {gap:.1g} apart")
print(f"with padding averaged in, the places move by up to {moved:.2f}")
assert gap < 1e-5 < 0.05 < moved

cosines = points @ points.T
figure, axis = plt.subplots(figsize=(8, 4.2))
image = axis.imshow(cosines, vmin=0, vmax=1)
axis.set(yticks=range(9), yticklabels=SENTENCES, xticks=[], title="cosine of each two sentences")
figure.colorbar(image)
save(figure, "15/similarity.png")
assert cosines[0].argsort()[-2] == 1, "the kitten is nearest to the cat"

# %% [markdown]
# ## Nearest neighbours
#
# 400 sentences of film critics, and those that lie nearest to a sentence of ours. Near means: about
# the same. Praise and blame of one subject lie close together, so that the verdict of the nearest
# sentence is a poor guide. To tell verdicts apart, the weights must be trained further.

# %%
critics, verdicts = mt.data.rotten_tomatoes(download=True)
critics, verdicts = critics[::21][:400], verdicts[::21][:400]
places = minilm.encode(critics)
for ours in ("The story is boring and predictable.", "Children will love these animals."):
    cosines = places @ minilm.encode([ours])[0]
    print(ours, *(f"{cosines[i]:.2f}  {critics[i]}" for i in np.argsort(-cosines)[:3]), sep="\n   ")
alike = places @ places.T - 2 * np.eye(len(places), dtype=np.float32)  # not with themselves
agree = (verdicts[alike.argmax(axis=1)] == verdicts).mean()
print(f"the nearest sentence has the same verdict for {agree:.0%} of {len(critics)}")

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 15` checks what you write in `exercises/15_bert.py`.
