"""The checker of ordinary functions: every kind of slip is named, and nothing right is blamed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from lessons.course.calling import Learner, Wrong
from lessons.course.compare import compare
from lessons.course.exercise import Function
from lessons.course.judge import SAMPLES, judge


def exercise_of(right, example):
    return Function(name="f", right=right, example=example, cases=st.nothing(), hints=())


def slug(right, wrong, example):
    """What is said of `wrong` in place of `right`; "" if nothing."""
    exercise = exercise_of(right, example)
    rng = np.random.default_rng(0)
    try:
        compare(
            exercise, Learner("f", wrong, Path(__file__)), [example(rng) for _ in range(SAMPLES)]
        )
    except Wrong as caught:
        return caught.slug
    return ""


def matrix(rng):
    return (rng.normal(size=(3, 5)),)


def positive(rng):
    return (rng.uniform(0.5, 3, size=7),)


def vector_and_rate(rng):
    return rng.normal(size=7), rng.uniform(0.1, 0.9)


def two_matrices(rng):
    return rng.normal(size=(5, 5)), rng.normal(size=(5, 5))


def softmax(x):
    y = np.exp(x - x.max(axis=1, keepdims=True))
    return y / y.sum(axis=1, keepdims=True)


def shifted(x):
    return np.concatenate([np.zeros((3, 1)), x[:, :-1]], axis=1)


SLIPS = [
    ("zero", lambda x: x + 1, lambda x: 0 * x, matrix),
    ("sign", lambda x: x**3, lambda x: -(x**3), matrix),
    ("scale", lambda x: x.mean(axis=0), lambda x: x.sum(axis=0), matrix),
    ("scale", lambda x: x.var(axis=0), lambda x: x.var(axis=0, ddof=1), matrix),
    ("scale", lambda x: x * x / 2, lambda x: x * x, matrix),
    ("dtype", lambda x: 7 * x, lambda x: (7 * x).astype(int), matrix),
    ("dtype", lambda x: 7 * x, lambda x: (7 * x).astype(np.float32), matrix),
    ("transposed", lambda x, y: x @ y, lambda x, y: (x @ y).T, two_matrices),
    ("transposed", lambda x: np.exp(x), lambda x: np.exp(x).T, matrix),
    ("swapped", lambda x, y: x @ y, lambda x, y: y @ x, two_matrices),
    ("off-by-input", lambda x, r: r * np.exp(x), lambda x, r: np.exp(x), vector_and_rate),
    ("off-by-input", lambda x, r: x + r * x**2, lambda x, r: r * x**2, vector_and_rate),
    ("wrong-axis", softmax, lambda x: softmax(x.T).T, matrix),
    ("function", lambda x: np.sqrt(x), lambda x: x, lambda rng: positive(rng)),
    ("function", lambda x: np.exp(np.sin(x)), lambda x: np.sin(x), matrix),
    ("offset", lambda x: np.log(x), lambda x: np.log(x) + 1, positive),
    ("misplaced", lambda x: np.cumsum(x), lambda x: np.cumsum(x)[::-1], positive),
    ("misplaced", lambda x: np.sin(x), lambda x: np.roll(np.sin(x), 1, axis=0), positive),
    ("misplaced", shifted, lambda x: x.copy(), matrix),
    ("partial", lambda x: np.maximum(x, 0), lambda x: np.where(x < 0, 0.1 * x, x), matrix),
    ("partial", lambda x: x**2, lambda x: np.concatenate([x[:1], x[1:] ** 2]), matrix),
    ("not-finite", lambda x: np.abs(x), lambda x: np.sqrt(x) ** 2, matrix),
    ("shape", lambda x: x.sum(axis=1, keepdims=True), lambda x: x.sum(axis=1), matrix),
    ("missing-sum", lambda x: (x**2).sum(axis=0), lambda x: x**2, matrix),
    ("missing-sum", lambda x: (x**2).mean(), lambda x: (x**2).mean(axis=1), matrix),
    ("extra-sum", lambda x: x**2, lambda x: (x**2).sum(), matrix),
    ("shape", lambda x: x[:2], lambda x: x[:1], matrix),
    ("ignores-input", lambda x, r: np.tanh(r * x), lambda x, r: np.tanh(0.3 * x), vector_and_rate),
    ("unknown", lambda x: np.tanh(x), lambda x: x / (1 + np.abs(x)), matrix),
    ("type", lambda x: x, lambda x: ["x"], matrix),
    ("type", lambda x: (x, x), lambda x: [x, x], matrix),
    ("wrong-count", lambda x: (x, x), lambda x: (x,), matrix),
    ("wrong-count", lambda x: {"a": x, "b": x}, lambda x: {"a": x}, matrix),
    ("sign", lambda x: (x, {"loss": x.sum()}), lambda x: (x, {"loss": -x.sum()}), matrix),
    ("value", lambda x: ["ab", "c"], lambda x: ["a", "bc"], matrix),
    ("arguments", lambda x: x, lambda: 0, matrix),
    ("mutates-input", lambda x: x + 1, lambda x: np.add(x, 1, out=x), matrix),
]


@pytest.mark.parametrize(("due", "right", "wrong", "example"), SLIPS, ids=[s[0] for s in SLIPS])
def test_a_slip_is_named(due, right, wrong, example):
    assert slug(right, wrong, example) == due


@pytest.mark.parametrize(("_", "right", "wrong", "example"), SLIPS, ids=[s[0] for s in SLIPS])
def test_the_right_answer_is_not_blamed(_, right, wrong, example):
    assert slug(right, right, example) == ""


def test_rounding_is_not_blamed():
    def other_way(x):
        return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)

    assert slug(softmax, other_way, matrix) == ""
    assert slug(lambda x: x - x, lambda x: (x + 1) - 1 - x, matrix) == ""
    assert slug(lambda x: np.log(np.tril(x**2)), lambda x: np.log(np.tril(x * x)), matrix) == ""


def test_overflow_is_explained_with_the_smallest_case():
    exercise = Function(
        name="f",
        right=softmax,
        example=matrix,
        cases=st.tuples(st.floats(0, 1e4).map(lambda top: np.array([[0.0, top]]))),
        hints=(),
    )

    def careless(x):
        return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)

    with pytest.raises(Wrong, match="exp overflows past 709") as caught:
        judge(exercise, careless, Path(__file__))
    assert caught.value.slug == "not-finite"
    assert "the smallest case that fails: x = [[ 0., 710.]]" in caught.value.message


def test_a_reason_that_holds_in_one_case_by_chance_is_not_believed():
    """|x| is x where x is positive; only the cases together tell."""
    said = slug(lambda x: x, lambda x: np.abs(x), lambda rng: (rng.normal(size=5),))
    assert said in ("partial", "function")


@pytest.mark.parametrize("other", [(4, 3), (5,), (2, 5, 3)])
def test_cases_of_different_shapes_are_reasoned_about(other):
    """The smallest case that fails may have other axes, or fewer, than the first that did."""
    exercise = exercise_of(lambda x: x + 1, matrix)
    cases = [(np.random.default_rng(0).normal(size=shape),) for shape in ((2, 7), other)]

    def first_forgotten(x):
        y = x + 1
        y.flat[0] = 0.1
        y.flat[4] -= x.flat[3]
        return y

    with pytest.raises(Wrong) as caught:
        compare(exercise, Learner("f", first_forgotten, Path(__file__)), cases)
    assert caught.value.slug in ("partial", "unknown")


def test_lists_of_unequal_lengths_are_no_arrays():
    def right(rows):
        return np.array([sum(row) for row in rows])

    def wrong(rows):
        return np.array([sum(row) if len(row) > 1 else 0.0 for row in rows])

    def ragged(rng):
        return ([list(rng.uniform(1, 2, size=n)) for n in (3, 1, 2, 4, 1)],)

    assert slug(right, wrong, ragged) == "partial"
