"""What the exercises of lesson 17 are held against, the mistakes they know, and their hints."""

import math
import re
from functools import partial

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minitransformer as mt
from lessons.course.exercise import Function
from minitransformer import functional as F
from minitransformer.models import Seq2Seq, Seq2SeqConfig
from minitransformer.models.beam import Decoding

PAD, START, END, LETTER = 0, 1, 2, 3  # the ids of letters begin at 3


def arrays_of(*shape):
    return arrays(float, shape, elements=st.floats(-3, 3))


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def words():
    """Short words of Python's standard library: (sources (N, 4), each backwards, to its end)."""
    found = sorted(set(re.findall(r"\b[a-z]{3,4}\b", mt.data.text_corpus()[:3_000_000])))
    spelled = [[ord(letter) - ord("a") + LETTER for letter in word] for word in found]
    sources = mt.data.pad_sequences(spelled)[0]
    targets = mt.data.pad_sequences([[*word[::-1], END] for word in spelled])[0]
    order = np.random.default_rng(0).permutation(len(sources))
    return sources[order], targets[order]


def speller(teach=None, steps=150):
    """A model that learned to spell backwards; its attention has one head, and no biases.

    `teach(target) -> (inputs, wanted, counts)` is teacher forcing. A fifth of the words is held
    out. Returns the model, and the held-out sources and targets.
    """
    teach = teach or partial(forced, start=START, pad=PAD)
    sources, targets = words()
    sizes = {"block_size": 8, "n_layer": 1, "n_head": 1, "n_embd": 32}
    model = Seq2Seq(Seq2SeqConfig(26 + LETTER, 26 + LETTER, **sizes))
    for module in model.modules():
        if hasattr(module, "in_proj_bias"):
            module.in_proj_bias = None
    optimizer = mt.optim.Adam(model.parameters(), lr=0.01)
    rng, held_out = np.random.default_rng(0), len(sources) // 5
    for _ in range(steps):
        rows = rng.integers(held_out, len(sources), size=64)
        inputs, wanted, counts = (np.asarray(x) for x in teach(targets[rows]))
        logits = model.decode(inputs, *model.encode(sources[rows]))
        due = np.where(counts, wanted, -100).reshape(-1)
        optimizer.zero_grad()
        F.cross_entropy(logits.reshape(-1, 26 + LETTER), due).backward()
        optimizer.step()
    return model.eval(), sources[:held_out], targets[:held_out]


def spelled_right(model, sources, targets):
    """The share of words that it spells backwards."""
    found = model.generate(sources)
    due = [row[: row.index(END)] for row in targets.tolist()]
    return np.mean([a == b for a, b in zip(found, due, strict=True)])


def projections(attention):
    """w_q, w_k, w_v of a layer with one head, in float64."""
    return np.split(attention.in_proj_weight.data.astype(float), 3)


# Cross-attention.


def across(x, memory, real, w_q, w_k, w_v, *, blocked=-np.inf, root=math.sqrt, axis=-1):
    """Cross-attention by einsum, with parts of it changed."""
    q, k = np.einsum("td,ed->te", x, w_q), np.einsum("sd,ed->se", memory, w_k)
    scores = np.einsum("te,se->ts", q, k) / root(x.shape[1])
    scores = np.where(real[None], scores, blocked)
    return softmax(scores, axis) @ np.einsum("sd,ed->se", memory, w_v)


def across_example(rng):
    real = np.array([True, True, False, True, False, True, False])
    return rng.normal(size=(5, 3)), rng.normal(size=(7, 3)), real, *rng.normal(size=(3, 3, 3))


cross_attention = Function(
    name="cross_attention",
    right=lambda x, memory, real, w_q, w_k, w_v: across(x, memory, real, w_q, w_k, w_v),
    example=across_example,
    cases=st.tuples(
        arrays_of(2, 3),
        arrays_of(4, 3),
        st.sampled_from([[True] * 4, [True, False, False, False]]).map(np.array),
        *[arrays_of(3, 3)] * 3,
    ),
    hints=(
        "Who asks, and who answers? The decoder's x makes the queries, the memory keys and values.",
        "q = x @ w_q.T is (T, D); k = memory @ w_k.T and v = memory @ w_v.T are (S, D).",
        "scores = q @ k.T / √D, (T, S). Where the memory is not real they become −∞: np.where.",
        "softmax(np.where(real, scores, -np.inf)) @ v",
    ),
)


