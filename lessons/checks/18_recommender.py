"""What the exercises of lesson 18 are held against, the mistakes they know, and their hints."""

import math
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minitransformer as mt
from lessons.course.exercise import Function
from minitransformer import functional as F
from minitransformer.models.recommender import SequentialRecommender, SequentialRecommenderConfig

RING = 11


def around_the_ring(count=120, seed=0):
    """Histories in which each item is followed by the next of a ring."""
    starts = np.random.default_rng(seed).integers(RING, size=count)
    return [(np.arange(5) + start) % RING for start in starts]


def columns(*lists):
    return tuple(np.array(column, np.int64) for column in zip(*lists, strict=True))


def take_apart(histories):
    train = [np.array(h.tolist()[: len(h) - 2], np.int64) for h in histories]
    validation, test = columns(*[h.tolist()[len(h) - 2 :] for h in histories])
    return train, validation, test


def rows_of(rng):
    return ([rng.permutation(31)[:n] for n in (5, 3, 7)],)


leave_one_out = Function(
    name="leave_one_out",
    right=take_apart,
    names=("histories",),
    example=rows_of,
    cases=st.tuples(
        st.lists(
            st.permutations(range(6)).flatmap(
                lambda order: st.integers(3, 6).map(lambda n: np.array(order[:n]))
            ),
            min_size=1,
            max_size=4,
        )
    ),
    hints=(
        "Oldest first: which end of a history is the future?",
        "history[-1] is the last item, history[-2] the one before, history[:-2] all the others.",
        "Two lists of numbers become arrays with np.array.",
    ),
)


@leave_one_out.mistake(
    "The first items are held out: the model would be trained on the future, and asked for the "
    "past. Histories stand oldest first, so take the last two."
)
def from_the_front(histories):
    train, validation, test = take_apart([h[::-1] for h in histories])
    return [row[::-1] for row in train], validation, test


@leave_one_out.mistake(
    "Validation and test are exchanged: the very last item tests, the one before validates, so "
    "that no choice is made with knowledge of what is later."
)
def exchanged(histories):
    train, validation, test = take_apart(histories)
    return train, test, validation


@leave_one_out.mistake(
    "The validation item is left in the training rows: the model has seen the answer, and whatever "
    "is chosen by it is chosen for what was learned by heart. Cut two items: history[:-2]."
)
def validation_leaks(histories):
    return [h[:-1] for h in histories], *take_apart(histories)[1:]


@leave_one_out.mistake(
    "Nothing is held out: the training rows are whole, with both answers in them. Cut the last two "
    "items: history[:-2]."
)
def everything_leaks(histories):
    return list(histories), *take_apart(histories)[1:]


@leave_one_out.mistake(
    "One item serves twice, to validate and to test: what was chosen by it cannot be tested by it."
)
def same_item(histories):
    train, _, test = take_apart(histories)
    return train, test, test.copy()


@leave_one_out.mistake(
    "The histories are sorted by number before they are cut: their order was time, and is lost."
)
def sorted_first(histories):
    return take_apart([np.sort(h) for h in histories])


@leave_one_out.mistake("One item too many is cut from the training rows: only two are held out.")
def three_cut(histories):
    return [h[:-3] for h in histories], *take_apart(histories)[1:]


@leave_one_out.swap
def count_what_follows(leave_one_out):
    """Counts of what follows what, from the training rows, find the ring's next item."""
    train, validation, test = leave_one_out(around_the_ring())
    follows = np.zeros((RING, RING))
    for row in train:
        for before, after in pairwise(row):
            follows[before, after] += 1
    hits = np.mean(follows[validation].argmax(axis=1) == test)
    assert hits > 0.95, f"Counting what follows what finds {hits:.0%} of the test items."
    return f"Counting what follows what in the training rows finds {hits:.0%} of the test items."


def similarities(table, *, power=0.5, own=0.0, both=True, centre=False):
    """The cosines, one pair at a time, with parts of the formula changed."""
    items = table.shape[1]
    x = table - table.mean(axis=0) if centre else table
    result = np.zeros((items, items))
    for i in range(items):
        for j in range(items):
            a, b = (x[:, i] ** 2).sum(), (x[:, j] ** 2).sum()
            lengths = (a * (b if both else a)) ** power
            if i == j:
                result[i, j] = own
            elif lengths > 0:
                result[i, j] = (x[:, i] * x[:, j]).sum() / lengths
    return result


def table_of(rng):
    table = (rng.random((13, 7)) < 0.4).astype(float)
    table[:, 4] = 0  # nobody has it
    table[0, :4] = 1
    return (table,)


