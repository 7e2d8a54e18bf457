"""What a check came to: in a line for a right answer, in at most 15 for a wrong one."""

import json
import textwrap
from dataclasses import asdict, dataclass
from typing import Literal

LINES = 15
WIDTH = 88
END_OF_EXERCISE = "\x1eend of exercise"  # a line among the prints of the learner's code

Status = Literal["right", "wrong", "unwritten"]


@dataclass(frozen=True)
class Verdict:
    """The outcome for one exercise.

    `slug` is the kind of mistake, `message` its explanation, `printed` what the learner's code
    printed, or its first lines.
    """

    exercise: str
    status: Status
    message: str
    slug: str = ""
    printed: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Verdict":
        return cls(**json.loads(line))

    def __str__(self) -> str:
        printed = ["", *self.printed.splitlines()] if self.printed else []
        return "\n".join([*self._said()[: LINES - len(printed)], *printed])

    def _said(self) -> list[str]:
        if self.status == "unwritten":
            return [f"{self.exercise}: not written yet."]
        if self.status == "right":
            return textwrap.wrap(f"{self.exercise}: right. {self.message}", WIDTH)
        lines = [f"{self.exercise}: wrong.", ""]
        for line in self.message.splitlines():
            lines += _wrapped(line) if line.strip() else [""]
        return lines


def _wrapped(line: str) -> list[str]:
    """Indented; a line of numbers that is aligned already stays as it is."""
    if len(line) <= WIDTH - 2:
        return [f"  {line}"]
    wrapped = textwrap.wrap(line, WIDTH - 2, break_on_hyphens=False)
    return [f"  {part}" for part in wrapped]