@cross_attention.mistake(
    "Padding is looked at: scores of places that are not real should be −∞, so that their weight "
    "is 0."
)
def padding_seen(x, memory, real, w_q, w_k, w_v):
    return across(x, memory, np.ones_like(real), w_q, w_k, w_v)


@cross_attention.mistake("The mask is upside down: `real` is True where one may look.")
def upside_down(x, memory, real, w_q, w_k, w_v):
    return across(x, memory, ~real, w_q, w_k, w_v)


@cross_attention.mistake(
    "Scores of padding are set to 0. That is a score like others, whose weight is not 0: e⁰ = 1."
)
def score_of_zero(x, memory, real, w_q, w_k, w_v):
    return across(x, memory, real, w_q, w_k, w_v, blocked=0.0)


@cross_attention.mistake(
    "The weights of padding are set to 0 after the softmax: those that are left no longer sum to 1."
)
def after_the_softmax(x, memory, real, w_q, w_k, w_v):
    weights = softmax((x @ w_q.T) @ (memory @ w_k.T).T / np.sqrt(x.shape[1]))
    return (weights * real) @ (memory @ w_v.T)


@cross_attention.mistake(
    "The roles are exchanged: the memory asks and x answers. Each place of x should get an answer."
)
def roles_exchanged(x, memory, real, w_q, w_k, w_v):
    return across(memory, x, np.ones(len(x), bool), w_q, w_k, w_v)


@cross_attention.mistake(
    "This is self-attention: keys and values come from x, and the source is never looked at."
)
def at_itself(x, memory, real, w_q, w_k, w_v):
    return across(x, x, np.ones(len(x), bool), w_q, w_k, w_v)


@cross_attention.mistake("The scores are not divided by √D.")
def without_root(x, memory, real, w_q, w_k, w_v):
    return across(x, memory, real, w_q, w_k, w_v, root=lambda d: 1.0)


@cross_attention.mistake("The scores are divided by D: they spread as its root.")
def by_d(x, memory, real, w_q, w_k, w_v):
    return across(x, memory, real, w_q, w_k, w_v, root=float)


@cross_attention.mistake(
    "The softmax runs over the places of x: each of these shares out its own weight, over the "
    "memory."
)
def over_queries(x, memory, real, w_q, w_k, w_v):
    shared = softmax((x @ w_q.T) @ (memory @ w_k.T).T / np.sqrt(x.shape[1]), axis=0)
    return np.where(real, shared, 0) @ (memory @ w_v.T)


@cross_attention.mistake("The values are the memory itself; they should be memory @ w_v.T.")
def plain_values(x, memory, real, w_q, w_k, w_v):
    return across(x, memory, real, w_q, w_k, np.eye(len(w_v)))


@cross_attention.mistake("The keys are the values, too: keys are made by w_k.")
def keys_by_values(x, memory, real, w_q, w_k, w_v):
    return across(x, memory, real, w_q, w_v, w_v)


@cross_attention.mistake("The weights are (out, in), as in nn.Linear: multiply by w.T, not by w.")
def untransposed(x, memory, real, w_q, w_k, w_v):
    return across(x, memory, real, w_q.T, w_k.T, w_v.T)


@cross_attention.mistake("Divided by the root of how many places there are; √D is of the features.")
def root_of_the_memory(x, memory, real, w_q, w_k, w_v):
    return across(x, memory, real, w_q, w_k, w_v, root=lambda d: math.sqrt(len(memory)))


@cross_attention.mistake(
    "The values of padding are 0, but it still has its share of the weight: the scores become −∞."
)
def values_masked(x, memory, real, w_q, w_k, w_v):
    return across(x, memory * real[:, None], np.ones_like(real), w_q, w_k, w_v)


@cross_attention.mistake("The softmax is missing: these are scores, which do not sum to 1.")
def without_softmax(x, memory, real, w_q, w_k, w_v):
    scores = (x @ w_q.T) @ (memory @ w_k.T).T / np.sqrt(x.shape[1])
    return np.where(real, scores, 0) @ (memory @ w_v.T)


