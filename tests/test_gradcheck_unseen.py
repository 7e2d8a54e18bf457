"""Mistakes that the checker was not made for: all are caught, most are named."""

import pytest
from gradcheck_unseen.measure import slugs, verdicts
from gradcheck_unseen.problem import SETS

from minitransformer.gradcheck import check_backward

# How many there are, and how many are named now.
NAMED = {"first": (77, 75), "second": (66, 61), "november": (99, 88), "third": (29, 22)}

RIGHT = [(name, problem) for name in SETS for problem in SETS[name]]


@pytest.mark.parametrize(("name", "problem"), RIGHT, ids=lambda x: getattr(x, "name", x))
def test_the_right_backward_pass_is_right(name, problem):
    report = check_backward(problem.forward, problem.right, *problem.inputs)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", SETS)
def test_all_are_caught_and_most_named(name):
    reports = list(verdicts(name))
    assert [(p.name, slip.what) for p, slip, report in reports if report.ok] == []
    unnamed = [(p.name, s.what) for p, s, report in reports if not s.is_named(slugs(report))]
    count, named = NAMED[name]
    assert len(reports) == count
    assert len(reports) - len(unnamed) >= named, unnamed
