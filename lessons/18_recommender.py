# %% [markdown]
# # 18 A recommender
#
# Someone took this, then that: what next? Three answers are measured: what everybody takes, what
# goes with what one has, and a transformer that reads histories as BERT reads sentences.
#
# The ratings of MovieLens may not be passed on, so a stand-in that every machine has: the functions
# and classes of Python's standard library are the **users**, and what they call, in the order of
# first use, is what they **took**. `--full FOLDER` reads the folder ml-100k instead (10 minutes).

# %%
import re
import sys
import sysconfig
from keyword import iskeyword
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from minitransformer.models import recommender
from minitransformer.models.neighbours import ItemNeighbours, MostPopular
from minitransformer.training.ranking import top_10
from pictures import save

FULL, SEED = "--full" in sys.argv, 18
PACKAGES = ["asyncio", "email", "http", "importlib", "json", "logging", "unittest", "urllib", "xml"]

# %% [markdown]
# ## Histories
#
# Rare items are left out, as are users with fewer than four and histories that come twice. The last
# item of each history is held out to test, the one before to validate: nobody may learn from them.


# %%
def calls_of(definition):
    """The names that are called in a piece of source, each at its first use."""
    names = dict.fromkeys(re.findall(r"(?<!def )(?<!class )\b([A-Za-z_]\w*)\(", definition))
    return [name for name in names if not iskeyword(name)]


def python_histories():
    library = Path(sysconfig.get_path("stdlib"))
    texts = [mt.data.text_corpus(), *(mt.data.text_corpus(library / name) for name in PACKAGES)]
    pieces = re.split(r"(?m)^(?=(?:async )?def |class )", "\n".join(texts))[1:]
    rows = [calls_of(piece) for piece in pieces]
    names, users = np.unique([n for row in rows for n in row], return_counts=True)
    common = {name: k for k, name in enumerate(names[users >= 10])}
    numbers = dict.fromkeys(tuple(common[n] for n in row if n in common) for row in rows)
    return [np.array(row) for row in numbers if len(row) >= 4], list(common)


def films():
    ratings = mt.data.movielens(sys.argv[-1] if sys.argv[-1] != "--full" else None)
    known = mt.data.histories(ratings.user, ratings.item, ratings.time)
    return known.rows, [ratings.titles.get(i, f"film {i}") for i in known.items.tolist()]


rows, names = films() if FULL else python_histories()
train, validation, test = [r[:-2] for r in rows], *np.array([r[-2:] for r in rows]).T
assert all(map(np.array_equal, train, mt.data.leave_one_out(rows).train))
asked = [row[:-1] for row in rows]  # what is known when the test item is asked for
I = len(names)  # noqa: E741
print(f"{len(rows):,} users, {I:,} items, {sum(map(len, rows)):,} pairs of both")
print("one history:", ", ".join(names[i] for i in asked[0][:8]))

# %% [markdown]
# ## What is a good list?
#
# **Hit rate**: how often the next item is among the first ten. **NDCG**: a hit at rank r counts
# 1 / log₂(r + 1). Both over *all* items that the user does not have. Many papers rank the target
# among 100 items drawn at random instead, and report far higher numbers of the very same list.


# %%
def ranks_of(scores, histories, targets, candidates=None):
    """1 for the top; equal scores count against the target."""
    scores = np.array(scores, float)
    for user, history in enumerate(histories):
        scores[user, history] = -np.inf
        if candidates is not None:
            drawn = rng.choice(I, size=candidates, replace=False)
            scores[user, np.setdiff1d(np.arange(I), [*drawn, targets[user]])] = -np.inf
    own = scores[np.arange(len(targets)), targets]
    return (scores >= own[:, None]).sum(axis=1)


def top(ranks):
    """Hit rate and NDCG of the first ten."""
    return np.mean(ranks <= 10), np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0).mean()


rng = np.random.default_rng(SEED)
popular = MostPopular(train, I)
scores = popular.scores(asked)
(hits, gain), by_package = top(ranks_of(scores, asked, test)), top_10(scores, asked, test)
flattered, _ = top(ranks_of(scores, asked, test, candidates=100))
assert np.allclose([hits, gain], [*by_package.values()])
print(f"what everybody takes: hits in {hits:.1%}; among 100 drawn at random, in {flattered:.1%}")
assert flattered > hits + 0.1

# %% [markdown]
# ## What goes together
#
# Two items are alike if the same users have both: the cosine of their columns in the table of who
# has what. The counts alone would find everything like what is popular.

# %%
table = np.zeros((len(rows), I))
for user, history in enumerate(train):
    table[user, history] = 1
