"""Comparing an answer with the right one, and saying in a few lines what is wrong and why."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from lessons.course.answers import Path, alike, called, numbers_in, part_of
from lessons.course.calling import Learner, Wrong, same
from lessons.course.exercise import Function
from lessons.course.reasons import Reason, Sample, reason_for
from lessons.course.shown import shown_inputs, shown_numbers
from minitransformer.gradcheck.words import parameter_names


def compare(exercise: Function, learner: Learner, cases: Sequence[tuple]) -> None:
    """Raises Wrong, with the likely reason, where an answer is not the right one.

    A reason is believed if it explains all cases: the more there are, the surer it is.
    """
    names = names_of(exercise, cases[0])
    learner.check_arguments(names)
    answers = [learner(*case) for case in cases]
    rights = [part_of(exercise.right, (), *case) for case in cases]
    right = all(alike(*pair, exercise.rtol) for pair in zip(rights, answers, strict=True))
    if not right and (reason := _known(exercise, (), cases, answers)):
        raise _explained((), cases[0], names, *reason)
    _compare_parts(exercise, learner, cases, rights, answers)


def names_of(exercise: Any, case: tuple) -> tuple[str, ...]:
    """What the inputs are called."""
    right = exercise.right if isinstance(exercise, Function) else exercise.forward
    return tuple(exercise.names or parameter_names(right, len(case)))


def _compare_parts(exercise: Function, learner: Learner, cases, rights, answers) -> None:
    """Raises Wrong for the first part of the answers that differs."""
    names, rtol = names_of(exercise, cases[0]), exercise.rtol
    samples: dict[Path, list[Sample]] = {}
    for case, right, answer in zip(cases, rights, answers, strict=True):
        try:
            parts = list(numbers_in(right, answer))
        except Wrong as other:  # of another kind: no numbers to compare
            raise _explained((), case, names, other.slug, other.message) from None
        for path, due, came in parts:
            sample = Sample(names, case, due, came, partial(part_of, exercise.right, path))
            samples.setdefault(path, []).append(sample)
    _check_steady(learner, cases, answers)
    for path, mine in samples.items():
        wrong = [s for s in mine if not alike(s.expected, s.got, rtol)]
        wrong.sort(key=lambda s: np.isfinite(s.got).all())  # a NaN is told, and shown, first
        if wrong:
            reason = _known(exercise, path, cases, answers) or reason_for(wrong, rtol)
            if reason[0] == "unknown":
                reason = _ignored(exercise, learner, cases) or reason
            numbers = shown_numbers(wrong[0].expected, wrong[0].got)
            raise _explained(path, wrong[0].inputs, names, *reason, numbers)


def _explained(path: Path, case, names, slug: str, message: str, numbers: str = "") -> Wrong:
    told = f"{called(path)} is wrong. {message}".strip() if path else message
    lines = [told, "", shown_inputs(names, case), numbers]
    return Wrong(slug, "\n".join(lines).strip("\n"))


def _known(exercise: Function, path: Path, cases, answers) -> Reason | None:
    """A listed mistake that gives these very answers, or this part of them."""
    fits = []
    for name, (mistake, message) in exercise.mistakes.items():
        try:
            made = [part_of(exercise.use(mistake), path, *case) for case in cases]
            came = [part_of(lambda answer=answer: answer, path) for answer in answers]
        except Exception:  # a mistake may not stand these inputs
            continue
        if all(alike(*pair, exercise.rtol) for pair in zip(made, came, strict=True)):
            fits.append((f"known:{name}", message))
    return fits[0] if fits and len(cases) > 1 else None  # one case may fit by chance


def _check_steady(learner: Learner, cases: Sequence[tuple], answers: list) -> None:
    """Wrong where the same inputs get another answer the second time."""
    for case, answer in zip(cases, answers, strict=True):
        if same(learner(*case), answer):
            continue
        if same(learner(*case), learner(*case)):
            how = "depends on an earlier call: it keeps something from one to the next"
            raise Wrong("stale", f"`{learner.name}` {how}.")
        raise unsteady(learner)


def unsteady(learner: Learner) -> Wrong:
    """What to say where the same inputs get another answer each time."""
    how = "gives another answer each time for the same inputs"
    why = "Chance may come from its inputs only, not from np.random; and np.empty is not zeros."
    return Wrong("nondeterministic", f"`{learner.name}` {how}. {why}")


def _ignored(exercise: Function, learner: Learner, cases: Sequence[tuple]) -> Reason | None:
    """An input that the right answer depends on, and the learner's does not."""
    if len(cases) < 2:
        return None
    first, second = cases[:2]
    idle = []
    for k, name in enumerate(names_of(exercise, first)):
        other = (*first[:k], second[k], *first[k + 1 :])
        try:
            moves = not same(*(part_of(exercise.right, (), *case) for case in (other, first)))
            follows = not same(learner(*other), learner(*first))
        except Exception:  # the inputs of two cases need not fit each other
            continue
        if moves and not follows:
            idle.append(f"`{name}`")
    if not idle:
        return None
    return "ignores-input", f"It does not depend on {' and '.join(idle)}, but it should."
