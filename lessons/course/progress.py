"""What the learner has done: one line of text a fact, in a file that git ignores."""

from pathlib import Path

from lessons.course.curriculum import LESSONS, Lesson

FILE = LESSONS / "exercises" / "progress.txt"
TITLE = "# Exercises solved and hints taken. Delete a line to undo it."


class Progress:
    """Facts such as "01 step solved" and "01 step hints 2", read at first and written at once."""

    def __init__(self, file: Path = FILE):
        self.file = file
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        facts = (line.split() for line in lines if not line.startswith("#"))
        self.facts = {(fact[0], fact[1], fact[2]): fact[3:] for fact in facts if len(fact) >= 3}

    def is_solved(self, lesson: Lesson, exercise: str) -> bool:
        return (_number(lesson), exercise, "solved") in self.facts

    def hints_taken(self, lesson: Lesson, exercise: str) -> int:
        taken = self.facts.get((_number(lesson), exercise, "hints"), ["0"])
        return int(taken[0]) if taken and taken[0].isdecimal() else 0

    def set_solved(self, lesson: Lesson, exercise: str, solved: bool) -> None:
        self._set((_number(lesson), exercise, "solved"), [] if solved else None)

    def set_hints_taken(self, lesson: Lesson, exercise: str, count: int) -> None:
        self._set((_number(lesson), exercise, "hints"), [str(count)])

    def _set(self, fact: tuple[str, str, str], value: list[str] | None) -> None:
        before = dict(self.facts)
        if value is None:
            self.facts.pop(fact, None)
        else:
            self.facts[fact] = value
        if self.facts != before:
            self._write()

    def _write(self) -> None:
        lines = [" ".join([*fact, *value]) for fact, value in sorted(self.facts.items())]
        scratch = self.file.with_suffix(".tmp")
        scratch.write_text("\n".join([TITLE, *lines]) + "\n", "utf-8")
        scratch.replace(self.file)


def _number(lesson: Lesson) -> str:
    return f"{lesson.number:02d}"
