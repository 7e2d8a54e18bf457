"""Running a check in a process of its own, which survives whatever the learner's code does."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from lessons.course.calling import quoted
from lessons.course.curriculum import LESSONS
from lessons.course.verdict import END_OF_EXERCISE, Verdict

START = 60.0  # seconds that loading the worker may take, on a slow machine
KEPT = 3  # lines of what the learner's code printed
LONGEST = 4096  # bytes of a line that is read at once


def check(
    checks: Path, file: Path, names: list[str], seconds: float | None = None
) -> Iterator[Verdict]:
    """A verdict on each exercise of `names` in the learner's `file`, as they come.

    Args:
        checks: the file of `lessons/checks/` that says what is right.
        seconds: limit for each exercise, instead of its own.
    """
    waiting = list(names)
    while waiting:
        for verdict in _one_process(checks, file, waiting, seconds or 0.0):
            waiting.remove(verdict.exercise)
            yield verdict


def _one_process(checks: Path, file: Path, names: list[str], seconds: float) -> list[Verdict]:
    """The verdicts of one process: of all exercises, or up to the one that ended it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "verdicts")
        worker = [sys.executable, "-u", "-m", "lessons.course.worker"]
        process = subprocess.Popen(
            [*worker, str(checks), str(file), str(out), str(seconds), *names],
            cwd=LESSONS.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        printed = Printed(process.stdout)
        try:
            code = process.wait(timeout=START + 60 * len(names))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
            printed.join(timeout=1)
        lines = out.read_text("utf-8").splitlines() if out.exists() else []
        stack = out.with_suffix(".stack")
        where = _stuck_at(stack.read_text("utf-8"), file) if stack.exists() else ""
    verdicts = [Verdict.from_json(line) for line in lines if not line.startswith("begin ")]
    if lines and lines[-1].startswith("begin "):
        _, name, limit = lines[-1].split()
        verdicts.append(_ended(name, float(limit), code, where))
    if not verdicts:
        raise RuntimeError(f"the checks could not be loaded: {printed.last}")
    return [replace(verdict, printed=printed.of(k)) for k, verdict in enumerate(verdicts)]


def _end(process: subprocess.Popen) -> None:
    """Kill what is left of the process, and what it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _ended(name: str, limit: float, code: int | None, where: str) -> Verdict:
    """Why the process ended without a verdict on this exercise."""
    if where or code is None:
        at = where if where != "?" else "somewhere outside of your file"
        message = f"It was still running after {limit:g} s, so it was stopped"
        return Verdict(
            name, "wrong", f"{message}; it was at {at}." if at else f"{message}.", "time"
        )
    if code < 0:
        message = (
            f"Its process was killed by the system (signal {-code}): out of memory, or a crash in "
            "compiled code? How large are the arrays that it makes?"
        )
    else:
        message = f"It ended the whole program (exit code {code}): return a value instead."
    return Verdict(name, "wrong", message, "raises")


def _stuck_at(stack: str, file: Path) -> str:
    """The line of the learner's file in a dumped stack, "?" if it has none, "" without a stack."""
    for line in stack.splitlines():
        if f'"{file}"' in line:
            number = line.split(", line ")[1].split(" ")[0]
            return quoted(file, int(number))
    return "?" if stack.strip() else ""


class Printed(threading.Thread):
    """Reads all that a process prints, and keeps the first lines of each exercise.

    However much it prints, that fills no memory, and the process never waits for a reader.
    """

    def __init__(self, stream: IO[bytes]):
        super().__init__(daemon=True)
        self.stream = stream
        self.kept: list[list[str]] = [[]]
        self.lines = [0]
        self.last = ""
        self.start()

    def run(self) -> None:
        with self.stream:
            while line := self.stream.readline(LONGEST):
                text = line.decode("utf-8", errors="replace").rstrip("\n")
                if text == END_OF_EXERCISE:
                    self.kept.append([])
                    self.lines.append(0)
                    continue
                if not text:
                    continue
                self.last = text
                self.lines[-1] += 1
                if len(self.kept[-1]) < KEPT:
                    self.kept[-1].append(text[:70])

    def of(self, number: int) -> str:
        """What was printed during the exercise of this number, in a few lines."""
        if number >= len(self.kept):
            return ""
        shown = [f"  it printed: {line}" for line in self.kept[number]]
        if self.lines[number] > KEPT:
            shown.append(f"  … and {self.lines[number] - KEPT} lines more")
        return "\n".join(shown)
