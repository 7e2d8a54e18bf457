"""Wrong backward passes of the cross-entropy of logits (N, C) and class targets (N,)."""

import numpy as np

from .operation import Operation
from .softmax import log_softmax, softmax

IGNORED = -100
SMOOTHING = 0.1


def wanted(logits, target, smoothing=0.0):
    """The distribution aimed at: one-hot rows, smoothed; zeros where the target is ignored."""
    counted = target != IGNORED
    rows = np.zeros_like(logits)
    rows[counted] = smoothing / logits.shape[-1]
    rows[counted, target[counted]] += 1 - smoothing
    return rows


def cross_entropy(logits, target):
    return _loss(logits, target, 0.0)


def cross_entropy_backward(dy, logits, target):
    return _gradient(dy, logits, target, 0.0), None


def _loss(logits, target, smoothing):
    rows = wanted(logits, target, smoothing)
    return -(rows * log_softmax(logits)).sum() / (target != IGNORED).sum()


def _gradient(dy, logits, target, smoothing):
    counted = (target != IGNORED)[:, None]
    rows = wanted(logits, target, smoothing)
    return dy * (softmax(logits) * counted - rows) / counted.sum()


def _example(rng):
    return rng.normal(size=(7, 5)), rng.permutation([0, 1, 1, 4, 3, IGNORED, IGNORED])


CROSS_ENTROPY = Operation("cross_entropy", cross_entropy, cross_entropy_backward, _example)


@CROSS_ENTROPY.mistake("The one-hot target is missing: p − onehot(target), not p alone.")
def without_one_hot(dy, logits, target):
    counted = (target != IGNORED)[:, None]
    return dy * softmax(logits) * counted / counted.sum(), None


@CROSS_ENTROPY.mistake("The mean is missing: divide by the number of targets that count.")
def without_mean(dy, logits, target):
    return _gradient(dy, logits, target, 0.0) * (target != IGNORED).sum(), None


@CROSS_ENTROPY.mistake("Ignored targets still get a gradient: their rows must be zero.")
def ignored_counted(dy, logits, target):
    counted = (target != IGNORED).sum()
    return dy * (softmax(logits) - wanted(logits, target)) / counted, None


@CROSS_ENTROPY.mistake("The mean is over the targets that count; this divides by all of them.")
def mean_over_all(dy, logits, target):
    counted = (target != IGNORED).sum()
    return _gradient(dy, logits, target, 0.0) * counted / len(target), None


@CROSS_ENTROPY.mistake("The sign is reversed: p − onehot(target).")
def reversed_difference(dy, logits, target):
    return -_gradient(dy, logits, target, 0.0), None


@CROSS_ENTROPY.mistake("The upstream gradient is missing: a loss may be scaled.")
def without_upstream(dy, logits, target):
    return _gradient(1.0, logits, target, 0.0), None


@CROSS_ENTROPY.mistake("The logits stand where their softmax is due: p − onehot(target).")
def logits_for_probabilities(dy, logits, target):
    counted = (target != IGNORED)[:, None]
    return dy * (logits * counted - wanted(logits, target)) / counted.sum(), None


@CROSS_ENTROPY.mistake("Only the target's column gets a gradient; every logit of the row has one.")
def target_column_only(dy, logits, target):
    full = _gradient(dy, logits, target, 0.0)
    return full * (wanted(logits, target) > 0), None


@CROSS_ENTROPY.mistake("−1/p of the target is the loss's slope in p; go on through the softmax.")
def stops_at_probabilities(dy, logits, target):
    counted = (target != IGNORED).sum()
    return -dy * wanted(logits, target) / softmax(logits) / counted, None


def smoothed_cross_entropy(logits, target):
    return _loss(logits, target, SMOOTHING)


def smoothed_cross_entropy_backward(dy, logits, target):
    return _gradient(dy, logits, target, SMOOTHING), None


SMOOTHED = Operation(
    "smoothed_cross_entropy", smoothed_cross_entropy, smoothed_cross_entropy_backward, _example
)


@SMOOTHED.mistake("The smoothing is forgotten: p − ((1 − ε)·onehot + ε/C).")
def unsmoothed(dy, logits, target):
    return _gradient(dy, logits, target, 0.0), None


@SMOOTHED.mistake("ε is not shared among the classes: each gets ε/C.")
def not_shared(dy, logits, target):
    counted = (target != IGNORED)[:, None]
    rows = (wanted(logits, target) * (1 - SMOOTHING) + SMOOTHING) * counted
    return dy * (softmax(logits) * counted - rows) / counted.sum(), None


@SMOOTHED.mistake("The target keeps 1; with smoothing it is aimed at 1 − ε + ε/C.")
def target_not_lowered(dy, logits, target):
    counted = (target != IGNORED)[:, None]
    rows = (wanted(logits, target) + SMOOTHING / logits.shape[-1]) * counted
    return dy * (softmax(logits) * counted - rows) / counted.sum(), None


@SMOOTHED.mistake("ε is shared among the other C − 1 classes; here it is among all C.")
def shared_among_others(dy, logits, target):
    counted = (target != IGNORED)[:, None]
    hot = wanted(logits, target)
    rows = hot * (1 - SMOOTHING) + (1 - hot) * counted * SMOOTHING / (logits.shape[-1] - 1)
    return dy * (softmax(logits) * counted - rows) / counted.sum(), None
