# %% [markdown]
# # 13 A text classifier
#
# Is a film review good or bad? Words become numbers, rows of them are padded, a transformer reads
# them, and the mean of what it found is judged. Beside it stands a bag of words, a few lines that
# know no order at all: is a transformer worth its trouble? `--full` asks IMDB's 24,904 reviews.

# %%
import sys
from collections import Counter

import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn
from minitransformer.models import TransformerClassifier, TransformerClassifierConfig
from minitransformer.training.metrics import accuracy, confusion_matrix, precision_recall_f1
from pictures import save

FULL, SEED = "--full" in sys.argv, 0
LONGEST = 300 if FULL else 64  # words

# %% [markdown]
# ## Words to numbers
#
# The texts are sentences of Rotten Tomatoes, 8,530 of them; a fifth is held out. The vocabulary
# comes from the **training** texts alone: 0 is padding, 1 stands for all unknown words, then come
# those that occur at least twice, the commonest first.


# %%
def vocabulary(texts, least):
    counts = Counter(word for text in texts for word in text.lower().split())
    words = sorted((w for w in counts if counts[w] >= least), key=lambda w: (-counts[w], w))
    return {word: number for number, word in enumerate(["<pad>", "<unk>", *words])}


numbers = vocabulary(["A film of a film", "a play"], least=2)
assert numbers == {"<pad>": 0, "<unk>": 1, "a": 2, "film": 3}
by_package = mt.text.WordTokenizer.train(["A film of a film", "a play"], 20_000, min_count=2)
assert by_package.encode("a film , a play").tolist() == [2, 3, 1, 2, 1]

texts, labels = (mt.data.imdb if FULL else mt.data.rotten_tomatoes)(download=True)
(x, y), (x_test, y_test) = mt.data.split(texts, labels, held_out=0.2, seed=SEED)
tokenizer = mt.text.WordTokenizer.train(map(mt.data.clean_text, x), 20_000, min_count=2)
V = tokenizer.vocab_size
x, x_test = ([tokenizer.encode(mt.data.clean_text(t))[:LONGEST] for t in ts] for ts in (x, x_test))
unknown = np.mean(np.concatenate(x_test) == 1)
print(f"{len(y):,} texts to learn from, {len(y_test):,} held out: {np.mean(y_test):.1%} good")
print(f"{V:,} words are known; {unknown:.1%} of those held out are not")

# %% [markdown]
# ## Padding, and a mask that remembers it
#
# An array has rows of one length, sentences have not: short ones are filled up with 0. Which are
# words is told by a mask, and **everything** that looks across words has to ask it. If texts of
# like length share a batch, there is little to fill.


# %%
def pad(sequences):
    ids = np.zeros((len(sequences), max(map(len, sequences))), np.int64)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return ids, np.arange(ids.shape[1]) < np.array([[len(s)] for s in sequences])


assert all(map(np.array_equal, pad(x[:64]), mt.data.pad_sequences(x[:64])))


def batches(x, y, lengths=None):
    def collate(rows):
        return *mt.data.pad_sequences([ids for ids, _ in rows]), np.array([k for _, k in rows])

    rows = list(zip(x, y, strict=True))
    return mt.data.DataLoader(rows, 64, shuffle=True, seed=SEED, collate=collate, lengths=lengths)


for name, lengths in (("any order", None), ("like lengths", [len(ids) for ids in x])):
    wasted = 1 - np.mean(np.concatenate([mask.ravel() for _, mask, _ in batches(x, y, lengths)]))
    print(f"batches of {name}: {wasted:.0%} is padding")

# %% [markdown]
# ## The mean of the words
#
# The model's last step turns (T, D) into (D,). A plain mean counts the padding as well, so what is
# said of a text would depend on its neighbours in the batch. The mean of words divides by words.


# %%
def masked_mean(x, mask):
    return (x * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)


features = np.random.default_rng(SEED).normal(size=(3, 5, 4))
mask = np.arange(5) < np.array([[2], [5], [1]])
assert np.allclose(masked_mean(features, mask), F.masked_mean(features, mask).data)
assert np.allclose(masked_mean(features, mask)[0], features[0, :2].mean(axis=0))

# %% [markdown]
# ## Two models
#
# The **bag of words** has one number a word, and adds up those of the words that occur: logistic
# regression. The **transformer** has positions, a block of attention and many more numbers. One
# loop trains both; dropout, and leaving out a tenth of the words, hold the transformer back.