@cross_attention.swap
def look_at_the_word(cross_attention):
    """A trained model spells with the learner's function in the place of its own."""
    model, sources, targets = speller()
    attention = model.decoder.blocks[0].multihead_attn
    own = spelled_right(model, sources, targets)

    def attend_to(query, keys, values, attn_mask):
        rows = zip(query.data, memory.data, sources != PAD, strict=True)
        each = [cross_attention(x.astype(float), *row, *weights) for x, *row in rows]
        return attention.out_proj(mt.tensor(np.array(each, np.float32)))

    weights, (memory, _) = projections(attention), model.encode(sources)
    attention.attend_to = attend_to
    right = spelled_right(model, sources, targets)
    assert right > own - 0.02, (
        f"A model that spells {own:.0%} of held-out words backwards spells {right:.0%} with it."
    )
    return f"A trained model spells {right:.0%} of {len(sources)} held-out words backwards with it."


# Teacher forcing.


def forced(target, start, pad):
    """Row by row."""
    rows = target.tolist()
    inputs = np.array([[start, *row[:-1]] for row in rows], dtype=target.dtype)
    counts = np.array([[token != pad for token in row] for row in rows], dtype=bool)
    return inputs, target.copy(), counts


def padded_targets(rng):
    target = rng.integers(3, 11, size=(5, 7))
    lengths = np.array([7, 2, 5, 3, 6])[:, None]
    place = np.arange(7)
    return np.where(place < lengths - 1, target, np.where(place == lengths - 1, END, PAD))


teacher_forcing = Function(
    name="teacher_forcing",
    right=forced,
    example=lambda rng: (padded_targets(rng), START, PAD),
    cases=st.tuples(
        st.sampled_from([[[5, END], [END, PAD]], [[END]], [[4, 3, END], [END, PAD, PAD]]]).map(
            np.array
        ),
        st.just(START),
        st.just(PAD),
    ),
    hints=(
        "What is asked for at place t? Token t of the target: `wanted` is the target as it is.",
        "What is known then? The tokens before t. So the inputs are the target, one place later.",
        "np.concatenate a column of `start` with target[:, :-1], along axis 1.",
        "A place counts where what is *wanted* there is no padding. The end token is wanted, too.",
    ),
)


@teacher_forcing.mistake(
    "The inputs are not shifted: the answer to each question is given with it, and the model only "
    "learns to copy. Put `start` in front, and leave out the last token."
)
def not_shifted(target, start, pad):
    return target, target, target != pad


@teacher_forcing.mistake(
    "Shifted the wrong way: the decoder is shown the token *after* the one it is asked for."
)
def shifted_forward(target, start, pad):
    last = np.full((len(target), 1), pad)
    return np.concatenate([target[:, 1:], last], axis=1), target, target != pad


@teacher_forcing.mistake(
    "Rolled round: the last token comes first. At place 0 the decoder is given `start`."
)
def rolled(target, start, pad):
    return np.roll(target, 1, axis=1), target, target != pad


@teacher_forcing.mistake("`wanted` is shifted, too: it should be the target as it is.")
def both_shifted(target, start, pad):
    inputs = forced(target, start, pad)[0]
    return inputs, inputs, target != pad


@teacher_forcing.mistake(
    "Padding counts: the model would learn to write padding, and short rows would weigh as long "
    "ones."
)
def padding_counts(target, start, pad):
    inputs, wanted, counts = forced(target, start, pad)
    return inputs, wanted, np.ones_like(counts)


@teacher_forcing.mistake(
    "The padding is looked for in the inputs, which are one place late: the first padding after "
    "each end counts. Look for it in what is wanted."
)
def counted_by_inputs(target, start, pad):
    inputs, wanted, _ = forced(target, start, pad)
    return inputs, wanted, inputs != pad


@teacher_forcing.mistake("Upside down: `counts` should be True where what is wanted is no padding.")
def counts_upside_down(target, start, pad):
    inputs, wanted, counts = forced(target, start, pad)
    return inputs, wanted, ~counts


@teacher_forcing.mistake(
    "The end token does not count here: then nobody teaches the model when to stop."
)
def end_left_out(target, start, pad):
    inputs, wanted, counts = forced(target, start, pad)
    last = counts & ~np.concatenate([counts[:, 1:], np.zeros((len(counts), 1), bool)], axis=1)
    return inputs, wanted, counts & ~last


@teacher_forcing.mistake("`start` is put over the first token, which is lost: the others move on.")
def start_over_the_first(target, start, pad):
    inputs = target.copy()
    inputs[:, 0] = start
    return inputs, target, target != pad


@teacher_forcing.mistake(
    "Cut to T − 1 places. That is right for a target that begins with `start`; this one does not: "
    "put `start` in front, and ask for the first token, too."
)
def first_token_never_asked(target, start, pad):
    return target[:, :-1], target[:, 1:], target[:, 1:] != pad


