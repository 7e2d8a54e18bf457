"""The tables of the course: lessons by part, data sets."""

from rich.markup import escape
from rich.table import Table

from lessons.course.curriculum import CURRICULUM, PARTS, Lesson
from lessons.course.exercise import exercises_of
from lessons.course.progress import Progress
from minitransformer.data import WHEELS
from minitransformer.data.fetching import cached, megabytes

NUMERALS = ("I", "II", "III", "IV", "V")


def curriculum_table(progress: Progress) -> Table:
    """Every lesson: what it is called, what it teaches, how long it takes, what is done of it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("lesson", no_wrap=True)
    table.add_column("you will be able to", ratio=1)
    table.add_column("min", justify="right")
    table.add_column("exercises", no_wrap=True)
    for lesson in CURRICULUM:
        if lesson.number in PARTS:
            number = list(PARTS).index(lesson.number)
            part = f"{NUMERALS[number]}  {PARTS[lesson.number]}"
            table.add_row("", f"[bold cyan]{part}")
        style = "" if lesson.is_here else "dim"
        row = (f"{lesson.number:02d}", lesson.title, lesson.outcome, str(lesson.minutes))
        table.add_row(*row, state_of(lesson, progress), style=style)
    return table


def state_of(lesson: Lesson, progress: Progress) -> str:
    """ "✓ 2 of 2", "1 of 2", "coming"."""
    if not lesson.is_here:
        return "coming"
    exercises = exercises_of(lesson)
    solved = sum(progress.is_solved(lesson, name) for name in exercises)
    tick = "[green]✓[/] " if exercises and solved == len(exercises) else ""
    return f"{tick}{solved} of {len(exercises)}"


def data_table() -> Table:
    """Every data set: its size and licence, and whether it is on this machine."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("data set", "what it is", "download", "licence", "here"):
        table.add_column(column)
    for name, wheel in WHEELS.items():
        here = "[green]✓" if cached(name).is_dir() else ""
        table.add_row(name, escape(wheel.contents), megabytes(wheel), wheel.licence, here)
    return table
