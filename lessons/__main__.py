"""`python -m lessons`: read and run the lessons, check the exercises, take a hint."""

import subprocess
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax

from lessons.course.curriculum import CURRICULUM, Lesson, find_lesson
from lessons.course.display import curriculum_table, data_table
from lessons.course.exercise import exercises_of
from lessons.course.progress import Progress
from lessons.course.runner import check as run_check
from lessons.course.stubs import reset as reset_stubs
from lessons.course.verdict import Verdict
from minitransformer.data import cache_folder, fetch

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console(highlight=False)

Number = Annotated[str, typer.Argument(help="Of the lesson: 1, 01 or its name.", metavar="NN")]
Maybe = Annotated[str | None, typer.Argument(help="The next one if left out.", metavar="[NN]")]
Name = Annotated[str | None, typer.Argument(help="Of one exercise.", metavar="[NAME]")]
Full = Annotated[bool, typer.Option("--full", help="The whole experiment, if it has a longer one.")]

POLL = 0.3  # seconds between two looks at a file that is watched


@app.callback(invoke_without_command=True)
def overview(context: typer.Context) -> None:
    """The course: 27 lessons, from the first gradient to the GPU."""
    if context.invoked_subcommand is None:
        console.print(curriculum_table(Progress()))
        console.print("\n[dim]run NN, check NN, hint NN, next, …: see python -m lessons --help")


@app.command()
def run(number: Number, full: Full = False) -> None:
    """Run a lesson from top to bottom; its pictures go to lessons/output/NN/."""
    command = [sys.executable, str(present(number).script), *(["--full"] if full else [])]
    done = subprocess.run(command, check=False)
    raise typer.Exit(done.returncode)


@app.command()
def check(number: Number, name: Name = None) -> None:
    """Check the exercises of a lesson, and say why one is wrong."""
    if not check_lesson(present(number), name):
        raise typer.Exit(1)


@app.command()
def hint(number: Number, name: Name = None) -> None:
    """One more hint for an exercise: the named one, or the first that is not solved."""
    lesson, progress = present(number), Progress()
    exercises = exercises_of(lesson)
    name = known(lesson, name) or first_unsolved(lesson, progress) or next(iter(exercises))
    hints, taken = exercises[name].hints, progress.hints_taken(lesson, name)
    number_now = min(taken + 1, len(hints))
    console.print(f"[bold]{name}[/], hint {number_now} of {len(hints)}:")
    console.print(hints[number_now - 1], markup=False)
    progress.set_hints_taken(lesson, name, number_now)
    if taken >= len(hints):
        console.print(
            f"[dim]That was the last one. python -m lessons solution {number} shows ours."
        )


@app.command()
def solution(number: Number) -> None:
    """Show our solutions of a lesson's exercises."""
    source = present(number).solutions.read_text("utf-8")
    console.print(Syntax(source, "python", background_color="default"))


@app.command()
def watch(number: Maybe = None) -> None:
    """Check a lesson's exercises again whenever their file is saved, until Ctrl-C."""
    lesson = present(number) if number else next_lesson(Progress())
    console.print(f"[dim]watching {lesson.exercises} (Ctrl-C ends)", soft_wrap=True)
    seen = None
    while True:
        stamp = lesson.exercises.stat().st_mtime_ns if lesson.exercises.exists() else None
        if stamp != seen:
            seen = stamp
            check_lesson(lesson, None)
        time.sleep(POLL)


@app.command()
def reset(number: Number) -> None:
    """Bring the stubs of a lesson back; your version is kept under another name."""
    lesson = present(number)
    kept = reset_stubs(lesson)
    console.print(f"{lesson.exercises} holds the stubs.", soft_wrap=True)
    if kept:
        console.print(f"Your version is kept as {kept.name}.")


@app.command("next")
def next_() -> None:
    """What to do next."""
    progress = Progress()
    lesson = next_lesson(progress)
    name = first_unsolved(lesson, progress)
    number = f"{lesson.number:02d}"
    console.print(f"[bold]{number} {lesson.title}[/]: {lesson.outcome} ({lesson.minutes} min)")
    if not name:
        console.print("[green]✓[/] Every exercise that is here is solved.")
        return
    console.print(f"  read and run   {lesson.script}", soft_wrap=True)
    console.print(f"                 python -m lessons run {number}")
    console.print(f"  write `{name}` in {lesson.exercises}", soft_wrap=True)
    console.print(f"                 python -m lessons check {number} {name}")


@app.command()
def data(
    name: Annotated[str | None, typer.Argument(help="Of a data set to fetch.")] = None,
) -> None:
    """List the data sets, or fetch one into the cache."""
    if name is None:
        console.print(data_table())
        console.print(f"[dim]in {cache_folder()}", soft_wrap=True)
    else:
        console.print(f"{name}: {fetch(name, download=True)}", soft_wrap=True)


def check_lesson(lesson: Lesson, name: str | None) -> bool:
    """Print the verdicts on a lesson's exercises, or one of them; whether all are right."""
    progress, all_right = Progress(), True
    names = [known(lesson, name)] if name else list(exercises_of(lesson))
    if not lesson.exercises.exists():
        raise ValueError(
            f"{lesson.exercises} is missing: `python -m lessons reset {lesson.number:02d}` "
            "brings it back"
        )
    for verdict in run_check(lesson.checks, lesson.exercises, names):
        progress.set_solved(lesson, verdict.exercise, verdict.status == "right")
        show(verdict)
        all_right &= verdict.status == "right"
    return all_right


def show(verdict: Verdict) -> None:
    mark = {"right": "[green]✓[/] ", "wrong": "[red]✗[/] ", "unwritten": "[dim]·[/] "}
    console.print(mark[verdict.status], end="")
    console.print(str(verdict), markup=False, soft_wrap=True)


def present(number: str) -> Lesson:
    """The lesson, if it is in the repository yet."""
    lesson = find_lesson(number)
    if not lesson.is_here:
        raise ValueError(f"lesson {lesson.number:02d}, {lesson.title}, is still to come")
    return lesson


def known(lesson: Lesson, name: str | None) -> str | None:
    exercises = exercises_of(lesson)
    if name is not None and name not in exercises:
        raise ValueError(f"no exercise {name!r}: there are {', '.join(exercises)}")
    return name


def first_unsolved(lesson: Lesson, progress: Progress) -> str | None:
    return next((n for n in exercises_of(lesson) if not progress.is_solved(lesson, n)), None)


def next_lesson(progress: Progress) -> Lesson:
    """The first lesson with an unsolved exercise, else the last one that is here."""
    here = [lesson for lesson in CURRICULUM if lesson.is_here]
    return next((lesson for lesson in here if first_unsolved(lesson, progress)), here[-1])


def main() -> None:
    """Run a command; an error that a person can mend is one line, not a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
