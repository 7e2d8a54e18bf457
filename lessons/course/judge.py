"""Judging one exercise in three steps: the likely mistake, drawn cases, the model that learns."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, errors, given, settings

from lessons.course.calling import THE_MODEL, Learner, NotWritten, Wrong, copied, guarded
from lessons.course.compare import compare, names_of, unsteady
from lessons.course.exercise import Exercise, Function, Gradient
from lessons.course.shown import shown_inputs
from minitransformer import check_backward, manual_seed
from minitransformer.gradcheck import Report

SAMPLES = 5  # draws of the example: a mistake is named if it explains them all


def judge(exercise: Exercise, written: Any, file: Path) -> str:
    """A sentence on what holds. Raises Wrong where it does not, NotWritten where a stub."""
    learner = learner_of(exercise, written, file)
    examine(exercise, learner)
    draw_cases(exercise, learner)
    learned = []
    for swap in exercise.swaps:
        manual_seed(0)
        learned.append(guarded(partial(swap, written), file, THE_MODEL))
    return " ".join([f"{exercise.examples} hidden cases pass.", *learned])


def learner_of(exercise: Exercise, written: Any, file: Path) -> Learner:
    """The function to check, from what the learner wrote in `file`."""
    function = guarded(lambda: exercise.use(written), file, f"`{exercise.name}`")
    if not callable(function):
        kind = type(function).__name__
        raise Wrong("type", f"`{exercise.name}` should be a function, but it is of type {kind}.")
    return Learner(exercise.name, function, file)


def examine(exercise: Exercise, learner: Learner) -> None:
    """The example of the exercise, and the likely reason where it fails."""
    rng = np.random.default_rng(0)
    if isinstance(exercise, Function):
        compare(exercise, learner, [exercise.example(rng) for _ in range(SAMPLES)])
    elif isinstance(exercise, Gradient):
        example = exercise.example(rng)
        learner.check_arguments(["dy", *names_of(exercise, example)])
        report = gradient_report(exercise, learner, example)
        if not report.ok:
            raise _from_report(report)


def gradient_report(exercise: Gradient, learner: Learner, inputs: tuple) -> Report:
    """What the gradient checker says of the learner's backward pass."""
    count = len(inputs) - exercise.data
    data, unwritten = inputs[count:], []

    def with_data(function: Callable) -> Callable:
        return lambda *given: function(*given, *map(copied, data))

    def backward(dy, *given):
        try:
            return learner.function(dy, *given, *map(copied, data))
        except NotImplementedError:
            unwritten.append(True)
            raise

    report = check_backward(
        with_data(exercise.forward),
        backward,
        *inputs[:count],
        names=names_of(exercise, inputs)[:count],
        known_mistakes={
            name: (with_data(exercise.use(wrong)), message)
            for name, (wrong, message) in exercise.mistakes.items()
        },
    )
    if unwritten:
        raise NotWritten
    return report


def draw_cases(exercise: Exercise, learner: Learner) -> None:
    """Hypothesis' cases, and the smallest that fails."""
    failing: list[tuple] = []

    def holds(case: tuple) -> None:
        try:
            if isinstance(exercise, Function):
                compare(exercise, learner, [case])
            elif isinstance(exercise, Gradient):
                report = gradient_report(exercise, learner, case)
                if not report.ok:
                    raise _from_report(report)
        except Wrong:
            failing.append(case)
            raise

    drawn = settings(
        max_examples=exercise.examples,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )(given(exercise.cases)(holds))
    try:
        drawn()
    except Wrong as wrong:
        smallest, first = failing[-1], failing[0]
        if isinstance(exercise, Function):
            wrong = _wrong_of(partial(compare, exercise, learner, [smallest, first])) or wrong
        raise _in_a_hidden_case(exercise, smallest, wrong) from None
    except errors.Flaky:
        raise unsteady(learner) from None


def _wrong_of(check: Callable[[], None]) -> Wrong | None:
    try:
        check()
    except Wrong as wrong:
        return wrong
    return None


def _in_a_hidden_case(exercise: Exercise, case: tuple, wrong: Wrong) -> Wrong:
    message = f"It is right for ordinary inputs, but not for all.\n\n{wrong.message.strip()}"
    shown = shown_inputs(names_of(exercise, case), case)
    if shown not in message:
        message += f"\n{shown}"
    return Wrong(wrong.slug, message.replace("\nwith ", "\nthe smallest case that fails: "))


def _from_report(report: Report) -> Wrong:
    """A gradient's report without its headline: the verdict has one of its own."""
    _, *lines = str(report).splitlines()
    text = "\n".join(line.removeprefix("  ") for line in lines).strip()
    named = dict.fromkeys(cause.name for cause in report.causes if cause.name)
    if len(named) == 1 and report.causes[0].slug != "raises":
        text = f"The gradient of `{next(iter(named))}` is wrong.\n\n{text}"
    slugs = [cause.slug for cause in report.causes]
    return Wrong(next((slug for slug in slugs if slug.startswith("known:")), slugs[0]), text)
