# %% [markdown]
# # 15 BERT
#
# GPT reads from left to right. BERT reads a whole text at once, and learns by filling in words
# that were hidden from it: no labels are needed. This lesson hides words by hand, trains a small
# BERT on film reviews, then loads the weights of a large one, MiniLM, and finds sentences that mean
# the same. It fetches 97 MB at first, and takes about half a minute. `--full` pre-trains longer,
# and fine-tunes both to tell good reviews from bad: about a quarter of an hour.

# %%
import sys

import numpy as np

import minitransformer as mt
from minitransformer.models import BERT, BERTConfig, BERTMaskedLM

FULL, SEED = "--full" in sys.argv, 15
mt.manual_seed(SEED)
rng = np.random.default_rng(SEED)

# %% [markdown]
# ## Pieces of words
#
# WordPiece knows 30,522 tokens. A word that is not among them is cut into pieces that are, the
# longest first; `##` marks a piece that does not begin its word. [CLS] and [SEP] stand around all.

# %%
folder = mt.data.fetch("minilm", download=True)
minilm_tokenizer = mt.text.WordPieceTokenizer.from_folder(folder)


def pieces(tokenizer, ids):
    return " ".join(tokenizer.vocab[i] for i in ids)


print(pieces(minilm_tokenizer, minilm_tokenizer.encode("An unwatchably wooden thriller!")))

# %% [markdown]
# ## Film reviews
#
# Our small BERT gets the 4,000 pieces that are the commonest in the reviews, and rows of T of them.
# It trains on the reviews of one part, and is asked about those of the other.

# %%
reviews, labels = mt.data.imdb(download=True)
reviews = [mt.data.clean_text(review) for review in reviews]
(train_texts, train_labels), (test_texts, test_labels) = mt.data.split(
    reviews, labels, held_out=0.2, seed=SEED
)
tokenizer = minilm_tokenizer.reduced(train_texts[:2000], vocab_size=4000)
T, V = 48, tokenizer.vocab_size


def rows_of(texts):  # all their tokens in rows of T, ends left out
    ids = np.concatenate([tokenizer.encode(text) for text in texts])
    return ids[: len(ids) // T * T].reshape(-1, T)


rows, test_rows = rows_of(train_texts[: None if FULL else 4000]), rows_of(test_texts[:300])
print(f"{rows.size:,} tokens of reviews to learn from, {test_rows.size:,} held out")

# %% [markdown]
# ## Hiding words
#
# 15% of the tokens are to be guessed. 80% of those become [MASK]; 10% become a random token, and
# 10% stay, so that no token can be trusted, and none ignored: texts in use have no [MASK]. The
# targets are the hidden tokens; all other places have −100, which the loss leaves out.

# %%
special = tokenizer.special_ids


def hide(ids):
    chosen = (rng.random(ids.shape) < 0.15) & ~np.isin(ids, special)
    fate = rng.random(ids.shape)
    inputs = np.where(chosen & (fate < 0.8), tokenizer.mask_id, ids)
    random = rng.integers(len(special), V, ids.shape)
    inputs = np.where(chosen & (fate >= 0.8) & (fate < 0.9), random, inputs)
    return inputs, np.where(chosen, ids, -100)


def hide_with_the_package(ids):
    known = {"vocab_size": V, "mask_id": tokenizer.mask_id, "special_ids": special}
    return mt.data.mask_tokens(ids, rng, **known)


for way in (hide, hide_with_the_package):
    inputs, targets = way(rows[:3000])
    chosen = targets != -100
    shares = [np.mean(inputs[chosen] == x) for x in (tokenizer.mask_id, targets[chosen])]
    print(f"{chosen.mean():.1%} to guess; of these {shares[0]:.1%} [MASK], {shares[1]:.1%} as were")
    assert (
        abs(chosen.mean() - 0.148) < 0.006 and np.abs(np.subtract(shares, (0.8, 0.1))).max() < 0.01
    )

# %% [markdown]
# ## Why the loss counts the hidden places alone
#
# A model that copies its input has learned nothing, and yet is right almost everywhere. At the
# hidden places it is right at the tenth that stayed.

# %%
everywhere = (inputs == np.where(chosen, targets, inputs)).mean()
print(f"copying is right at {everywhere:.1%} of all places, and at {shares[1]:.1%} of the hidden")
assert everywhere > 0.8 > 0.2 > shares[1]

# %% [markdown]
# ## Pre-training
#
# What is there to beat? A model that looks at nothing guesses by how common each token is.

# %%
sizes = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
config = BERTConfig(V, **sizes, intermediate_size=512, max_position_embeddings=64)
model = BERTMaskedLM(BERT(config))
print(f"a BERT of {model.num_parameters():,} parameters")
counts = np.bincount(rows.reshape(-1), minlength=V) + 1
test_inputs, test_targets = hide_with_the_package(test_rows[:400])
hidden = test_targets[test_targets != -100]
by_frequency = -np.log(counts / counts.sum())[hidden].mean()


def hidden_batches(size=32):
    while True:
        yield hide_with_the_package(rows[rng.integers(len(rows), size=size)])


def hidden_loss(model, batch):
    inputs, targets = batch
    return model(inputs, None, targets)[1]


def train(model, batches, loss, steps, lr):
    optimizer = mt.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    schedule = mt.optim.CosineLR(optimizer, steps, warmup_steps=steps // 10)
    trainer = mt.training.Trainer(model, optimizer, batches, loss, schedule, max_grad_norm=1.0)
    return [trainer.step().loss for _ in range(steps)]


STEPS = 4000 if FULL else 250
curve = train(model, hidden_batches(), hidden_loss, STEPS, lr=2e-3)
with mt.no_grad(), mt.nn.evaluating(model):
    test_loss = hidden_loss(model, (test_inputs, test_targets)).item()
print(f"loss at hidden places of held-out reviews: by frequency {by_frequency:.2f}, ")
print(f"our BERT {test_loss:.2f}, after {STEPS} steps; knowing nothing {np.log(V):.2f}")
assert test_loss < by_frequency - 0.3
