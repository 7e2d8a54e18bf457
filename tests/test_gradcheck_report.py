"""The report: what the learner reads, in at most 15 lines."""

import numpy as np
import pytest

from minitransformer.gradcheck import Cause, Report, check_backward

RNG = np.random.default_rng(3)
X, W, B = RNG.normal(size=(3, 5)), RNG.normal(size=(7, 5)), RNG.normal(size=7)


def linear(x, weight, bias):
    return x @ weight.T + bias


def linear_backward(dy, x, weight, bias):
    return dy @ weight, dy.T @ x, dy.sum(axis=0)


def test_many_causes_are_cut_to_what_fits():
    causes = [Cause("unknown", k, f"x{k}", f"Cause {k} is long. " * 9) for k in range(12)]
    lines = str(Report("backward of f", ("x",), causes)).splitlines()
    assert len(lines) <= 15 and max(map(len, lines)) <= 88
    assert lines[-1].strip() == "… and 8 more (see report.causes)."


def test_numbers_are_aligned_below_each_other():
    text = str(check_backward(linear, lambda dy, x, w, b: (-dy @ w, dy.T @ x, -dy.sum(0)), X, W, B))
    rows = [line for line in text.splitlines() if "worst entry" in line]
    assert len(rows) == 2 and len({row.index("expected") for row in rows}) == 1
    assert len({len(row) for row in rows}) == 1


def test_the_report():
    report = check_backward(linear, lambda dy, x, w, b: (dy @ w, x.T @ dy, dy.sum(0)), X, W, B)
    text = str(report)
    assert text.startswith("backward of linear: the gradient of `weight` is wrong.\n\n  ")
    assert "worst entry  [" in text and "expected" in text and "got" in text
    assert report.worst.index and report.worst.error > 0
    assert "weight" in report._repr_html_() and "<pre" in report._repr_html_()
    assert str(check_backward(linear, linear_backward, X, W, B)) == "backward of linear: right."
    pytest.importorskip("matplotlib")
    assert len(report.plot().axes) == 9