# %%
class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.init.constant_(nn.Embedding(V, 1).weight, 0)

    def forward(self, ids, mask):
        return (F.embedding(ids, self.score)[:, :, 0] * mask.astype(np.float32)).sum(axis=1)


def transformer():
    sizes = {"d_model": 64, "n_head": 4, "n_layer": 1, "dropout": 0.3, "head": "sigmoid"}
    return TransformerClassifier(TransformerClassifierConfig(V, LONGEST, num_classes=2, **sizes))


def logits(model, sequences):
    with mt.no_grad(), nn.evaluating(model):
        groups = [sequences[i : i + 200] for i in range(0, len(sequences), 200)]
        return np.concatenate([model(*mt.data.pad_sequences(group)).data for group in groups])


def train(model, x, epochs, lr, drop=0.0):
    rng = np.random.default_rng(SEED)
    optimizer = mt.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    loader = batches(x, y, [len(ids) for ids in x])
    schedule = mt.optim.CosineLR(optimizer, epochs * len(loader))
    for ids, mask, target in (batch for _ in range(epochs) for batch in loader):
        lost = rng.random(ids.shape) < drop
        optimizer.zero_grad()
        said = model(np.where(lost, 1, ids), mask)
        F.binary_cross_entropy_with_logits(said, target.astype(np.float32)).backward()
        optimizer.step()
        schedule.step()
    return model


mt.manual_seed(SEED)
x_set, test_set = ([np.unique(ids) for ids in texts] for texts in (x, x_test))
bag = train(Bag(), x_set, epochs=10, lr=0.02)
reader = train(transformer(), x, epochs=4 if FULL else 8, lr=1e-3 if FULL else 3e-3, drop=0.3)
right = []
for name, model, rows in (("bag of words", bag, test_set), ("transformer", reader, x_test)):
    said = (logits(model, rows) > 0).astype(int)
    right.append(accuracy(y_test, said))
    *_, f1 = precision_recall_f1(y_test, said)
    print(f"{name}, {model.num_parameters():,} numbers: of {len(y_test):,} held out", end=" ")
    print(
        f"{right[-1]:.1%} right, F1 {f1:.3f}, confusion {confusion_matrix(y_test, said).tolist()}"
    )

# %% [markdown]
# No gain worth the name: on a few thousand sentences, which words occur says nearly all that can be
# learned. (What does help is to have read much more beforehand: lesson 15.) Does the transformer
# use the order at all? Shuffle the words of the held-out texts; to the bag, that is nothing.

# %%
order = np.random.default_rng(SEED).permutation
shuffled = accuracy(y_test, logits(reader, [order(ids) for ids in x_test]) > 0)
print(f"transformer, words shuffled: {shuffled:.1%} right")
assert min(right) > (0.84 if FULL else 0.72) and abs(right[0] - right[1]) < 0.05
assert abs(shuffled - right[1]) < 0.06

# %% [markdown]
# ## What changes its mind
#
# Leave out a word, and see how far the log-odds of "good" fall. In a bag each word weighs the same
# wherever it stands. To a transformer it depends on the company: where one kind word is enough, the
# next adds nothing. And neither of them understands "not": a figure of 75% hides that.

# %%
SENTENCES = "a warm and funny film", "a dull and silly film", "funny , but not a good film"
figure, axes = plt.subplots(1, 3, figsize=(10, 3), sharex=True)
for axis, sentence in zip(axes, SENTENCES, strict=True):
    ids, places = tokenizer.encode(sentence), np.arange(len(sentence.split()))
    for shift, (name, model) in enumerate({"bag of words": bag, "transformer": reader}.items()):
        whole, *without = logits(model, [ids, *(np.delete(ids, i) for i in places)])
        axis.barh(places + 0.4 * shift, whole - np.array(without), height=0.4, label=name)
        print(f"{sentence!r}, {name}: {1 / (1 + np.exp(-whole)):.0%} good")
        if model is bag:
            assert np.allclose(whole - without, bag.score.data[ids, 0], atol=1e-4)
    axis.set(title=sentence, xlabel="log-odds of good", ylim=(len(places), -0.6))
    axis.set_yticks(places + 0.2, sentence.split())
    axis.axvline(0, color="0.6", linewidth=0.8)
axes[0].legend(fontsize="small")
save(figure, "13/words.png")

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 13` checks what you write in `exercises/13_text_classifier.py`.
