"""The process that runs the learner's code, started by `runner`.

It writes a line of JSON for each exercise, and ends itself where one takes too long.
"""

import faulthandler
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from lessons.course.calling import NotWritten, Wrong, guarded
from lessons.course.exercise import Exercise, exercises_in
from lessons.course.judge import judge
from lessons.course.loading import load_file
from lessons.course.verdict import END_OF_EXERCISE, Verdict
from minitransformer import use_kernels


def main(checks: Path, file: Path, out: Path, seconds: float, names: list[str]) -> None:
    exercises = exercises_in(checks)
    chosen = [exercises[name] for name in names]
    stack = out.with_suffix(".stack").open("w")
    module: ModuleType | Wrong | None = None
    with out.open("a", encoding="utf-8") as verdicts, use_kernels("reference"):
        for exercise in chosen:
            limit = seconds or exercise.seconds
            print(f"begin {exercise.name} {limit}", file=verdicts, flush=True)
            faulthandler.dump_traceback_later(limit, exit=True, file=stack)
            module = module or load(file)
            verdict = verdict_on(exercise, module, file)
            faulthandler.cancel_dump_traceback_later()
            print(verdict.to_json(), file=verdicts, flush=True)
            print(f"\n{END_OF_EXERCISE}", file=sys.__stdout__, flush=True)


def load(file: Path) -> ModuleType | Wrong:
    """The learner's module, or why it cannot be loaded."""
    try:
        return guarded(lambda: load_file(file), file, f"Loading {file.name}")
    except NotWritten:
        return Wrong("raises", f"{file.name} raises NotImplementedError outside of its functions.")
    except Wrong as wrong:
        return wrong


def verdict_on(exercise: Exercise, module: ModuleType | Wrong, file: Path) -> Verdict:
    try:
        return Verdict(exercise.name, "right", judge(exercise, find(exercise, module, file), file))
    except NotWritten:
        return Verdict(exercise.name, "unwritten", "")
    except Wrong as wrong:
        return Verdict(exercise.name, "wrong", wrong.message, wrong.slug)


def find(exercise: Exercise, module: ModuleType | Wrong, file: Path) -> Any:
    if isinstance(module, Wrong):
        raise module
    if not hasattr(module, exercise.name):
        number = file.name[:2]
        raise Wrong(
            "missing",
            f"{file.name} has no `{exercise.name}`: was it renamed or deleted? "
            f"`python -m lessons reset {number}` brings the stubs back and keeps your version.",
        )
    return getattr(module, exercise.name)


if __name__ == "__main__":
    checks, file, out, seconds, *names = sys.argv[1:]
    main(Path(checks), Path(file), Path(out), float(seconds), names)
