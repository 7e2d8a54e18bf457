"""How good predictions are: for classes, for scores, for rankings, for language models.

What would be divided by zero counts as 0, as with scikit-learn's `zero_division=0`: the precision
of a class that was never predicted, the recall of one that never occurs, the F1 of both.
"""

from typing import Any

import numpy as np

AVERAGES = ("binary", "micro", "macro", None)


def accuracy(target: Any, predicted: Any) -> float:
    """The share of the N predictions that are right. Both (N,) whole numbers."""
    target, predicted = _classes("accuracy", target, predicted)
    return float((target == predicted).mean())


def confusion_matrix(target: Any, predicted: Any, classes: int | None = None) -> np.ndarray:
    """(C, C) int64: entry [i, j] counts the rows of class i that were taken for class j.

    Args:
        target, predicted: (N,) whole numbers from 0.
        classes: C, or None for the highest number that comes, plus 1.
    """
    target, predicted = _classes("confusion_matrix", target, predicted)
    lowest = min(target.min(), predicted.min())
    highest = max(target.max(), predicted.max())
    classes = int(highest) + 1 if classes is None else classes
    if lowest < 0 or highest >= classes:
        raise ValueError(
            f"confusion_matrix: expected classes from 0 to {classes - 1}, got {lowest} to {highest}"
        )
    counts = np.bincount(target * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes)


def precision_recall_f1(target: Any, predicted: Any, average: str | None = "binary") -> tuple:
    """(precision, recall, F1): right among the found, found among the right, harmonic mean.

        precision = tp / (tp + fp)    recall = tp / (tp + fn)    F1 = 2 tp / (2 tp + fp + fn)

    Args:
        target, predicted: (N,) whole numbers.
        average: "binary" finds class 1 among 0 and 1; "micro" counts over all classes, "macro" is
            the mean over them; None gives arrays (C,), in the order of the classes that come.
    """
    who = "precision_recall_f1"
    if average not in AVERAGES:
        raise ValueError(f"{who}: average should be one of {AVERAGES}, got {average!r}")
    target, predicted = _classes(who, target, predicted)
    present = np.union1d(target, predicted)
    if average == "binary":
        if not np.isin(present, (0, 1)).all():
            raise ValueError(
                f"{who}: average='binary' expects classes 0 and 1, got {present[:10].tolist()}:"
                " choose 'micro', 'macro' or None"
            )
        present = np.array([1])
    is_target, is_predicted = (x == present[:, None] for x in (target, predicted))
    true = (is_target & is_predicted).sum(axis=1)
    found, due = is_predicted.sum(axis=1), is_target.sum(axis=1)
    if average == "micro":
        true, found, due = (counts.sum(keepdims=True) for counts in (true, found, due))
    results = _share(true, found), _share(true, due), _share(2 * true, found + due)
    return results if average is None else tuple(float(r.mean()) for r in results)


def roc_auc(target: Any, scores: Any) -> float:
    """The chance that a row of class 1 scores above one of class 0; equal scores count half.

    target: (N,) zeros and ones, both present. scores: (N,). Hanley and McNeil (1982).
    """
    target, scores = np.asarray(target), _finite("roc_auc", scores)
    if target.shape != scores.shape or target.ndim != 1:
        raise ValueError(
            f"roc_auc: expected target and scores (N,), got {target.shape} and {scores.shape}"
        )
    if np.unique(target).tolist() != [0, 1]:
        raise ValueError(
            f"roc_auc: expected zeros and ones, both present, got {np.unique(target)[:5].tolist()}"
        )
    ones = scores[target == 1]
    zeros = np.sort(scores[target == 0])
    below = np.searchsorted(zeros, ones, "left") + np.searchsorted(zeros, ones, "right")
    return float(below.sum() / (2 * len(ones) * len(zeros)))


def perplexity(loss: float) -> float:
    """exp(loss): among how many tokens, all as likely, such a loss would choose."""
    return float(np.exp(loss))


def ranks_of(scores: Any, target: Any) -> np.ndarray:
    """(N,) the place of each row's target among its scores; 1 is the highest.

    scores: (N, C); -inf takes a column out. target: (N,) columns. Of equal scores the target's
    comes last, so that a model without an opinion gains nothing.
    """
    scores, target = np.asarray(scores), np.asarray(target)
    if scores.ndim != 2 or target.shape != scores.shape[:1] or target.dtype.kind not in "iu":
        raise ValueError(
            f"ranks_of: expected scores (N, C) and columns (N,), got {scores.shape} and"
            f" {target.dtype} {target.shape}"
        )
    own = scores[np.arange(len(target)), target][:, None]
    if np.isnan(scores).any() or np.isneginf(own).any():
        raise ValueError("ranks_of: a score is NaN, or a target was taken out with -inf")
    return (scores >= own).sum(axis=1)


def hit_rate(ranks: Any, k: int) -> float:
    """The share of targets among the first k. ranks: (N,), from 1."""
    return float((_ranks("hit_rate", ranks, k) <= k).mean())


def ndcg(ranks: Any, k: int) -> float:
    """The mean of 1 / log₂(rank + 1) of targets among the first k, and 0 of those beyond.

    It is the normalised discounted cumulative gain where each row has one target: 1 at the top,
    0.63 in the second place. ranks: (N,), from 1. Järvelin and Kekäläinen (2002).
    """
    ranks = _ranks("ndcg", ranks, k)
    return float(np.where(ranks <= k, 1 / np.log2(ranks + 1), 0).mean())


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return part / np.maximum(whole, 1)  # where the whole is 0, so is the part


def _classes(who: str, target: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    target, predicted = np.asarray(target), np.asarray(predicted)
    if target.shape != predicted.shape or target.ndim != 1 or not target.size:
        raise ValueError(
            f"{who}: expected target and predicted (N,), one row at least, got {target.shape} and"
            f" {predicted.shape}"
        )
    for name, classes in (("target", target), ("predicted", predicted)):
        if classes.dtype.kind not in "iub":
            raise ValueError(f"{who}: {name} should be whole numbers, got {classes.dtype}")
    return target.astype(np.int64), predicted.astype(np.int64)


def _finite(who: str, scores: Any) -> np.ndarray:
    scores = np.asarray(scores)
    if scores.dtype.kind not in "iuf" or np.isnan(scores).any():
        raise ValueError(f"{who}: scores should be numbers, none of them NaN")
    return scores


def _ranks(who: str, ranks: Any, k: int) -> np.ndarray:
    ranks = np.asarray(ranks)
    if k < 1 or ranks.ndim != 1 or not ranks.size or ranks.min() < 1:
        low = f", lowest {ranks.min()}" if ranks.size else ""
        raise ValueError(
            f"{who}: expected k and ranks (N,) from 1, got k {k} and ranks {ranks.shape}{low}"
        )
    return ranks
