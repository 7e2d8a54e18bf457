"""What the exercises of lesson 11 are held against, the mistakes they know, and their hints."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minitransformer as mt
from lessons.course.exercise import Function, Gradient


def arrays_of(*shape, largest=5.0):
    return arrays(float, shape, elements=st.floats(-largest, largest))


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def right_attention(q, k, v):
    weights = np.array([softmax(k @ query / len(query) ** 0.5) for query in q])
    return np.einsum("ts,se->te", weights, v)


def example(rng):
    return rng.normal(size=(5, 3)), rng.normal(size=(7, 3)), rng.normal(size=(7, 11))


BACK = 2  # how far back the positions of the swaps learn to look
PLACES = 12


def learn_to_look_back(attend, steps=150):
    """A layer whose queries and keys are its positions alone: which letter stood BACK places ago?

    `attend(q, k, v) -> (y, backward)`, q and k (T, D), v (T, letters), backward(dy) -> (dq, dk).
    The letters are those of the standard library. Returns the last loss; at first it is above 2.
    """
    text = np.frombuffer(mt.data.text_corpus()[:20_000].encode("ascii", "replace"), np.uint8)
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=(2, PLACES, 8))
    memory = [np.zeros_like(q), np.zeros_like(k)]
    for _ in range(steps):
        start = rng.integers(len(text) - PLACES)
        letters = text[start : start + PLACES]
        v = (letters[:, None] == np.unique(letters)).astype(float)
        y, backward = attend(q, k, v)
        due = v[:-BACK] > 0  # for the positions from BACK on
        share = np.maximum(y[BACK:][due], 1e-9)
        dy = np.zeros_like(y)
        dy[BACK:][due] = -1 / share / len(share)
        for p, g, m in zip((q, k), backward(dy), memory, strict=True):
            m *= 0.8
            m += g
            p -= 0.5 * m
        loss = -np.log(share).mean()
    return loss


def backward_of(dy, q, k, v, mask=0.0):
    p = softmax(q @ k.T / np.sqrt(q.shape[1]) + mask)
    dp = dy @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q


attention = Function(
    name="attention",
    right=right_attention,
    example=example,
    cases=st.tuples(arrays_of(2, 3, largest=300), arrays_of(3, 3, largest=300), arrays_of(3, 2)),
    hints=(
        "How well does each key answer each query? One product gives all scores, (T, S).",
        "q @ k.T, divided by the root of the number of features, q.shape[1].",
        "The softmax runs along each row of scores: for one query, over all keys.",
        "(T, S) weights times (S, E) values.",
    ),
)


def scored(weigh):
    """Attention whose weights are weigh(q @ k.T, D)."""

    def attend(q, k, v):
        return weigh(q @ k.T, q.shape[1]) @ v

    return attend


@attention.mistake(
    "The scores are not divided by √D. They grow with the number of features, until one key takes "
    "all the weight and the softmax passes no gradient on."
)
def unscaled(*given):
    return scored(lambda s, d: softmax(s))(*given)


@attention.mistake(
    "The scores are divided by D, not by its root: a sum of D products has variance D, so its "
    "spread is √D. Now all weights are nearly equal."
)
def divided_by_d(*given):
    return scored(lambda s, d: softmax(s / d))(*given)


@attention.mistake("The scores are multiplied by √D; they should be divided by it.")
def multiplied(*given):
    return scored(lambda s, d: softmax(s * np.sqrt(d)))(*given)


@attention.mistake(
    "The root is that of the number of keys. It is the number of features that makes scores "
    "large, q.shape[1]."
)
def root_of_keys(*given):
    return scored(lambda s, d: softmax(s / np.sqrt(s.shape[1])))(*given)


@attention.mistake(
    "The root is that of the number of queries. It is the number of features that makes scores "
    "large, q.shape[1]."
)
def root_of_queries(*given):
    return scored(lambda s, d: softmax(s / np.sqrt(len(s))))(*given)


@attention.mistake(
    "The softmax runs over the queries. Each query has one unit of weight to share out among the "
    "keys: along the rows, axis=-1."
)
def over_queries(*given):
    return scored(lambda s, d: softmax(s / np.sqrt(d), axis=0))(*given)


@attention.mistake(
    "One softmax runs over all scores at once: each row has its own, and sums to 1 by itself."
)
def over_everything(*given):
    return scored(lambda s, d: softmax((s / np.sqrt(d)).ravel()).reshape(s.shape))(*given)


@attention.mistake("The softmax is missing: the scores themselves are no weights of a mean.")
def without_softmax(*given):
    return scored(lambda s, d: s / np.sqrt(d))(*given)


@attention.mistake("The root is taken after the softmax: divide the scores, not the weights.")
def scaled_after(*given):
    return scored(lambda s, d: softmax(s) / np.sqrt(d))(*given)


@attention.mistake(
    "Each score went through a softmax of its own. The softmax of a single number is 1, so every "
    "value counts alike: take it over all keys of a query."
)
def each_alone(*given):
    return scored(lambda s, d: np.ones_like(s))(*given)


@attention.mistake(
    "Only the best key is heard, with weight 1. Softmax shares the weight out: [1, 2, 3] gives "
    "[0.090, 0.245, 0.665], not [0, 0, 1]."
)
def hard_maximum(*given):
    return scored(lambda s, d: (s == s.max(axis=1, keepdims=True)).astype(float))(*given)


@attention.mistake("These are the weights, (T, S). What is heard is their product with the values.")
def weights_alone(q, k, v):
    return softmax(q @ k.T / np.sqrt(q.shape[1]))


@attention.mistake(
    "The keys are averaged, not the values: weights come from q and k, what they weigh is v."
)
def keys_heard(q, k, v):
    return softmax(q @ k.T / np.sqrt(q.shape[1])) @ k


@attention.mistake("A causal mask is in it: here every query sees every key.")
def masked(*given):
    return scored(
        lambda s, d: softmax(np.where(np.tri(*s.shape, dtype=bool), s / np.sqrt(d), -np.inf))
    )(*given)


@attention.mistake(
    "The exponentials are not divided by their sum: the weights of a query should sum to 1."
)
def not_divided(*given):
    return scored(lambda s, d: np.exp(s / np.sqrt(d)))(*given)


@attention.swap
def look_back(attention):
    def attend(q, k, v):
        return attention(q, k, v), lambda dy: backward_of(dy, q, k, v)

    return looks_back(learn_to_look_back(attend))


def looks_back(loss):
    assert loss < 0.3, (
        f"Positions that should find the letter {BACK} places before them have loss {loss:.3g} "
        "after 150 steps; it should be near 0."
    )
    return f"Positions learn to look {BACK} places back in real text: loss {loss:.2g}."


attention_backward = Gradient(
    name="attention_backward",
    forward=lambda q, k, v: softmax(q @ k.T / np.sqrt(q.shape[1])) @ v,
    bank="attention",
    # As many queries as keys: else most mistakes would not fit together, and only raise.
    example=lambda rng: tuple(rng.normal(size=shape) for shape in ((5, 3), (5, 3), (5, 7))),
    cases=st.tuples(arrays_of(2, 3), arrays_of(3, 3), arrays_of(3, 2)),
    hints=(
        "Begin with y = P v. It is a matrix product, as in a linear layer: which transposes?",
        "dv = Pᵀ dy, and dP = dy vᵀ.",
        "Through the softmax, row by row: dS = P · (dP − the row's sum of dP · P).",
        "S = q kᵀ/√D is a product again: dq = dS k/√D, and dk = dSᵀ q/√D.",
    ),
)


def gradients(dy, q, k, v, through=None):
    """The right gradients, with another way through the softmax: through(dp, p) -> ds."""
    root = np.sqrt(q.shape[1])
    p = softmax(q @ k.T / root)
    dp = dy @ v.T
    ds = (through or (lambda dp, p: p * (dp - (dp * p).sum(axis=1, keepdims=True))))(dp, p)
    return ds @ k / root, ds.T @ q / root, p.T @ dy


@attention_backward.mistake(
    "The sum in the softmax runs down the columns; each query's row of weights sums to 1, so it "
    "runs along the row."
)
def sum_over_queries(*given):
    return gradients(*given, lambda dp, p: p * (dp - (dp * p).sum(axis=0)))


@attention_backward.mistake(
    "In the softmax, dP is summed without its weights: subtract the row's sum of dP · P."
)
def unweighted_sum(*given):
    return gradients(*given, lambda dp, p: p * (dp - dp.sum(axis=1, keepdims=True)))


@attention_backward.mistake(
    "In the softmax a mean stands where a sum is due: subtract the row's sum of dP · P, for P "
    "is the weight already."
)
def mean_for_sum(*given):
    return gradients(*given, lambda dp, p: p * (dp - (dp * p).mean(axis=1, keepdims=True)))


@attention_backward.mistake(
    "dP is transposed: dy vᵀ has a row for each query, like P; v dyᵀ has one for each key."
)
def dp_transposed(*given):
    return gradients(*given, lambda dp, p: p * (dp.T - (dp.T * p).sum(axis=1, keepdims=True)))


@attention_backward.mistake(
    "In the softmax, the row's sum of dP · P is not subtracted: when one weight grows, the others "
    "of its row shrink."
)
def without_the_sum(*given):
    return gradients(*given, lambda dp, p: p * dp)


@attention_backward.mistake(
    "The softmax is that of scores that were not divided by √D; the forward pass divides them."
)
def weights_unscaled(dy, q, k, v):
    p = softmax(q @ k.T)
    dp = dy @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, p.T @ dy


@attention_backward.swap
def look_back_by_gradient(attention_backward):
    def attend(q, k, v):
        return right_attention(q, k, v), lambda dy: attention_backward(dy, q, k, v)[:2]

    return looks_back(learn_to_look_back(attend))


def right_mask(scores):
    hidden = scores.copy()
    for i in range(scores.shape[1]):
        hidden[:, i, i + 1 :] = -np.inf
    return hidden


hide_future = Function(
    name="hide_future",
    right=right_mask,
    example=lambda rng: (rng.normal(size=(3, 7, 7)).round(1),),  # some are 0
    cases=st.tuples(arrays_of(2, 4, 4)),
    hints=(
        "Row i is what query i sees. Which columns lie after i?",
        "np.tri(T, dtype=bool) is True on and below the diagonal.",
        "np.where(visible, scores, −np.inf) broadcasts over the sequences.",
    ),
)


@hide_future.mistake(
    "Hidden scores are 0, but e⁰ = 1: they would keep their weight. Only −∞ has the weight 0."
)
def zeros(scores):
    return np.tril(scores)


@hide_future.mistake(
    "The diagonal is hidden too: each query may see its own place, and the first would see nothing "
    "at all."
)
def without_itself(scores):
    return np.where(np.tri(scores.shape[1], k=-1, dtype=bool), scores, -np.inf)


@hide_future.mistake("The past is hidden, and the future shown: keep j ≤ i, the lower triangle.")
def past(scores):
    return np.where(np.tri(scores.shape[1], dtype=bool).T, scores, -np.inf)


@hide_future.mistake(
    "One place of the future is still seen, j = i + 1: the very word that is to be predicted."
)
def one_ahead(scores):
    return np.where(np.tri(scores.shape[1], k=1, dtype=bool), scores, -np.inf)


@hide_future.mistake(
    "0 · −∞ is NaN, so a mask of zeros and infinities cannot be multiplied: choose with np.where."
)
def multiplied_by_infinity(scores):
    return scores + np.triu(np.ones(scores.shape[1:]), k=1) * -np.inf


@hide_future.mistake(
    "Hidden scores are a large negative number, not −∞. That hides them only as long as all other "
    "scores are larger by far."
)
def large_negative(scores):
    return np.where(np.tri(scores.shape[1], dtype=bool), scores, -1e9)


@hide_future.mistake(
    "This is the softmax of the scores that are left; here they come back as they are."
)
def softmax_too(scores):
    return softmax(right_mask(scores))


@hide_future.mistake(
    "The scores of the future are multiplied by −∞: a negative score becomes +∞ and takes all the "
    "weight. Put −∞ in their place, or add it."
)
def multiplied_scores(scores):
    return scores * np.where(np.tri(scores.shape[1], dtype=bool), 1.0, -np.inf)


@hide_future.mistake(
    "This is the mask itself, 1 where a query may look: use it to choose between scores and −∞."
)
def the_mask_itself(scores):
    return np.broadcast_to(np.tri(scores.shape[1]), scores.shape).copy()


@hide_future.mistake(
    "The mask compares with the number of the sequence: position i of the same sequence is axis 1."
)
def along_the_batch(scores):
    seen = np.arange(len(scores))[:, None, None] >= np.arange(scores.shape[1])
    return np.where(seen, scores, -np.inf)


@hide_future.mistake(
    "A score that happens to be 0 is hidden too. What is hidden is a matter of the place, j > i, "
    "not of the number: choose with a mask of booleans."
)
def zeros_taken_for_hidden(scores):
    kept = np.tril(scores)
    return np.where(kept == 0, -np.inf, kept)


@hide_future.mistake("Nothing is hidden: these are the scores as they came.")
def nothing(scores):
    return scores.copy()


@hide_future.swap
def without_the_future(hide_future):
    mask = hide_future(np.zeros((1, PLACES, PLACES)))[0]

    def attend(q, k, v):
        p = softmax(q @ k.T / np.sqrt(q.shape[1]) + mask)
        assert not np.triu(p, k=1).any(), "Weights of the future are not 0."
        return p @ v, lambda dy: backward_of(dy, q, k, v, mask)

    return looks_back(learn_to_look_back(attend))


def right_heads(x, n_head):
    return np.stack(np.split(x, n_head, axis=1))


split_heads = Function(
    name="split_heads",
    right=right_heads,
    example=lambda rng: (rng.normal(size=(7, 15)), 3),
    cases=st.tuples(arrays_of(3, 8), st.just(2)),
    hints=(
        "Cut the axis of the features in two: (T, D) becomes (T, n_head, D / n_head).",
        "The heads should come first: move that axis, do not reshape it.",
        "x.reshape(T, n_head, D // n_head).transpose(1, 0, 2)",
    ),
)


@split_heads.mistake(
    "reshape alone gives the shape, but mixes positions: it reads on row by row, so the first head "
    "gets the first rows whole. Cut the features, then move the axis."
)
def reshaped_alone(x, n_head):
    return x.reshape(n_head, len(x), -1)


@split_heads.mistake(
    "The features are dealt out like cards: head 0 has every n_head-th. Head 0 should have the "
    "first D / n_head in a row: reshape to (T, n_head, …), not to (T, …, n_head)."
)
def dealt_out(x, n_head):
    return x.reshape(len(x), -1, n_head).transpose(2, 0, 1)


@split_heads.mistake(
    "The heads are still behind the positions: (T, n_head, …). Move them in front."
)
def heads_behind(x, n_head):
    return x.reshape(len(x), n_head, -1)


@split_heads.mistake(
    "The two last axes are exchanged: positions come before the features of a head."
)
def features_first(x, n_head):
    return x.reshape(len(x), n_head, -1).transpose(1, 2, 0)


@split_heads.mistake("The heads are in the wrong order: head 0 has the first features.")
def last_head_first(x, n_head):
    return right_heads(x, n_head)[::-1]


@split_heads.mistake("Each head has all features here: share them out, D / n_head for each.")
def all_features_for_all(x, n_head):
    return np.stack([x] * n_head)


@split_heads.swap
def two_heads_look_back(split_heads):
    """Both heads get the features of lesson 11's layer; together they look back."""
    width = 16
    places = split_heads(np.arange(PLACES * width, dtype=float).reshape(PLACES, width), 2)
    places = np.asarray(places).astype(int)

    def attend(q, k, v):
        wide = [np.concatenate([x, x], axis=1).ravel()[places] for x in (q, k)]
        y = np.mean([right_attention(a, b, v) for a, b in zip(*wide, strict=True)], axis=0)

        def backward(dy):
            parts = [backward_of(dy / 2, a, b, v) for a, b in zip(*wide, strict=True)]
            return [sum(g) for g in zip(*parts, strict=True)]

        return y, backward

    return looks_back(learn_to_look_back(attend))
