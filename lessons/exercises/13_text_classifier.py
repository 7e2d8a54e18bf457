"""Lesson 13: a vocabulary, padding with a mask, the masked mean backward, and F1."""

from collections import Counter

import numpy as np


def build_vocabulary(texts, least):
    """A number for each word that occurs often enough.

        0 is "<pad>", 1 is "<unk>", then the words: the commonest first, and of equally common
        ones the first in the alphabet

    texts: a list of texts; their words are in lower case, with white space between them. least:
    how often, in all texts together, a word has to occur. Returns a dict from word to number.

    build_vocabulary(["A film of a film", "a play"], least=2)
        = {"<pad>": 0, "<unk>": 1, "a": 2, "film": 3}
    """
    raise NotImplementedError


def pad_and_mask(sequences):
    """Rows of one length, and which of their entries are words.

        ids[b, t] = sequences[b][t] where there is one, else 0
        mask[b, t] = True where there is one, else False

    sequences: B arrays of ids, (T_b,) each. Returns (ids (B, T) integers, mask (B, T) boolean),
    T the length of the longest. A word may be 0 as well.

    pad_and_mask([[5, 2], [7, 8, 9]]) = ([[5, 2, 0], [7, 8, 9]],
                                         [[True, True, False], [True, True, True]])
    """
    raise NotImplementedError


def masked_mean_backward(dy, x, mask):
    """The gradient of the mean of each text's words.

        y[b] = Σ_t mask[b, t] x[b, t] / Σ_t mask[b, t]

    dy: the upstream gradient (B, D); x: (B, T, D); mask: (B, T) boolean, True at words, at least
    one a row. Returns the gradient in x, (B, T, D).

    For D = 1, mask [[True, True, False]] and dy [[6]]: [[[3], [3], [0]]]
    """
    raise NotImplementedError


def f1_score(target, predicted):
    """How well class 1 is found: the harmonic mean of precision and recall.

        precision = tp / (tp + fp)      of those taken for 1, how many are
        recall = tp / (tp + fn)         of those that are 1, how many were found
        F1 = 2 / (1 / precision + 1 / recall) = 2 tp / (2 tp + fp + fn)

    target, predicted: (N,) zeros and ones. Returns a number from 0 to 1; 0 where tp is 0.

    f1_score([1, 1, 1, 0], [1, 0, 0, 1]) = 2 / (2 + 1 + 2) = 0.4
    """
    raise NotImplementedError
