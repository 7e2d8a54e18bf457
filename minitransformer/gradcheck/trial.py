"""Running the learner's code: on copies, with every habit that would harm a caller noticed.

A `Trial` never raises for what the learner's code does, except `Rejected`, which carries the cause.
"""

import linecache
import traceback
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from .points import is_checked
from .report import Cause

HERE = str(Path(__file__).parent)


class Rejected(Exception):
    """The learner's code gave nothing that could be compared; `cause` says why."""

    def __init__(self, cause: Cause):
        super().__init__(cause.message)
        self.cause = cause


class Bare:
    """The learner's pair of functions on arrays: `forward(*inputs)` and `backward(dy, *inputs)`."""

    def __init__(self, forward: Callable, backward: Callable):
        self.forward, self.backward = forward, backward

    def record(self, *inputs):
        """The output, and a function from dy to the gradients."""
        return self.forward(*inputs), lambda dy: self.backward(dy, *inputs)


class Trial:
    """One learner's code and what was noticed while it ran (`noticed`: slug -> Cause)."""

    def __init__(self, code, names: Sequence[str], optional: Collection[int] = ()):
        self.code = code
        self.names = tuple(names)
        self.optional = optional  # inputs given as Python numbers, whose gradient may be left out
        self.noticed: dict[str, Cause] = {}

    def forward(self, inputs: Sequence) -> np.ndarray:
        """The output in float64, a copy."""
        given = [_copy(x) for x in inputs]
        y = _run("forward", lambda: self.code.forward(*given))
        self._note_changes("forward", inputs, given)
        return self._output(y)

    def explore(self, inputs: Sequence) -> np.ndarray:
        """`forward`, but NaN where the learner's code refuses: a step may leave its domain."""
        try:
            return self.forward(inputs)
        except Rejected:
            return np.array(np.nan)

    def backward(
        self, dy: np.ndarray, inputs: Sequence, between: Callable[[], object] | None = None
    ) -> list[np.ndarray | None]:
        """The gradients, one an input, None for inputs without; `between` runs after forward."""
        given = [_copy(x) for x in inputs]
        upstream = np.array(dy)
        _, pull = _run("forward", lambda: self.code.record(*given))
        if between is not None:
            between()
        answer = _run("backward", lambda: pull(upstream))
        self._note_changes("backward", inputs, given)
        if not _same(dy, upstream):
            message = "backward changed its input `dy` in place: work on a copy."
            self._note("mutates-input", None, "", message)
        return self._gradients(answer, given, inputs)

    def _output(self, y) -> np.ndarray:
        if isinstance(y, (tuple, list)) or (not hasattr(y, "__array__") and not np.isscalar(y)):
            kind = type(y).__name__
            message = f"forward returned a {kind}; it should return one array."
            raise Rejected(Cause("raises", None, "", message))
        y = np.asarray(y)
        if y.dtype.kind not in "fiub":
            message = f"forward returned an array of {y.dtype}; it should return real numbers."
            raise Rejected(Cause("dtype", None, "", message))
        if y.dtype.kind == "f" and y.dtype.itemsize < 8:
            message = (
                f"forward was given float64 and returned {y.dtype}: too coarse for measuring "
                "slopes. Keep the dtype of the inputs."
            )
            raise Rejected(Cause("dtype", None, "", message))
        return np.array(y, dtype=float)

    def _gradients(self, answer, given, inputs) -> list[np.ndarray | None]:
        """The answer as one entry an input, each a float64 copy."""
        parts = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        checked = [k for k, x in enumerate(inputs) if is_checked(x)]
        for due in (checked, [k for k in checked if k not in self.optional]):
            if len(parts) == len(due) != len(inputs):
                places = dict(zip(due, parts, strict=True))
                parts = [places.get(k) for k in range(len(inputs))]
        if len(parts) != len(inputs):
            message = (
                f"backward returned {_count(len(parts), 'gradient')} for "
                f"{_count(len(inputs), 'input')} ({', '.join(self.names)}): return one for each, "
                "in order, None where there is none."
            )
            raise Rejected(Cause("wrong-count", None, "", message))
        arrays = [self._array(parts[k], k) if k in checked else None for k in range(len(inputs))]
        self._note_aliases(arrays, given)
        return [None if a is None else np.array(a, dtype=float) for a in arrays]

    def _array(self, part, index) -> np.ndarray | None:
        name = self.names[index]
        if part is None:
            return None
        try:
            array = np.asarray(part)
            if array.dtype.kind not in "fiub":
                raise TypeError
        except (TypeError, ValueError):
            what = getattr(part, "dtype", None) or type(part).__name__
            message = f"The gradient of `{name}` is a {what}; it should be an array of float64."
            raise Rejected(Cause("dtype", index, name, message)) from None
        if array.dtype.kind in "iub" and not np.isscalar(part):
            message = (
                f"The gradient of `{name}` came back as {array.dtype}: whole numbers lose "
                "everything after the point. Build it from dy, or with zeros_like of a float array."
            )
            self._note("dtype", index, name, message)
        elif array.dtype.itemsize < 8 and array.dtype.kind == "f":
            message = (
                f"The gradient of `{name}` came back as {array.dtype}, its input is float64: "
                "keep the dtype of the input."
            )
            self._note("dtype", index, name, message)
        return array

    def _note_changes(self, where, before, after):
        for index, (x, now) in enumerate(zip(before, after, strict=True)):
            if isinstance(x, np.ndarray) and not _same(x, now):
                name = self.names[index]
                message = f"{where} changed its input `{name}` in place: work on a copy."
                self._note("mutates-input", index, name, message)

    def _note_aliases(self, gradients, given):
        for index, gradient in enumerate(gradients):
            if gradient is None:
                continue
            name = self.names[index]
            for other, x in enumerate(given):
                if _shares(gradient, x):
                    message = (
                        f"The gradient of `{name}` shares memory with the input "
                        f"`{self.names[other]}`: adding to one would change the other. Copy it."
                    )
                    self._note("aliases", index, name, message)
            for other in range(index):
                if _shares(gradient, gradients[other]):
                    message = (
                        f"The gradients of `{self.names[other]}` and `{name}` share memory: "
                        "adding to one would change the other. Copy one of them."
                    )
                    self._note("aliases", index, name, message)

    def _note(self, slug, index, name, message):
        self.noticed.setdefault(f"{slug} {index}", Cause(slug, index, name, message))


def _run(where: str, function: Callable):
    """The result of the learner's code, or Rejected with the line that raised."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function()
    except Rejected:
        raise
    except (Exception, SystemExit) as error:
        said = str(error).strip().partition("\n")[0]
        what = f"{type(error).__name__}: {said}" if said else type(error).__name__
        message = f"{where} raised {what}{_line_of(error)}"
        raise Rejected(Cause("raises", None, "", message)) from error


def _line_of(error: BaseException) -> str:
    """Where in the learner's file: the deepest line that is neither the checker's nor NumPy's."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if not f.filename.startswith(HERE) and "numpy" not in f.filename]
    if not theirs:
        return "."
    frame = theirs[-1]
    line = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
    shown = f": {line}" if line else ""
    return f" (line {frame.lineno} of {Path(frame.filename).name}{shown})"


def _copy(x):
    return x.copy() if isinstance(x, np.ndarray) else x


def _same(a, b) -> bool:
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _shares(a, b) -> bool:
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return False
    try:
        return np.shares_memory(a, b, max_work=10_000)  # type: ignore[arg-type]
    except (np.exceptions.TooHardError, RuntimeError):
        return False


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
