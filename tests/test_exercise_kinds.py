"""Exercises that are not a plain function of arrays: classes, banks of mistakes, stubs of both."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from lessons.course.calling import NotWritten, Wrong
from lessons.course.exercise import Function, Gradient
from lessons.course.judge import examine, judge, learner_of
from lessons.course.stubs import stub_of
from minitransformer.gradcheck.mistakes import OPERATIONS

SOLUTION = '''"""Momentum, as a class."""

import numpy as np

RATE = 0.1


def helper(x):
    """Stays as it is."""
    return x


class Momentum:
    """An optimizer with a memory."""

    def __init__(self, memory):
        self.memory, self.velocity = memory, 0.0

    def step(self, x, slope):
        """One step: v ← m v + slope, x ← x − 0.1 v."""
        # The memory comes first.
        self.velocity = self.memory * self.velocity + slope
        return x - RATE * self.velocity


@np.errstate(all="ignore")
def double(x):
    """2 x"""
    y = (
        x
        + x
    )
    return y


def last(x):
    return x
'''

STUB = '''"""Momentum, as a class."""

import numpy as np

RATE = 0.1


def helper(x):
    """Stays as it is."""
    return x


class Momentum:
    """An optimizer with a memory."""

    def __init__(self, memory):
        self.memory, self.velocity = memory, 0.0

    def step(self, x, slope):
        """One step: v ← m v + slope, x ← x − 0.1 v."""
        raise NotImplementedError


@np.errstate(all="ignore")
def double(x):
    """2 x"""
    raise NotImplementedError


def last(x):
    raise NotImplementedError
'''


def test_a_stub_keeps_all_but_the_bodies():
    assert stub_of(SOLUTION, ["Momentum", "double", "last"]) == STUB
    assert stub_of(STUB, ["Momentum", "double", "last"]) == STUB
    assert stub_of(SOLUTION, []) == SOLUTION


def written(source, name):
    namespace = {}
    exec(source, namespace)
    return namespace[name]


def three_steps(optimizer):
    """Turns a class like Momentum into a function of numbers."""

    def run(x, slope, memory):
        used = optimizer(memory)
        return [x := used.step(x, slope) for _ in range(3)]

    return run


class Right:
    def __init__(self, memory):
        self.memory, self.velocity = memory, 0.0

    def step(self, x, slope):
        self.velocity = self.memory * self.velocity + slope
        return x - 0.1 * self.velocity


momentum = Function(
    name="Momentum",
    right=three_steps(Right),
    example=lambda rng: (rng.normal(size=3), rng.normal(size=3), rng.uniform(0.1, 0.9)),
    cases=st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1)),
    hints=(),
    use=three_steps,
)


@momentum.mistake("Nothing is remembered.")
class Forgetful(Right):
    def step(self, x, slope):
        return x - 0.1 * slope


def test_a_class_is_an_exercise_through_use():
    assert "hidden cases pass" in judge(momentum, written(SOLUTION, "Momentum"), Path("x.py"))
    with pytest.raises(NotWritten):
        judge(momentum, written(STUB, "Momentum"), Path("x.py"))
    with pytest.raises(Wrong, match="Nothing is remembered") as caught:
        judge(momentum, Forgetful, Path("x.py"))
    assert caught.value.slug == "known:Momentum-Forgetful"


@pytest.mark.parametrize("op", ["softmax", "linear", "cross_entropy", "layer_norm"])
def test_the_bank_serves_an_exercise(op):
    bank = OPERATIONS[op]
    exercise = Gradient(
        name="backward",
        forward=bank.forward,
        example=bank.example,
        cases=st.integers(0, 9).map(lambda seed: bank.example(np.random.default_rng(seed))),
        hints=(),
        bank=op,
        examples=3,
    )
    assert "3 hidden cases pass" in judge(exercise, bank.backward, Path("x.py"))
    for name, (wrong, _) in bank.mistakes.items():
        with pytest.raises(Wrong) as caught:
            examine(exercise, learner_of(exercise, wrong, Path("x.py")))
        assert caught.value.slug in (f"known:{name}", "zero"), name


def test_data_has_no_gradient():
    exercise = Gradient(
        name="backward",
        forward=lambda w, x, y: ((w * x - y) ** 2).sum(),
        data=2,
        example=lambda rng: (rng.normal(), rng.normal(size=5), rng.normal(size=5)),
        cases=st.tuples(st.floats(-1, 1), st.just(np.ones(2)), st.just(np.zeros(2))),
        hints=(),
    )

    def right(dy, w, x, y):
        return dy * (2 * (w * x - y) * x).sum()

    assert "hidden cases pass" in judge(exercise, right, Path("x.py"))
    with pytest.raises(Wrong, match="Its sign is wrong"):
        judge(exercise, lambda dy, w, x, y: -right(dy, w, x, y), Path("x.py"))