@teacher_forcing.mistake("One place too many: the last token is wanted, and never given.")
def one_place_more(target, start, pad):
    first, last = (np.full((len(target), 1), token) for token in (start, pad))
    wanted = np.concatenate([target, last], axis=1)
    return np.concatenate([first, target], axis=1), wanted, wanted != pad


@teacher_forcing.swap
def teach_to_spell(teacher_forcing):
    teach = partial(teacher_forcing, start=START, pad=PAD)
    model, sources, targets = speller(teach)
    right = spelled_right(model, sources, targets)
    assert right > 0.5, f"Taught so, a model spells {right:.0%} of held-out words backwards."
    return f"Taught so, a model spells {right:.0%} of {len(sources)} held-out words backwards."


# One step with a cache.


def one_step(x, w_q, w_k, w_v, keys, values, *, root=math.sqrt):
    """By the whole attention's last row."""
    keys, values = np.vstack([keys, x @ w_k.T]), np.vstack([values, x @ w_v.T])
    return softmax((x @ w_q.T) @ keys.T / root(len(x))) @ values, keys, values


def step_example(rng):
    return rng.normal(size=3), *rng.normal(size=(3, 3, 3)), *rng.normal(size=(2, 5, 3))


cached_step = Function(
    name="cached_step",
    right=lambda x, w_q, w_k, w_v, keys, values: one_step(x, w_q, w_k, w_v, keys, values),
    example=step_example,
    cases=st.integers(0, 2).flatmap(
        lambda t: st.tuples(arrays_of(3), *[arrays_of(3, 3)] * 3, *[arrays_of(t, 3)] * 2)
    ),
    hints=(
        "x is one place, (D,): w_k @ x is its key, w_v @ x its value.",
        "Put them at the end of those known: np.concatenate([keys, new[None]]).",
        "Attend after that, to all of them: a place sees itself, too.",
        "weights = softmax(keys @ q / √D), (t + 1,), and y = weights @ values.",
    ),
)


@cached_step.mistake(
    "Off by one: it attends before the new key and value are there, so that a place does not see "
    "itself."
)
def before_itself(x, w_q, w_k, w_v, keys, values):
    y = softmax(keys @ (w_q @ x) / np.sqrt(len(x))) @ values
    return y, *one_step(x, w_q, w_k, w_v, keys, values)[1:]


@cached_step.mistake(
    "The new key and value take the place of the last ones. They go behind them: the cache grows."
)
def last_overwritten(x, w_q, w_k, w_v, keys, values):
    return one_step(x, w_q, w_k, w_v, keys[:-1], values[:-1])


@cached_step.mistake("The first place falls out: nothing is forgotten, the cache grows by one.")
def first_forgotten(x, w_q, w_k, w_v, keys, values):
    return one_step(x, w_q, w_k, w_v, keys[1:], values[1:])


@cached_step.mistake("The new key and value are put in front; places come in their order.")
def in_front(x, w_q, w_k, w_v, keys, values):
    y, keys, values = one_step(x, w_q, w_k, w_v, keys, values)
    return y, np.roll(keys, 1, axis=0), np.roll(values, 1, axis=0)


@cached_step.mistake("x itself is remembered; the cache holds its key, w_k @ x, and its value.")
def unprojected(x, w_q, w_k, w_v, keys, values):
    return one_step(x, w_q, np.eye(len(x)), np.eye(len(x)), keys, values)


@cached_step.mistake("The key is remembered as value, too: a value is w_v @ x.")
def key_as_value(x, w_q, w_k, w_v, keys, values):
    return one_step(x, w_q, w_k, w_k, keys, values)


@cached_step.mistake("Only the new place is looked at: what is remembered should be, too.")
def itself_alone(x, w_q, w_k, w_v, keys, values):
    return w_v @ x, *one_step(x, w_q, w_k, w_v, keys, values)[1:]


@cached_step.mistake("The scores are not divided by √D.")
def step_without_root(x, w_q, w_k, w_v, keys, values):
    return one_step(x, w_q, w_k, w_v, keys, values, root=lambda d: 1.0)


@cached_step.mistake("Divided by the root of how many places there are; √D is of the features.")
def root_of_places(x, w_q, w_k, w_v, keys, values):
    return one_step(x, w_q, w_k, w_v, keys, values, root=lambda d: math.sqrt(len(keys) + 1))


