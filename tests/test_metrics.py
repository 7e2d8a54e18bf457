"""Metrics: scikit-learn's on random rows, and by hand where it has none."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minitransformer.training.metrics import (
    accuracy,
    confusion_matrix,
    hit_rate,
    ndcg,
    perplexity,
    precision_recall_f1,
    ranks_of,
    roc_auc,
)

sizes = st.shared(st.integers(1, 30), key="size")


def labels(classes):
    return arrays(np.int64, sizes, elements=st.integers(0, classes - 1))


@given(target=labels(4), predicted=labels(4))
def test_classes_as_in_scikit_learn(target, predicted):
    sklearn = pytest.importorskip("sklearn.metrics")
    assert accuracy(target, predicted) == pytest.approx(sklearn.accuracy_score(target, predicted))
    ours, theirs = confusion_matrix(target, predicted, 5), sklearn.confusion_matrix
    assert np.array_equal(ours, theirs(target, predicted, labels=range(5)))
    for average in ("micro", "macro", None):
        due = sklearn.precision_recall_fscore_support(
            target, predicted, average=average, zero_division=0
        )[:3]
        assert np.allclose(precision_recall_f1(target, predicted, average), due, atol=1e-15)


@given(target=labels(2), predicted=labels(2))
def test_two_classes_as_in_scikit_learn(target, predicted):
    sklearn = pytest.importorskip("sklearn.metrics")
    due = sklearn.precision_recall_fscore_support(
        target, predicted, average="binary", zero_division=0
    )[:3]
    assert precision_recall_f1(target.tolist(), predicted > 0) == pytest.approx(due)


@given(target=labels(2), scores=arrays(np.float64, sizes, elements=st.integers(-3, 3)))
def test_auc_with_ties_as_in_scikit_learn(target, scores):
    sklearn = pytest.importorskip("sklearn.metrics")
    if len(np.unique(target)) == 2:
        assert roc_auc(target, scores) == pytest.approx(sklearn.roc_auc_score(target, scores))
    else:
        with pytest.raises(ValueError, match="roc_auc: expected zeros and ones, both present"):
            roc_auc(target, scores)


@given(data=st.data(), rows=st.integers(1, 8), columns=st.integers(2, 12), k=st.integers(1, 12))
def test_rankings_as_in_scikit_learn(data, rows, columns, k):
    sklearn = pytest.importorskip("sklearn.metrics")
    orders = [data.draw(st.permutations(range(columns))) for _ in range(rows)]
    scores = np.array(orders, float)
    target = data.draw(arrays(np.int64, rows, elements=st.integers(0, columns - 1)))
    ranks = ranks_of(scores, target)
    relevance = np.eye(columns)[target]
    assert ndcg(ranks, k) == pytest.approx(sklearn.ndcg_score(relevance, scores, k=k))
    if columns > 2 and k < columns:
        due = sklearn.top_k_accuracy_score(target, scores, k=k, labels=range(columns))
        assert hit_rate(ranks, k) == pytest.approx(due)


def test_divisions_by_zero_give_zero():
    assert precision_recall_f1([0, 0], [0, 0]) == (0, 0, 0)
    precision, recall, f1 = precision_recall_f1([0, 1, 1], [0, 2, 0], average=None)
    assert precision.tolist() == [0.5, 0, 0] and recall.tolist() == [1, 0, 0]
    assert f1.tolist() == [2 / 3, 0, 0]


def test_examples_by_hand():
    target, predicted = [1, 1, 1, 0, 0], [1, 0, 1, 1, 0]
    assert accuracy(target, predicted) == 0.6
    assert confusion_matrix(target, predicted).tolist() == [[1, 1], [1, 2]]
    assert precision_recall_f1(target, predicted) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert roc_auc([0, 1], [0.5, 0.5]) == 0.5 and roc_auc([0, 1, 1], [0.1, 0.4, 0.2]) == 1
    assert perplexity(math.log(50257)) == pytest.approx(50257)
    ranks = [1, 2, 11, 4]
    assert hit_rate(ranks, 10) == 0.75 and hit_rate(ranks, 2) == 0.5
    assert ndcg(ranks, 10) == pytest.approx((1 + 1 / math.log2(3) + 1 / math.log2(5)) / 4)


def test_equal_scores_count_against_the_target():
    scores = np.array([[0.0, 0, 0], [3, 2, 1], [1, 2, 2], [-np.inf, -np.inf, 1]])
    assert ranks_of(scores, np.array([1, 1, 2, 2])).tolist() == [3, 2, 2, 1]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: accuracy([], []), r"accuracy: .* one row at least, got \(0,\) and \(0,\)"),
        (lambda: accuracy([1, 2], [1]), r"accuracy: expected .* got \(2,\) and \(1,\)"),
        (lambda: accuracy([[1]], [[1]]), r"accuracy: expected .* got \(1, 1\)"),
        (lambda: accuracy([1, 0], [0.7, 0.2]), "predicted should be whole numbers, got float64"),
        (lambda: confusion_matrix([0, 3], [0, 1], 3), "classes from 0 to 2, got 0 to 3"),
        (lambda: confusion_matrix([0, -1], [0, 1]), "classes from 0 to 1, got -1 to 1"),
        (lambda: precision_recall_f1([0, 2], [0, 1]), r"expects classes 0 and 1, got \[0, 1, 2\]"),
        (lambda: precision_recall_f1([0], [0], "weighted"), "average should be one of"),
        (lambda: roc_auc([0, 1], [0.5, np.nan]), "none of them NaN"),
        (lambda: roc_auc([0, 1], [0.5]), r"roc_auc: expected .* got \(2,\) and \(1,\)"),
        (lambda: roc_auc([0, 2], [0.5, 1]), r"zeros and ones, both present, got \[0, 2\]"),
        (lambda: hit_rate([0, 1], 10), "hit_rate: expected k and ranks .* lowest 0"),
        (lambda: hit_rate([1], 0), "hit_rate: expected k and ranks .* got k 0"),
        (lambda: ndcg([], 10), r"ndcg: expected k and ranks .* ranks \(0,\)"),
        (lambda: ranks_of([[1.0, 2]], [0, 1]), r"ranks_of: expected .* got \(1, 2\)"),
        (lambda: ranks_of([[1.0, np.nan]], [0]), "a score is NaN"),
        (lambda: ranks_of([[1.0, -np.inf]], [1]), "taken out with -inf"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