lengths = np.sqrt(table.sum(axis=0))
similarity = table.T @ table / np.maximum(np.outer(lengths, lengths), 1)
np.fill_diagonal(similarity, 0)
neighbours = ItemNeighbours(train, I)
assert np.allclose(similarity, neighbours.similarity)
for item in [49, 0] if FULL else map(names.index, ["open", "lower"]):
    near = np.argsort(-similarity[item])[:4]
    print(f"like {names[item]}:", ", ".join(f"{names[k]} {similarity[item, k]:.2f}" for k in near))

# %% [markdown]
# ## Reading histories
#
# BERT4Rec hides items of a history and learns to find them, from both sides; to ask what comes
# next, a mask is put behind the last. Only hidden places count: −100 is what the loss passes over.

# %%
mt.manual_seed(SEED)
sizes = {"max_length": 50, "n_layer": 2} if FULL else {"max_length": 24, "n_layer": 1}
model = recommender.SequentialRecommender(recommender.SequentialRecommenderConfig(I, **sizes))
ids, chosen, items = recommender.mask_items(train[:2], model, rng)
shown = {**dict(enumerate(names)), model.mask: "[MASK]"}
print("newest first:", ", ".join(shown[i] for i in ids[0] if i != model.padding)[:88])
targets = np.full(ids.shape, -100)
targets[chosen] = items
loss = F.cross_entropy(model.eval()(ids, np.ones(ids.shape, bool)), targets.ravel()).item()
assert np.isclose(loss, F.cross_entropy(model(ids, chosen), items).item(), rtol=1e-4)

epochs, rate, p = (150, 2e-3, 0.2) if FULL else (40, 6e-3, 0.5)
options = {"shuffle": True, "seed": SEED, "lengths": list(map(len, train)), "collate": list}
hide = lambda rows, rng: recommender.mask_items(rows, model, rng, p)  # noqa: E731
loader = mt.data.DataLoader(train, 64, **options, transform=hide)
optimizer = mt.optim.AdamW(model.parameters(), lr=rate)
schedule = mt.optim.CosineLR(optimizer, epochs * len(loader), warmup_steps=len(loader))
curve = []
for _ in range(epochs):
    model.train()
    for ids, chosen, items in loader:
        loss = F.cross_entropy(model(ids, chosen), items)
        optimizer.zero_grad()
        loss.backward()
        mt.optim.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    curve.append(top_10(model.scores(train), train, validation)["hit_rate_10"])

# %% [markdown]
# ## Who wins?
#
# That depends on how much there is to learn from. In some 13,000 calls counting wins over the
# transformer; in MovieLens's 100,000 ratings it is the other way round (`--full`). So measure the
# simple thing too, on the same lists.

# %%
methods = {"most popular": popular, "neighbours": neighbours, "BERT4Rec": model}
results = {name: top_10(m.scores(asked), asked, test) for name, m in methods.items()}
for name, values in results.items():
    print(f"{name:13} hit rate {values['hit_rate_10']:.3f}   NDCG {values['ndcg_10']:.3f}")

margins = {"BERT4Rec": 0.02, "neighbours": 0.01 if FULL else 0.05}
assert all(results[name]["hit_rate_10"] > hits + margin for name, margin in margins.items())
history = asked[1][-3:]
print("after", ", ".join(names[i] for i in history), "the model expects:", end=" ")
print(", ".join(names[i] for i in model.recommend(history, 5)))

figure, axes = plt.subplots(1, 3, figsize=(12, 3.6))
axes[0].loglog(np.arange(1, I + 1), -np.sort(-popular.counts), ".")
axes[0].set(xlabel="rank of the item", ylabel="users who have it", title="a few items have most")
axes[1].plot(np.arange(1, epochs + 1), curve, color="C2", label="BERT4Rec")
for color, name in (("C0", "most popular"), ("C1", "neighbours")):
    level = top_10(methods[name].scores(train), train, validation)["hit_rate_10"]
    axes[1].axhline(level, color=color, ls="--", label=name)
axes[1].set(xlabel="epoch", ylim=(0, None), title="hit rate @ 10: validation items")
axes[1].legend(loc="lower right")
for place, metric in enumerate(("hit_rate_10", "ndcg_10")):
    values = [measured[metric] for measured in results.values()]
    bars = axes[2].bar(4 * place + np.arange(3), values, color=["C0", "C1", "C2"])
    axes[2].bar_label(bars, fmt="%.3f")
axes[2].set_xticks([1, 5], ["hit rate @ 10", "NDCG @ 10"])
axes[2].set(title="test items, in the same colours", ylim=(0, 1.1 * axes[2].get_ylim()[1]))
save(figure, "18/results.png")

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 18` checks what you write in `exercises/18_recommender.py`.