item_similarity = Function(
    name="item_similarity",
    right=lambda table: similarities(table),
    example=table_of,
    cases=st.tuples(arrays(float, (4, 3), elements=st.sampled_from([0.0, 1.0]))),
    hints=(
        "x.T @ x counts, for each two items, the users that have both.",
        "Divide each column by its length first, √(number of users who have it).",
        "A column of zeros has length 0: divide it by 1, np.where(lengths > 0, lengths, 1).",
        "np.fill_diagonal(similarity, 0) takes each item's likeness to itself away.",
    ),
)


@item_similarity.mistake(
    "These are bare counts of users who have both: whatever is popular would be like everything. "
    "Divide by the lengths of both columns."
)
def counts(table):
    result = table.T @ table
    np.fill_diagonal(result, 0)
    return result


@item_similarity.mistake(
    "Each item is most like itself, and would recommend itself first: set the diagonal to 0."
)
def own_diagonal(table):
    result = similarities(table)
    np.fill_diagonal(result, (table.sum(axis=0) > 0).astype(float))
    return result


@item_similarity.mistake(
    "These are the likenesses between users: (U, U). Items are the columns: x.T @ x."
)
def between_users(table):
    return similarities(table.T)


@item_similarity.mistake(
    "The roots are missing: a column of n ones has the length √n, so divide by √n_i · √n_j."
)
def without_roots(table):
    return similarities(table, power=1.0)


@item_similarity.mistake(
    "Only one of the two lengths divides: this is the share of i's users who have j, and it "
    "favours popular items. The cosine divides by both, and is the same from i to j as from j to i."
)
def one_length(table):
    return similarities(table, both=False)


@item_similarity.mistake("The length of the other column divides, but not the own: use both.")
def other_length(table):
    return similarities(table, both=False).T


@item_similarity.mistake(
    "The columns are centred first: this is the correlation. Where nobody has nearly all items, "
    "that is another measure; here the cosine of the columns as they are is asked for."
)
def correlation(table):
    return similarities(table, centre=True)


@item_similarity.mistake(
    "The counts are divided by the number of users: every popular pair is alike then. The lengths "
    "of the two columns divide."
)
def share_of_users(table):
    return counts(table) / len(table)


@item_similarity.mistake(
    "This is the Jaccard measure, both by either. The cosine divides by √n_i · √n_j."
)
def jaccard(table):
    both, n = counts(table), table.sum(axis=0)
    either = n[:, None] + n - both
    return both / np.where(either > 0, either, 1)


@item_similarity.swap
def complete_groups(item_similarity):
    """Two kinds of users: what goes with their items is of the same kind."""
    rng = np.random.default_rng(0)
    kind = np.arange(200) % 2
    table = (rng.random((200, 20)) < np.where(kind[:, None] == np.arange(20) % 2, 0.6, 0.1)) * 1.0
    scores = np.where(table > 0, -np.inf, table @ item_similarity(table))
    hits = np.mean(scores.argmax(axis=1) % 2 == kind)
    assert hits > 0.9, f"Of two kinds of users, {hits:.0%} are recommended an item of their kind."
    return f"Of two kinds of users, {hits:.0%} are recommended an item of their kind."


def hidden(ids, chosen, mask, padding, *, keep=-100, also_padding=False):
    """Inputs and targets, one position at a time."""
    inputs, targets = ids.copy(), np.full_like(ids, keep)
    for place in np.ndindex(ids.shape):
        if chosen[place] and (also_padding or ids[place] != padding):
            inputs[place], targets[place] = mask, ids[place]
    return inputs, targets


def sequences(rng):
    ids = rng.integers(0, 20, size=(5, 7))
    ids[2, 4:] = ids[3, 5:] = 21
    chosen = rng.random((5, 7)) < 0.4
    chosen[2, 5] = chosen[3, 6] = chosen[0, 0] = True
    return ids, chosen, 20, 21


hide = Function(
    name="hide",
    right=lambda ids, chosen, mask, padding: hidden(ids, chosen, mask, padding),
    example=sequences,
    cases=st.tuples(
        arrays(np.int64, (2, 4), elements=st.integers(0, 4)),
        arrays(bool, (2, 4)),
        st.just(9),
        st.just(4),
    ),
    hints=(
        "First say which positions are hidden: chosen, and not padding.",
        "np.where(condition, a, b) picks a where the condition holds, else b.",
        "inputs = np.where(hidden, mask, ids); the targets pick from ids and −100.",
    ),
)


