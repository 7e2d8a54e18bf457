"""A stub is its solution without the bodies: there is one source, and `reset` needs no git."""

import ast
from collections.abc import Collection
from pathlib import Path

from lessons.course.curriculum import Lesson
from lessons.course.exercise import exercises_of


def stub_of(solution: str, names: Collection[str]) -> str:
    """The source of a solution with the named functions emptied but for their docstrings.

    Of a named class, the methods that have a docstring are emptied.
    """
    lines = solution.splitlines()
    for node in reversed(ast.parse(solution).body):
        if isinstance(node, ast.FunctionDef) and node.name in names:
            _empty(node, lines)
        if isinstance(node, ast.ClassDef) and node.name in names:
            for part in reversed(node.body):
                if isinstance(part, ast.FunctionDef) and ast.get_docstring(part):
                    _empty(part, lines)
    return "\n".join(lines) + "\n"


def _empty(function: ast.FunctionDef, lines: list[str]) -> None:
    first = function.body[0]
    begin = first.end_lineno if ast.get_docstring(function) else first.lineno - 1
    body = [" " * first.col_offset + "raise NotImplementedError"]
    lines[begin : function.end_lineno] = body


def reset(lesson: Lesson) -> Path | None:
    """Write the stubs anew; returns where the learner's version was moved, None if there was none.

    Nothing is lost: a version that differs from the stubs is kept as NN_name.mine-1.py, -2, ….
    """
    stub = stub_of(lesson.solutions.read_text("utf-8"), exercises_of(lesson))
    file, kept = lesson.exercises, None
    if file.exists():
        if file.read_bytes() == stub.encode():
            return None
        kept = next(k for n in range(1, 10_000) if not (k := _version(file, n)).exists())
        file.rename(kept)
    file.write_text(stub, "utf-8", newline="\n")
    return kept


def _version(file: Path, number: int) -> Path:
    return file.with_name(f"{file.stem}.mine-{number}.py")
