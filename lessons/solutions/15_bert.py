"""Lesson 15: pieces of words, hidden tokens and their loss, places of sentences."""

import numpy as np


def word_pieces(word, vocab):
    """A word as the longest pieces that the vocabulary has, from its beginning to its end.

    The first piece is the longest one in `vocab` that the word begins with; the next is the longest
    that the rest begins with, and so on. In `vocab`, a piece that does not begin its word is
    written with "##" before it. Where no piece fits the rest, the whole word is ["[UNK]"].

    word: a text of at least one character; vocab: a set of texts. Returns a list of texts.

    With vocab = {"un", "play", "##play", "##able", "##a", "u"}:
    word_pieces("unplayable", vocab) = ["un", "##play", "##able"]
    word_pieces("unplayed", vocab) = ["[UNK]"]
    """
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        for end in range(len(word), start, -1):
            if prefix + word[start:end] in vocab:
                break
        else:
            return ["[UNK]"]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


def hide(ids, ordinary, draw, fate, random_ids, mask_id):
    """Tokens hidden from a model, and what it should guess in their place.

    A token is chosen where it is ordinary (no padding and the like) and draw < 0.15. A chosen one
    becomes, in the inputs,

        mask_id                         where fate < 0.8
        the one in random_ids           where 0.8 ≤ fate < 0.9
        what it is                      where fate ≥ 0.9

    All others stay as they are. The targets are the tokens of `ids` at every chosen place, whatever
    became of it, and −100 at all others.

    ids, random_ids: integers (B, T); ordinary: booleans (B, T); draw, fate: (B, T), from 0 to below
    1; mask_id: a number. Returns (inputs, targets), each (B, T); `ids` itself is not changed.

    hide(np.array([[7, 8, 9]]), np.array([[True, True, True]]), np.array([[0.1, 0.5, 0.1]]),
         np.array([[0.3, 0.3, 0.85]]), np.array([[5, 5, 5]]), 4)
        = ([[4, 8, 5]], [[7, −100, 9]])
    """
    chosen = ordinary & (draw < 0.15)
    inputs = np.where(chosen & (fate < 0.8), mask_id, ids)
    inputs = np.where(chosen & (fate >= 0.8) & (fate < 0.9), random_ids, inputs)
    return inputs, np.where(chosen, ids, -100)


def hidden_loss(logits, targets):
    """The mean cross-entropy of the places that have a target; −100 is none.

        loss = mean of −log softmax(logits[b, t])[targets[b, t]]   over all b, t with a target

    logits: (B, T, V), of any size, so subtract each place's largest before exp; targets: integers
    (B, T), from 0 to below V, or −100; one at least counts. Returns a number.

    hidden_loss(np.log([[[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]]), np.array([[2, −100]]))
        = −log 0.25 = 1.386
    """
    counts = targets != -100
    chosen, target = logits[counts], targets[counts]
    shifted = chosen - chosen.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=1))
    return (log_total - shifted[np.arange(len(target)), target]).mean()


def sentence_places(features, mask):
    """Each sentence's place: the mean of its real tokens' features, scaled to length 1.

        m_b = (Σ_t mask[b, t] features[b, t]) / (Σ_t mask[b, t])        y_b = m_b / ‖m_b‖

    features: (B, T, D); mask: booleans (B, T), True at real tokens, one at least in each row.
    Returns (B, D).

    sentence_places(np.array([[[3, 0], [3, 8], [99, 99]]]), np.array([[True, True, False]]))
        = [[0.6, 0.8]], from the mean [3, 4]
    """
    kept = mask[:, :, None]
    mean = (features * kept).sum(axis=1) / kept.sum(axis=1)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)
