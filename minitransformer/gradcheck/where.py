"""Words for a set of entries: "row 2", "above the diagonal", "where `x` < 0", "the target column".

Given marks (a boolean array for each sample), finds the first description that holds for all.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from .thresholds import Mark, by_value, float_arrays


def describe(marks: Sequence[Mark]) -> str | None:
    """Words that say exactly which entries are marked, None if there are none."""
    if not marks or not marks[0].marked.shape:
        return None
    return (
        _first_that_fits(_candidates(marks), marks)
        or by_value(marks)
        or _first_that_fits(_extremes(marks[0]), marks)
        or _one_fixed_set(marks)
    )


Rule = Callable[..., np.ndarray | None]


def _first_that_fits(candidates: Iterator[tuple[str, Rule]], marks: Sequence[Mark]) -> str | None:
    for words, rule in candidates:
        if all(mark.equals(rule(mark)) for mark in marks):
            return words
    return None


def _candidates(marks: Sequence[Mark]) -> Iterator[tuple[str, Rule]]:
    yield from _integers(marks[0])
    yield from _slices(marks)
    yield from _diagonals(marks[0].marked.shape)
    yield from _booleans(marks[0])


def _slices(marks: Sequence[Mark]) -> Iterator[tuple[str, Rule]]:
    """Whole rows, columns, or slices of one axis."""
    shape = marks[0].marked.shape
    marked = np.any([m.marked & m.cared for m in marks], axis=0)
    for axis, length in enumerate(shape):
        others = tuple(a for a in range(len(shape)) if a != axis)
        hit = marked.any(axis=others)
        if hit.all() or not hit.any():
            continue
        view = [1] * len(shape)
        view[axis] = length
        mask = np.broadcast_to(hit.reshape(view), shape)
        yield _slice_words(np.flatnonzero(hit), length, axis, len(shape)), lambda m, k=mask: k


def _slice_words(hit: np.ndarray, length: int, axis: int, ndim: int) -> str:
    one, many = {
        (1, 0): ("entry", "entries"),
        (2, 0): ("row", "rows"),
        (2, 1): ("column", "columns"),
    }.get((ndim, axis), (f"index of axis {axis}", f"indices of axis {axis}"))
    if len(hit) == 1:
        only = int(hit[0])
        rank = {0: "first ", length - 1: "last "}.get(only, "")
        return f"the {rank}{one} ({only})" if rank else f"{one} {only}"
    if len(hit) == length - 1:
        spared = int(np.setdiff1d(np.arange(length), hit)[0])
        return f"every {one} but {'the last' if spared == length - 1 else spared}"
    if np.ptp(hit) == len(hit) - 1:
        return f"{many} {hit[0]} to {hit[-1]}"
    step = np.diff(hit)
    if len(hit) > 2 and np.all(step == step[0]):
        return f"every {one} {hit[0]}, {hit[1]}, {hit[2]}, … (each {step[0]}th)"
    return f"{many} {', '.join(map(str, hit[:4]))}{', …' if len(hit) > 4 else ''}"


def _diagonals(shape: tuple[int, ...]) -> Iterator[tuple[str, Rule]]:
    if len(shape) < 2 or min(shape[-2:]) < 2:
        return
    ones = np.ones(shape, bool)
    diagonal = np.triu(ones) & np.tril(ones)
    for words, mask in (
        ("the diagonal", diagonal),
        ("everything off the diagonal", ~diagonal),
        ("above the diagonal", np.triu(ones, 1)),
        ("below the diagonal", np.tril(ones, -1)),
        ("on and above the diagonal", np.triu(ones)),
        ("on and below the diagonal", np.tril(ones)),
    ):
        yield words, lambda m, k=mask: k


def _integers(first: Mark) -> Iterator[tuple[str, Rule]]:
    """Targets (one column a row), padding (rows of one value), indices (rows looked up)."""
    shape = first.marked.shape
    for name, array in first.values.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu" or not array.size:
            continue
        if array.shape == shape[:-1]:
            yield f"the target column (of `{name}`)", lambda m, n=name: _one_hot(m, n)
            yield (
                f"every column but the target's (of `{name}`)",
                lambda m, n=name: ~_one_hot(m, n),
            )
        if array.shape == shape[: array.ndim]:
            for value in np.unique(array)[:20]:
                what = "the padded or ignored positions, " if value < 0 or value == 0 else ""
                yield (
                    f"{what}where `{name}` is {value}",
                    lambda m, n=name, v=value: _rows(m, m.values[n] == v),
                )
            if array.min() < 0:
                words = f"the padded or ignored positions, where `{name}` < 0"
                yield words, lambda m, n=name: _rows(m, m.values[n] < 0)
        if array.min() >= 0 and array.max() < shape[0]:
            for words, rule in (
                (f"the rows that `{name}` repeats: they collect several gradients", _repeated),
                (f"the rows that `{name}` names", lambda hits: hits > 0),
                (f"the rows that `{name}` names once", lambda hits: hits == 1),
                (f"the rows that `{name}` never names", lambda hits: hits == 0),
            ):
                yield (
                    words,
                    lambda m, n=name, r=rule: _rows(
                        m, r(np.bincount(m.values[n].ravel(), minlength=m.marked.shape[0]))
                    ),
                )


def _repeated(hits: np.ndarray) -> np.ndarray:
    return hits > 1


def _one_hot(mark: Mark, name: str) -> np.ndarray:
    target = mark.values[name]
    return target[..., None] == np.arange(mark.marked.shape[-1])


def _rows(mark: Mark, rows: np.ndarray) -> np.ndarray:
    shape = mark.marked.shape
    return np.broadcast_to(rows.reshape(rows.shape + (1,) * (len(shape) - rows.ndim)), shape)


def _booleans(first: Mark) -> Iterator[tuple[str, Rule]]:
    """A mask among the inputs: of booleans, or of zeros and ones."""
    for name, array in first.values.items():
        if not isinstance(array, np.ndarray) or not array.ndim:
            continue
        if array.dtype.kind != "b" and set(np.unique(array)) != {0, 1}:
            continue
        try:
            np.broadcast_to(array, first.marked.shape)
        except ValueError:
            continue
        for value in (False, True):
            yield (
                f"where `{name}` is {value}",
                lambda m, n=name, v=value: np.broadcast_to(m.values[n] == v, m.marked.shape),
            )


def _extremes(first: Mark) -> Iterator[tuple[str, Rule]]:
    """The largest or smallest entry along an axis, or of the whole array."""
    shape = first.marked.shape
    for name in float_arrays(first, shape):
        for axis in (*range(len(shape)), None):
            for words, pick in (("largest", np.max), ("smallest", np.min)):
                where = "" if axis is None else f" along axis {axis}"

                def rule(m, n=name, a=axis, p=pick):
                    return m.values[n] == p(m.values[n], axis=a, keepdims=True)

                yield f"the {words} of `{name}`{where}", rule
                yield f"all but the {words} of `{name}`{where}", lambda m, r=rule: ~r(m)


def _one_fixed_set(marks: Sequence[Mark]) -> str | None:
    """The same few entries at every sample, listed."""
    marked = np.any([m.marked & m.cared for m in marks], axis=0)
    places = np.argwhere(marked)
    if not 0 < len(places) <= 0.4 * marked.size or not all(m.equals(marked) for m in marks):
        return None
    shown = ", ".join(str(place.tolist()) for place in places[:3])
    return f"the entries {shown}{', …' if len(places) > 3 else ''}"
