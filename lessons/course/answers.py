"""Answers of any kind: a number, an array, a string, or tuples, lists and dicts of them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lessons.course.calling import Wrong, copied, same
from lessons.course.shown import shown

ROUNDING = 1e-9  # what may be left of numbers around 1 where they cancel

Path = tuple[Any, ...]  # the keys that lead to a part of an answer


def alike(a: Any, b: Any, rtol: float) -> bool:
    """Whether two answers are the same, numbers within `rtol` of the largest."""
    if isinstance(a, (tuple, list, dict)):
        return (
            type(a) is type(b)
            and keys(a) == keys(b)
            and all(alike(a[k], b[k], rtol) for k in keys(a))
        )
    if not (is_numeric(a) and is_numeric(b)):
        return same(a, b)
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        return False
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return False
    a, b = a[finite], b[finite]
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(a - b).max(initial=0.0)
    return bool(gap <= rtol * np.abs(b).max(initial=0.0) + ROUNDING)


def numbers_in(right: Any, answer: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """(path, right numbers, numbers that came) of each part; Wrong where its kind differs."""
    what = called(path)
    if isinstance(right, (tuple, list, dict)):
        if type(answer) is not type(right):
            due = f"a {type(right).__name__} of {len(right)}"
            raise Wrong("type", f"{what} should be {due}, but it is {kind_of(answer)}.")
        if keys(answer) != keys(right):
            due, came = _listed(right), _listed(answer)
            raise Wrong("wrong-count", f"{what} should hold {due}, but it holds {came}.")
        for key in keys(right):
            yield from numbers_in(right[key], answer[key], (*path, key))
    elif is_numeric(right):
        yield path, np.asarray(right, float), _as_numbers(what, answer, np.asarray(right))
    elif not same(right, answer):
        raise Wrong("value", f"{what} should be {shown(right)}, but it is {shown(answer)}.")


def part_of(function: Callable, path: Path, *inputs: Any) -> Any:
    """One part of a function's answer to copies of the inputs."""
    with np.errstate(all="ignore"):
        answer = function(*map(copied, inputs))
    for key in path:
        answer = answer[key]
    return answer


def called(path: Path) -> str:
    return "The answer" + "".join(f"[{key!r}]" for key in path)


def keys(container: Any) -> list:
    if isinstance(container, dict):
        return sorted(container, key=str)
    return list(range(len(container)))


def is_numeric(x: Any) -> bool:
    return not isinstance(x, bool) and isinstance(x, (int, float, np.ndarray, np.number))


def kind_of(answer: Any) -> str:
    if answer is None:
        return "None (is there a `return`?)"
    if isinstance(answer, np.ndarray):
        return f"an array of {answer.dtype}, shape {answer.shape}"
    name = type(answer).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _as_numbers(what: str, answer: Any, right: np.ndarray) -> np.ndarray:
    try:
        array = np.asarray(answer)
    except Exception:  # whatever it is, it is no array
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        due = "a number" if right.ndim == 0 else f"an array of shape {right.shape}"
        raise Wrong("type", f"{what} should be {due}, but it is {kind_of(answer)}.")
    if right.dtype == np.float64 and array.dtype.kind == "f" and array.dtype.itemsize < 8:
        message = f"{what} came back as {array.dtype}; its inputs are float64: keep their dtype."
        raise Wrong("dtype", message)
    return array.astype(float)


def _listed(container: Any) -> str:
    if isinstance(container, dict):
        return ", ".join(map(repr, container)) or "nothing"
    return f"{len(container)} parts"
