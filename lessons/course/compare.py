"""Comparing an answer with the right one, and saying in a few lines what is wrong and why."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from lessons.course.calling import Learner, Wrong, copied, same
from lessons.course.exercise import Function
from lessons.course.likely import Sample, explains, reason_for
from minitransformer.gradcheck.evidence import agree
from minitransformer.gradcheck.report import Comparison
from minitransformer.gradcheck.words import parameter_names

WIDTH = 88
SMALL = 6  # arrays of so many numbers are shown whole


def compare(exercise: Function, learner: Learner, cases: Sequence[tuple]) -> None:
    """Raises Wrong, with the likely reason, where an answer is not the right one.

    Several cases make the reason certain; one that is wrong in all of them is believed.
    """
    names = names_of(exercise, cases[0])
    learner.check_arguments(names)
    answers = [learner(*case) for case in cases]
    for case, answer in zip(cases, answers, strict=True):
        if not same(learner(*case), answer):
            _unsteady(learner, case, answer)
    samples: dict[tuple, list[Sample]] = {}
    for case, answer in zip(cases, answers, strict=True):
        right = exercise.right(*map(copied, case))
        for path, due, came in _parts((), right, answer):
            sample = Sample(names, case, due, came, partial(_part_of, exercise.right, path))
            samples.setdefault(path, []).append(sample)
    for path, mine in samples.items():
        wrong = [s for s in mine if not _near(s, exercise.rtol)]
        if wrong:
            raise _explained(exercise, path, wrong)


def names_of(exercise: Any, case: tuple) -> tuple[str, ...]:
    right = exercise.right if isinstance(exercise, Function) else exercise.forward
    return tuple(exercise.names or parameter_names(right, len(case)))


def _unsteady(learner: Learner, case: tuple, answer: Any) -> None:
    if same(learner(*case), learner(*case)):
        slug, how = "stale", "depends on an earlier call: it keeps something from one to the next"
    else:
        slug, how = "nondeterministic", "gives another answer each time for the same inputs"
    raise Wrong(slug, f"`{learner.name}` {how}.")


def _parts(path: tuple, right: Any, answer: Any) -> Iterator[tuple]:
    """(path, right numbers, numbers that came) of each part; Wrong where its kind differs."""
    what = _called(path)
    if isinstance(right, (tuple, list, dict)):
        if type(answer) is not type(right):
            due = f"a {type(right).__name__} of {len(right)}"
            raise Wrong("type", f"{what} should be {due}, but it is {kind_of(answer)}.")
        if _keys(answer) != _keys(right):
            due, came = _listed(right), _listed(answer)
            raise Wrong("wrong-count", f"{what} should hold {due}, but it holds {came}.")
        for key in _keys(right):
            yield from _parts((*path, key), right[key], answer[key])
    elif isinstance(right, (int, float, np.ndarray, np.generic)) and not isinstance(right, bool):
        yield path, np.asarray(right, float), _as_numbers(what, answer, np.asarray(right))
    elif not same(right, answer):
        raise Wrong("value", f"{what} should be {shown(right)}, but it is {shown(answer)}.")


def _part_of(function: Callable, path: tuple, *inputs: Any) -> Any:
    answer = function(*map(copied, inputs))
    for key in path:
        answer = answer[key]
    return answer


def _called(path: tuple) -> str:
    return "The answer" + "".join(f"[{key!r}]" for key in path)


def _keys(container: Any) -> list:
    return (
        sorted(container, key=str) if isinstance(container, dict) else list(range(len(container)))
    )


def _as_numbers(what: str, answer: Any, right: np.ndarray) -> np.ndarray:
    if answer is None:
        raise Wrong("none", f"{what} is None: is there a `return`?")
    try:
        array = np.asarray(answer)
    except Exception:
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        due = "a number" if right.ndim == 0 else f"an array of shape {right.shape}"
        raise Wrong("type", f"{what} should be {due}, but it is {kind_of(answer)}.")
    if right.dtype == np.float64 and array.dtype.kind == "f" and array.dtype.itemsize < 8:
        message = f"{what} came back as {array.dtype}; its inputs are float64: keep their dtype."
        raise Wrong("dtype", message)
    return array.astype(float)


def _near(s: Sample, rtol: float) -> bool:
    """Whether they agree; infinities and NaNs where the truth has them."""
    if s.got.shape != s.expected.shape:
        return False
    finite = np.isfinite(s.expected)
    if not np.array_equal(s.got[~finite], s.expected[~finite], equal_nan=True):
        return False
    return agree(s.got[finite], s.expected[finite], rtol=rtol)


def _explained(exercise: Function, path: tuple, wrong: list[Sample]) -> Wrong:
    slug, message = _known(exercise, path, wrong) or reason_for(wrong, exercise.rtol)
    lines = [f"{_called(path)} is wrong. {message}".strip() if path else message]
    first = wrong[0]
    lines += ["", shown_inputs(first.names, first.inputs), _numbers(first)]
    return Wrong(slug, "\n".join(lines).strip("\n"))


def _known(exercise: Function, path: tuple, wrong: list[Sample]) -> tuple[str, str] | None:
    """A listed mistake that gives this very answer, for all that is wrong."""

    def answers_of(mistake: Any, s: Sample) -> np.ndarray | None:
        try:
            return np.asarray(_part_of(exercise.use(mistake), path, *s.inputs), float)
        except Exception:  # a mistake may not stand these inputs
            return None

    fits = [
        (f"known:{name}", message)
        for name, (mistake, message) in exercise.mistakes.items()
        if explains(wrong, partial(answers_of, mistake), exercise.rtol)
    ]
    certain = len(fits) == 1 or sum(s.got.size for s in wrong) > 2
    return fits[0] if fits and certain else None


def shown_inputs(names: Sequence[str], inputs: Sequence) -> str:
    pairs = [f"{name} = {shown(x)}" for name, x in zip(names, inputs, strict=True)]
    return textwrap.shorten("with " + ", ".join(pairs), 2 * WIDTH, placeholder=" …")


def shown(x: Any) -> str:
    """A value in a few characters: small arrays whole, larger ones by their shape."""
    if isinstance(x, (float, np.floating)):
        return f"{float(x):.6g}"
    if isinstance(x, np.ndarray):
        if x.size > SMALL:
            return f"{x.dtype} {x.shape}"
        words = np.array2string(x, precision=4, separator=", ", floatmode="maxprec")
        return " ".join(words.split())
    if callable(x):
        return getattr(x, "__name__", "a function")
    return textwrap.shorten(repr(x), 60, placeholder=" …")


def _numbers(s: Sample) -> str:
    if s.got.shape != s.expected.shape or s.expected.size <= SMALL:
        return f"expected {shown(s.expected)}   got {shown(s.got)}"
    with np.errstate(invalid="ignore"):
        gaps = np.abs(s.got - s.expected)
    wrong = ~(gaps <= 1e-6 * np.abs(s.expected).max())
    worst = Comparison(0, "", s.expected, s.got, wrong).worst
    place = list(worst.index)
    return f"worst entry {place}   expected {worst.expected:.6g}   got {worst.got:.6g}"


def kind_of(answer: Any) -> str:
    if answer is None:
        return "None (is there a `return`?)"
    if isinstance(answer, np.ndarray):
        return f"an array of {answer.dtype}, shape {answer.shape}"
    name = type(answer).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _listed(container: Any) -> str:
    if isinstance(container, dict):
        return ", ".join(map(repr, container)) or "nothing"
    return f"{len(container)} parts"