@hide.mistake(
    "Every position is a target, also those that the model sees: it would be praised for copying. "
    "−100 stands where nothing is hidden."
)
def every_target(ids, chosen, mask, padding):
    return hidden(ids, chosen, mask, padding)[0], ids.copy()


@hide.mistake(
    "The targets are what is seen, and −100 where an item is hidden: the other way round."
)
def visible_targets(ids, chosen, mask, padding):
    inputs, targets = hidden(ids, chosen, mask, padding)
    return inputs, np.where(targets == -100, ids, -100)


@hide.mistake("Nothing is hidden: the inputs are the ids themselves, with the answers among them.")
def nothing_hidden(ids, chosen, mask, padding):
    return ids.copy(), hidden(ids, chosen, mask, padding)[1]


@hide.mistake(
    "Padding is hidden too: the model would learn to find that a history is over. Only where ids "
    "differ from padding."
)
def padding_hidden(ids, chosen, mask, padding):
    return hidden(ids, chosen, mask, padding, also_padding=True)


@hide.mistake("What was not chosen is hidden: `chosen` is True where an item is to be found.")
def the_others(ids, chosen, mask, padding):
    return hidden(ids, ~chosen, mask, padding)


@hide.mistake(
    "The targets are the mask, not what was behind it: take them from ids, before the mask is put "
    "there."
)
def mask_as_target(ids, chosen, mask, padding):
    inputs, targets = hidden(ids, chosen, mask, padding)
    return inputs, np.where(targets == -100, -100, mask)


@hide.mistake(
    "The targets are 0 where nothing is hidden: 0 is an item, and would be learned everywhere. "
    "−100 is what the loss passes over."
)
def zero_targets(ids, chosen, mask, padding):
    return hidden(ids, chosen, mask, padding, keep=0)


@hide.mistake("Inputs and targets are exchanged: return the inputs first.")
def exchanged_results(ids, chosen, mask, padding):
    return hidden(ids, chosen, mask, padding)[::-1]


@hide.mistake("Hidden items become padding, which attention passes over: put the mask there.")
def hidden_as_padding(ids, chosen, mask, padding):
    return hidden(ids, chosen, padding, padding)


@hide.swap
def find_the_hidden(hide):
    """A small model finds the items of a ring that the learner's function has hidden."""
    rows, rng = np.array(around_the_ring()), np.random.default_rng(0)
    sizes = {"max_length": 5, "d_model": 16, "n_layer": 1, "dropout": 0.0}
    model = SequentialRecommender(SequentialRecommenderConfig(RING, **sizes))
    optimizer = mt.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        inputs, targets = hide(rows, rng.random(rows.shape) < 0.3, model.mask, model.padding)
        optimizer.zero_grad()
        logits = model(inputs, np.ones(inputs.shape, bool))
        F.cross_entropy(logits, np.asarray(targets).ravel()).backward()
        optimizer.step()
    asked = np.where(np.arange(5) == 4, model.mask, rows)
    found = model(asked, asked == model.mask).data.argmax(axis=1)
    hits = np.mean(found == rows[:, 4])
    assert hits > 0.9, f"After 60 steps a model finds {hits:.0%} of the items behind the mask."
    return f"After 60 steps a model finds {hits:.0%} of the items behind the mask."


def gain_of(rank):
    return 1 / math.log2(rank + 1)


def worth(scores, seen, targets, k, *, gain=gain_of, ties=1.0, mean=np.mean):
    """The gains, one user and one candidate at a time, with parts of the formula changed."""
    gains = []
    for row, own, target in zip(scores, seen, targets, strict=True):
        rank = 1.0
        for item, score in enumerate(row):
            if item != target and not own[item]:
                rank += float(score > row[target]) + ties * float(score == row[target])
        gains.append(gain(rank) if rank <= k else 0.0)
    return float(mean(gains))


def users_of(rng):
    """Seven users, two of them with a target beyond the list, one of whose targets has ties."""
    scores = rng.permuted(np.tile(np.arange(23) / 2, (7, 1)), axis=1)
    order = np.argsort(-scores, axis=1)
    places = np.array([6, 2, 15, 4, 19, 3, 5])
    targets = order[np.arange(7), places]
    scores[0, order[0, [4, 5]]] = scores[0, targets[0]]
    seen = np.zeros((7, 23), bool)
    for row, places in enumerate(([0, 1, 9], [8], [2, 3], [0, 1], [4], [7, 8], [1, 2, 20])):
        seen[row, order[row, places]] = True
    return scores, seen, targets, 11