@cached_step.mistake("The weights are (out, in), as in nn.Linear: w @ x, or x @ w.T.")
def step_untransposed(x, w_q, w_k, w_v, keys, values):
    return one_step(x, w_q.T, w_k.T, w_v.T, keys, values)


@cached_step.mistake("Nothing is remembered: return the keys and values with the new ones in them.")
def nothing_remembered(x, w_q, w_k, w_v, keys, values):
    return one_step(x, w_q, w_k, w_v, keys, values)[0], keys, values


@cached_step.mistake(
    "What is remembered is projected once more: the cache holds keys and values, ready for use."
)
def projected_again(x, w_q, w_k, w_v, keys, values):
    _, keys, values = one_step(x, w_q, w_k, w_v, keys, values)
    scores = keys @ w_k.T @ (w_q @ x) / np.sqrt(len(x))
    return softmax(scores) @ (values @ w_v.T), keys, values


@cached_step.mistake("Keys and values come back in the wrong order: (y, keys, values).")
def values_first(x, w_q, w_k, w_v, keys, values):
    y, keys, values = one_step(x, w_q, w_k, w_v, keys, values)
    return y, values, keys


@cached_step.mistake("The softmax is missing: these are scores, which do not sum to 1.")
def step_without_softmax(x, w_q, w_k, w_v, keys, values):
    _, keys, values = one_step(x, w_q, w_k, w_v, keys, values)
    return keys @ (w_q @ x) / np.sqrt(len(x)) @ values, keys, values


@cached_step.swap
def write_with_it(cached_step):
    """A trained model writes with the learner's steps in the place of its own cache."""
    model, sources, _ = speller()
    attention, remembered = model.decoder.blocks[0].self_attn, {}
    own, weights = model.generate(sources[:50]), projections(attention)

    def attend_next(x, cache):
        cache.length += 1
        steps = []
        for i, row in enumerate(x.data[:, 0].astype(float)):
            known = remembered.get(i, (np.empty((0, 32)), np.empty((0, 32))))
            y, *remembered[i] = cached_step(row, *weights, *known)
            steps.append(y)
        return attention.out_proj(mt.tensor(np.array(steps, np.float32)[:, None]))

    attention.attend_next = attend_next
    same = np.mean([a == b for a, b in zip(model.generate(sources[:50]), own, strict=True)])
    assert same > 0.97, f"A trained model writes {same:.0%} of 50 words as with its own cache."
    return f"A trained model writes {same:.0%} of 50 held-out words as with its own cache."


# Beam search.


class Table:
    """The probabilities of what follows each hypothesis, drawn once and for all."""

    def __init__(self, seed, vocabulary=4):
        self.seed, self.vocabulary = seed, vocabulary

    def __call__(self, tokens):
        rng = np.random.default_rng((self.seed, *tokens))
        return rng.dirichlet(np.ones(self.vocabulary))

    def __repr__(self):
        return f"a table of probabilities ({self.vocabulary} tokens)"


def searched(following, beam, end, longest, *, grow=None, keep=None, worth=None):
    """Beam search on a heap of tuples, with parts of it changed."""
    grow = grow or (lambda score, p: score + math.log(p))
    keep = keep or (lambda found: sorted(found, key=lambda h: h[1], reverse=True)[:beam])
    alive, finished = [((), 0.0)], []
    while alive:
        found = [
            ((*tokens, token), grow(score, float(p)))
            for tokens, score in alive
            for token, p in enumerate(following(list(tokens)))
        ]
        kept = keep(found)
        ended = [h for h in kept if h[0][-1] == end or len(h[0]) == longest]
        finished += ended
        alive = [h for h in kept if h not in ended]
    tokens, score = max(finished, key=worth or (lambda h: h[1]))
    return list(tokens), score


beam_search = Function(
    name="beam_search",
    right=lambda following, beam, end, longest: searched(following, beam, end, longest),
    example=lambda rng: telling(rng),
    cases=st.tuples(
        st.integers(0, 99).map(Table), st.integers(1, 3), st.integers(0, 3), st.integers(1, 4)
    ),
    hints=(
        "Keep a list of (tokens, score). It begins as [([], 0.0)].",
        "A step: every hypothesis with every token, score + np.log(p). Sort all of these together.",
        "Cut the sorted list to `beam`; what ends with `end`, or is long enough, is finished.",
        "The others are the next step's. Return the best of all that were finished.",
    ),
)


