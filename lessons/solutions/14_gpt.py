"""Lesson 14: batches of next tokens, the bigram model's loss, and drawing what comes next."""

import numpy as np


def shifted_batch(tokens, starts, block_size):
    """Windows of a text, and for each of their tokens the one that follows it.

        inputs[i, t]  = tokens[starts[i] + t]          t = 0 … block_size − 1
        targets[i, t] = tokens[starts[i] + t + 1]

    tokens: integers (T,); starts: integers (B,), where the windows begin; block_size: a number.
    Returns (inputs, targets), each (B, block_size).

    shifted_batch(np.array([3, 1, 4, 1, 5, 9]), np.array([0, 2]), 3)
        = ([[3, 1, 4], [4, 1, 5]],
           [[1, 4, 1], [1, 5, 9]])
    """
    places = starts[:, None] + np.arange(block_size)
    return tokens[places], tokens[places + 1]


def bigram_loss(train, held_out, vocab_size):
    """The mean loss of a model that looks at one token, on text that it has not seen.

        P(b after a) = (count of the pair a, b in `train` + 1) / (count of all pairs a, · + V)

    So no pair has probability 0, not even one that never occurred. The loss is the mean of
    −log P(b after a), the natural logarithm, over all pairs of neighbours in `held_out`.

    train, held_out: integers (T,) and (S,), from 0 to below V = vocab_size. Returns a number.

    bigram_loss(np.array([0, 1, 0, 1]), np.array([0, 1, 1]), 2) = (−log 3/4 − log 1/3) / 2 = 0.693
    """
    counts = np.ones((vocab_size, vocab_size))
    np.add.at(counts, (train[:-1], train[1:]), 1)
    probabilities = counts / counts.sum(axis=1, keepdims=True)
    return -np.log(probabilities[held_out[:-1], held_out[1:]]).mean()


def top_p(probabilities, limit):
    """The likeliest tokens that reach `limit` together, and no others.

    Go through the tokens from the likeliest down, adding up their probabilities, until the sum is
    at least `limit`. The tokens so far keep their probability, the one that reached the limit
    among them; all others get 0. At last the kept ones are scaled so that they sum to 1.

    probabilities: (V,), all different, which sum to 1; limit: between 0 and 1.
    Returns (V,), in the order of the tokens.

    top_p(np.array([0.15, 0.5, 0.05, 0.3]), 0.75) = [0, 0.625, 0, 0.375], since 0.5 + 0.3 ≥ 0.75
    """
    order = np.argsort(-probabilities)
    before = np.cumsum(probabilities[order]) - probabilities[order]
    kept = np.zeros_like(probabilities)
    chosen = order[before < limit]
    kept[chosen] = probabilities[chosen]
    return kept / kept.sum()


def sample(logits, temperature, top_k, u):
    """Tokens drawn from softmax(logits / temperature), cut to the `top_k` likeliest.

    The probabilities of the kept tokens sum to 1, and lie side by side on a line from 0 to 1, in
    the order of the token ids. A random number u falls on one of them, which is drawn: it is the
    first token whose probability, added to all those before it, is more than u.

    logits: (V,), all different; temperature: a positive number; top_k: from 1 to V;
    u: (N,), random numbers from 0 to below 1. Returns integers (N,), a token for each u.

    With probabilities [0.5, 0.2, 0.3], u = 0.6 draws token 1, and u = 0.7 draws token 2:
    sample(np.log([0.5, 0.2, 0.3]), 1.0, 3, np.array([0.6, 0.75])) = [1, 2]
    """
    kept = np.full(len(logits), -np.inf)
    best = np.argsort(-logits)[:top_k]
    kept[best] = logits[best] / temperature
    p = np.exp(kept - kept.max())
    reached = np.cumsum(p / p.sum())
    return np.searchsorted(reached, u, side="right")