@st.composite
def users(draw):
    scores = draw(arrays(float, (2, 5), elements=st.integers(0, 4).map(float)))
    targets = draw(arrays(np.int64, 2, elements=st.integers(0, 4)))
    seen = draw(arrays(bool, (2, 5)))
    seen[np.arange(2), targets] = False
    return scores, seen, targets, draw(st.integers(1, 5))


ndcg = Function(
    name="ndcg",
    right=lambda scores, seen, targets, k: worth(scores, seen, targets, k),
    example=users_of,
    cases=users(),
    hints=(
        "scores[np.arange(len(targets)), targets] are the targets' own scores, (U,).",
        "A rank is a count along each row, of what is unseen, and scores at least as high.",
        "np.log2 is the logarithm to base 2. What is beyond k is worth 0: np.where.",
    ),
)


@ndcg.mistake(
    "Items that the user has already stand in the way: leave the seen ones out of the ranking."
)
def with_seen(scores, seen, targets, k):
    return worth(scores, np.zeros_like(seen), targets, k)


@ndcg.mistake("The logarithm is to base e: NDCG takes base 2, so that the second place is 0.63.")
def natural_logarithm(scores, seen, targets, k):
    return worth(scores, seen, targets, k, gain=lambda rank: 1 / math.log(rank + 1))


@ndcg.mistake(
    "The rank counts from 0 here: the first place must give 1 / log₂ 2 = 1. Ranks count from 1."
)
def from_zero(scores, seen, targets, k):
    return worth(scores, seen, targets, k, gain=lambda r: 1 / math.log2(r) if r > 1 else math.inf)


@ndcg.mistake("One too many is added: the rank is from 1 already, so 1 / log₂(rank + 1).")
def one_too_many(scores, seen, targets, k):
    return worth(scores, seen, targets, k, gain=lambda rank: 1 / math.log2(rank + 2))


@ndcg.mistake("The list of k is not cut off: a target beyond k is worth 0.")
def without_cut(scores, seen, targets, k):
    return worth(scores, seen, targets, math.inf)


@ndcg.mistake("This is a hit or none: a hit further up is worth more, 1 / log₂(rank + 1).")
def hit(scores, seen, targets, k):
    return worth(scores, seen, targets, k, gain=lambda rank: 1.0)


@ndcg.mistake("This is the reciprocal rank, 1 / rank: NDCG falls more gently, 1 / log₂(rank + 1).")
def reciprocal(scores, seen, targets, k):
    return worth(scores, seen, targets, k, gain=lambda rank: 1 / rank)


@ndcg.mistake(
    "Equal scores count for the target: a model that says the same of all would be perfect. Count "
    "those that score at least as high (>=)."
)
def kind_ties(scores, seen, targets, k):
    return worth(scores, seen, targets, k, ties=0.0)


@ndcg.mistake("The lowest score is put first: the best item has the highest.")
def lowest_first(scores, seen, targets, k):
    return worth(-scores, seen, targets, k)


@ndcg.mistake("The logarithm itself is returned: further down would be worth more. Divide 1 by it.")
def not_divided(scores, seen, targets, k):
    return worth(scores, seen, targets, k, gain=lambda rank: math.log2(rank + 1))


@ndcg.mistake("The users are added up: the worth is the mean over them.")
def added_up(scores, seen, targets, k):
    return worth(scores, seen, targets, k, mean=np.sum)


@ndcg.mistake(
    "The mean is over the hits alone: a user whose target is beyond k counts as 0. Else a model "
    "would be the better, the fewer users it serves."
)
def hits_alone(scores, seen, targets, k):
    return worth(
        scores, seen, targets, k, mean=lambda gains: np.sum(gains) / np.count_nonzero(gains)
    )


@ndcg.swap
def judge_two(ndcg):
    """A recommender that knows the ring is worth 1 on the mean, and a blind one little."""
    rows = np.array(around_the_ring())
    seen, users = np.zeros((len(rows), RING), bool), np.arange(len(rows))
    seen[users[:, None], rows[:, :-1]] = True
    after = -((np.arange(RING) - rows[:, -1:]) % RING) * 1.0
    wise = ndcg(after, seen, rows[:, -1], 3)
    blind = ndcg(np.random.default_rng(0).random(seen.shape), seen, rows[:, -1], 3)
    said = f"Knowing the ring is worth {wise:.2f}, guessing {blind:.2f}."
    assert wise > 0.999 and 0.1 < blind < 0.5, said
    return said