@beam_search.mistake(
    "This is greedy search: one hypothesis, whatever `beam` is. Keep the `beam` best of a step."
)
def greedy(following, beam, end, longest):
    return searched(following, 1, end, longest)


@beam_search.mistake(
    "Probabilities are added. Those of steps are multiplied, so it is their logarithms that add up."
)
def probabilities_added(following, beam, end, longest):
    return searched(following, beam, end, longest, grow=lambda score, p: score + p)


@beam_search.mistake(
    "The score is the probability. That is the same order, but of long sentences it is too small "
    "for a float: add logarithms, and return their sum."
)
def probability_itself(following, beam, end, longest):
    tokens, score = searched(following, beam, end, longest)
    return tokens, math.exp(score)


@beam_search.mistake(
    "The score is of the last token alone: add it to that of the hypothesis which it continues."
)
def last_step_alone(following, beam, end, longest):
    return searched(following, beam, end, longest, grow=lambda score, p: math.log(p))


@beam_search.mistake(
    "The `beam` best of *each* hypothesis go on, and so there are more and more of them. Sort the "
    "continuations of all together, and cut once."
)
def best_of_each(following, beam, end, longest):
    def keep(found):
        parents = {tokens[:-1] for tokens, _ in found}
        return [
            h
            for parent in sorted(parents)
            for h in sorted((h for h in found if h[0][:-1] == parent), key=lambda h: -h[1])[:beam]
        ]

    return searched(following, beam, end, longest, keep=keep)


@beam_search.mistake("The least likely go on: sort by score from the highest down.")
def worst_first(following, beam, end, longest):
    return searched(
        following, beam, end, longest, keep=lambda found: sorted(found, key=lambda h: h[1])[:beam]
    )


@beam_search.mistake(
    "Hypotheses go on after their end. What ends in `end` is finished, and is not continued."
)
def past_the_end(following, beam, end, longest):
    return searched(following, beam, -1, longest)


@beam_search.mistake(
    "It returns the first that was finished. A longer one may be likelier: go on until none is "
    "left, then take the best."
)
def first_finished(following, beam, end, longest):
    return searched(following, beam, end, longest, worth=lambda h: (-len(h[0]), h[1]))


@beam_search.mistake(
    "The score is divided by the length. That is often done, for long sentences have low scores, "
    "but here it should be the plain sum."
)
def mean_score(following, beam, end, longest):
    tokens, score = searched(following, beam, end, longest, worth=lambda h: h[1] / len(h[0]))
    return tokens, score / len(tokens)


@beam_search.mistake(
    "Finished hypotheses do not take a place in the beam here: cut all continuations to `beam` "
    "first, then look which of those have ended."
)
def finished_beside_the_beam(following, beam, end, longest):
    def keep(found):
        ordered = sorted(found, key=lambda h: -h[1])
        going_on = [h for h in ordered if h[0][-1] != end]
        return [h for h in ordered if h[0][-1] == end] + going_on[:beam]

    return searched(following, beam, end, longest, keep=keep)


@beam_search.mistake("`end` is taken off the tokens: it belongs to the hypothesis, as its score.")
def end_taken_off(following, beam, end, longest):
    tokens, score = searched(following, beam, end, longest)
    return [token for token in tokens if token != end], score


@beam_search.mistake("It stops one token early: hypotheses may be `longest` tokens long.")
def one_token_early(following, beam, end, longest):
    return searched(following, beam, end, max(longest - 1, 1))


def telling(rng):
    """A table on which it matters that the hypotheses compete with each other."""
    while True:
        inputs = Table(int(rng.integers(1_000_000))), 2, 0, 5
        if searched(*inputs) != best_of_each(*inputs):
            return inputs


@beam_search.swap
def search_for_words(beam_search):
    """A model that has not learned much is unsure: what it finds likely takes a search."""
    model, sources, _ = speller(steps=40)
    sums = []
    for source in sources[:12]:

        def following(tokens, source=source):
            decoding = Decoding(model, source[None])
            for token in [START, *tokens]:
                logp = decoding.next(np.array([token]))
            return np.exp(logp[0].astype(float))

        sums.append([beam_search(following, beam, END, 6)[1] for beam in (1, 4)])
    one, four = np.mean(sums, axis=0)
    assert four > one, f"Four hypotheses find words of log-probability {four:.2f}, one {one:.2f}."
    return (
        f"Mean log-probability of the words found: {one:.2f} with a beam of 1, {four:.2f} with 4."
    )
