"""Lesson 17: look across, be taught with the truth, remember, and search several ways at once."""

import numpy as np


def softmax(s):
    """Exponentials of each row, scaled to sum to 1; s: (..., S)."""
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cross_attention(x, memory, real, w_q, w_k, w_v):
    """Each place of a decoder looks at what an encoder made of the source.

        q = x w_qᵀ,    k, v = memory w_kᵀ, memory w_vᵀ
        y = softmax(q kᵀ / √D, over the real places of the memory) v

    x: (T, D), the decoder's; memory: (S, D), the encoder's; real: (S,) booleans, False at padding
    (one at least is True); the weights: (D, D). Returns (T, D). `softmax` above may be used.

    Where only one place is real, all weight is on it. With weights that are all the identity,
    x = [[1, 2]], memory = [[3, 4], [5, 6]] and real = [False, True]: [[5, 6]]
    """
    q, k, v = x @ w_q.T, memory @ w_k.T, memory @ w_v.T
    scores = q @ k.T / np.sqrt(q.shape[1])
    return softmax(np.where(real, scores, -np.inf)) @ v


def teacher_forcing(target, start, pad):
    """What a decoder is given, what it is asked for, and where that counts.

    At place t it is given the true token t − 1 (at place 0: `start`) and asked for token t.
    Padding is never asked for.

    target: integers (B, T), each row its tokens, the end token, then padding.
    Returns (inputs, wanted, counts): integers (B, T), integers (B, T), booleans (B, T).

    teacher_forcing(np.array([[5, 6, 2], [7, 2, 0]]), start=1, pad=0) =
    ([[1, 5, 6], [1, 7, 2]], [[5, 6, 2], [7, 2, 0]], [[True, True, True], [True, True, False]])
    """
    first = np.full((len(target), 1), start)
    inputs = np.concatenate([first, target[:, :-1]], axis=1)
    return inputs, target, target != pad


def cached_step(x, w_q, w_k, w_v, keys, values):
    """Causal self-attention of one new place, when the keys and values before it are known.

        q, k, v = x w_qᵀ, x w_kᵀ, x w_vᵀ
        the new key and value go to the end of those known
        y = softmax(q · keysᵀ / √D) values

    x: (D,), the new place; the weights: (D, D); keys, values: (t, D), of the places before, which
    may be none. Returns (y, keys, values): (D,), (t + 1, D), (t + 1, D). A place sees itself, too.
    `softmax` above may be used.

    With weights that are all the identity, x = [1, 2], and keys and values of shape (0, 2):
    ([1, 2], [[1, 2]], [[1, 2]])
    """
    keys = np.concatenate([keys, (w_k @ x)[None]])
    values = np.concatenate([values, (w_v @ x)[None]])
    weights = softmax(keys @ (w_q @ x) / np.sqrt(len(x)))
    return weights @ values, keys, values


def beam_search(following, beam, end, longest):
    """The likeliest sequence that following `beam` hypotheses leads to.

    Begin with one empty hypothesis, of score 0. At each step, continue every hypothesis with every
    token: its score grows by log p(token). Of all these, the `beam` of highest score go on; those
    that end in `end` are finished and leave. Stop when none is left, or when they are `longest`
    tokens long: then all of them are finished, ended or not.

    following: a function of a hypothesis, a list of tokens, that returns the probabilities (V,) of
    what comes next; beam, end, longest: integers.
    Returns (tokens, score) of the finished hypothesis of highest score: a list, a number.

    With two tokens, 1 the end, following = lambda tokens: np.array([0.6, 0.4]) if not tokens else
    np.array([0.1, 0.9]), and longest = 2: a beam of 1 or 2 finds ([0, 1], log 0.6 + log 0.9).
    """
    alive, finished = [([], 0.0)], []
    for step in range(1, longest + 1):
        continued = [
            ([*tokens, token], score + np.log(p))
            for tokens, score in alive
            for token, p in enumerate(following(tokens))
        ]
        continued.sort(key=lambda hypothesis: -hypothesis[1])
        alive = []
        for tokens, score in continued[:beam]:
            ended = tokens[-1] == end or step == longest
            (finished if ended else alive).append((tokens, score))
    return max(finished, key=lambda hypothesis: hypothesis[1])
