"""Calling the learner's code: whatever it raises becomes a sentence, never a traceback."""

import inspect
import linecache
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

THE_MODEL = "The model"  # that learns with what the learner wrote


class NotWritten(Exception):
    """The stub is still a stub."""


class Wrong(Exception):
    """What the learner wrote is wrong; `slug` is the kind of mistake."""

    def __init__(self, slug: str, message: str):
        super().__init__(message)
        self.slug, self.message = slug, message


@dataclass(frozen=True)
class Learner:
    """The learner's code under check: the function, its name, and the file it stands in."""

    name: str
    function: Callable
    file: Path

    def __call__(self, *inputs: Any) -> Any:
        """Its answer to copies of the inputs; Wrong where it raises, NotWritten where a stub."""
        given = [copied(x) for x in inputs]
        answer = guarded(lambda: self.function(*given), self.file, f"`{self.name}`")
        for k, (before, after) in enumerate(zip(inputs, given, strict=True)):
            if not same(before, after):
                raise Wrong(
                    "mutates-input",
                    f"`{self.name}` changed its input {self.parameter(k)} in place: the caller "
                    "still needs it, to the last bit. Work on a copy, or write `x = x - …`, not "
                    "`x -= …`.",
                )
        return answer

    def parameter(self, k: int) -> str:
        try:
            return f"`{list(inspect.signature(self.function).parameters)[k]}`"
        except (TypeError, ValueError, IndexError):
            return f"number {k + 1}"

    def check_arguments(self, names: Sequence[str]) -> None:
        """Wrong where it cannot be called with as many arguments as there are inputs."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):
            return
        try:
            signature.bind(*names)
        except TypeError:
            raise Wrong(
                "arguments",
                f"`{self.name}{signature}` should take {len(names)} arguments: {', '.join(names)}.",
            ) from None


def guarded(call: Callable[[], Any], file: Path, what: str) -> Any:
    """The result of `call`; Wrong in one sentence, with the line of `file`, for what it raises."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except (Wrong, NotWritten):
        raise
    except NotImplementedError:
        raise NotWritten from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise Wrong("raises", said(error, file, what)) from None


def said(error: BaseException, file: Path, what: str) -> str:
    """One sentence for what was raised, with the line of the learner's file."""
    where = line_of(error, file)
    if isinstance(error, AssertionError) and what == THE_MODEL and not where:
        return " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        at = f" ({quoted(file, error.lineno)})" if error.lineno else ""
        return f"{file.name} is not valid Python: {error.msg}{at}."
    if isinstance(error, SystemExit):
        return f"{what} ends the whole program (exit){where}: return a value instead."
    if isinstance(error, RecursionError):
        return f"{what} calls itself without end{where}."
    if isinstance(error, EOFError):
        return f"{what} waits for input(){where}, but nobody is there to type."
    words = " ".join(str(error).split())[:200]
    kind = type(error).__name__
    return f"{what} raised {kind}: {words}{where}." if words else f"{what} raised {kind}{where}."


def line_of(error: BaseException, file: Path) -> str:
    """ " (line 7: x = y)", the deepest line of the learner's file that the error came through."""
    theirs = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == file]
    if not theirs or not theirs[-1].lineno:
        return ""
    return f" ({quoted(file, theirs[-1].lineno)})"


def quoted(file: Path, number: int) -> str:
    """ "line 7: x = y"."""
    line = linecache.getline(str(file), number).strip()
    return f"line {number}: {line[:70]}" if line else f"line {number}"


def copied(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return x.copy()
    if isinstance(x, (list, tuple)):
        return type(x)(copied(part) for part in x)
    if isinstance(x, dict):
        return {key: copied(part) for key, part in x.items()}
    return x


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same, bit for bit and part by part."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a is b or bool(a == b) or (a != a and b != b)
