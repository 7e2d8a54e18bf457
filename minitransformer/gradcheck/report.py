"""What the checker says: a Report of Causes, in at most 15 lines a learner can act on."""

import html
import textwrap
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

WIDTH = 88
LINES = 15


@dataclass(frozen=True)
class Cause:
    """Why a backward pass is wrong.

    `slug` is the kind of mistake, `input` the index of the input whose gradient it spoils (None
    where it is no input's in particular), `name` that input's name, and `message` one or two
    sentences for the learner.
    """

    slug: str
    input: int | None
    name: str
    message: str


class Worst(NamedTuple):
    """The entry furthest from the truth; `error` is relative to the gradient's largest entry."""

    index: tuple[int, ...]  # type: ignore[assignment]
    expected: float
    got: float
    error: float


@dataclass(frozen=True)
class Comparison:
    """One input's measured gradient beside the learner's; `wrong` marks the entries that differ.

    Where their shapes differ, the arrays are cut to the part they share.
    """

    input: int
    name: str
    expected: np.ndarray
    got: np.ndarray
    wrong: np.ndarray

    @property
    def worst(self) -> Worst | None:
        """The entry furthest from the truth (not finite counts as infinitely far)."""
        if self.expected.size == 0:
            return None
        with np.errstate(invalid="ignore", over="ignore"):
            distance = np.abs(self.got - self.expected)
        distance = np.where(np.isfinite(distance), distance, np.inf)
        if self.wrong.any():
            distance = np.where(self.wrong, distance, -1.0)
        index = np.unravel_index(np.argmax(distance), distance.shape)
        largest = float(np.abs(self.expected).max())
        error = float(distance[index]) / largest if largest else float(distance[index])
        place = tuple(int(i) for i in index)
        return Worst(place, float(self.expected[index]), float(self.got[index]), error)


@dataclass(frozen=True)
class Report:
    """What a check found. `ok` is False for any cause but `kink`, which is nobody's fault."""

    subject: str
    names: tuple[str, ...]
    causes: list[Cause] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(cause.slug == "kink" for cause in self.causes)

    @property
    def worst(self) -> Worst | None:
        """The entry furthest from the truth, over all inputs."""
        entries = [c.worst for c in self.comparisons if c.worst is not None]
        return max(entries, key=lambda worst: worst.error, default=None)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        places = self._places()
        room = LINES - len(places) - 1 if places else LINES
        lines = [self._headline(), *self._explanations(room - 1)]
        return "\n".join([*lines, "", *places] if places else lines)

    def plot(self) -> Any:
        """A picture for each input: the gradient due, the learner's, and which entries are wrong.

        Needs matplotlib; returns its figure.
        """
        from .picture import draw

        return draw(self)

    def _repr_html_(self) -> str:
        colour = "#1a7f37" if self.ok else "#b35900"
        return (
            f'<pre style="border-left: 4px solid {colour}; padding: 0.5em 1em; margin: 0">'
            f"{html.escape(str(self))}</pre>"
        )

    def _headline(self) -> str:
        if self.ok:
            return _wrapped(f"{self.subject}: right.", "")[0]
        blamed = [f"`{n}`" for n in dict.fromkeys(c.name for c in self.causes) if n]
        if not blamed:
            return _wrapped(f"{self.subject}: it cannot be used as it is.", "")[0]
        if len(blamed) == 1:
            what = f"the gradient of {blamed[0]} is wrong."
        else:
            what = f"the gradients of {', '.join(blamed[:-1])} and {blamed[-1]} are wrong."
        return textwrap.shorten(f"{self.subject}: {what}", WIDTH)

    def _explanations(self, room: int) -> list[str]:
        """The causes, wrapped, as many as fit; several inputs are told apart by their names."""
        told: dict[str, list[str]] = {}
        for cause in self.causes:
            told.setdefault(cause.message, []).append(cause.name)
        several = len({c.name for c in self.causes if c.name}) > 1
        lines: list[str] = []
        for number, (message, names) in enumerate(told.items()):
            label = f"{', '.join(dict.fromkeys(names))}: " if several and names[0] else ""
            block = ["", *_wrapped(label + message, "  ")]
            left = len(told) - number
            if len(lines) + len(block) + (2 if left > 1 else 0) > room and lines:
                return [*lines, "", f"  … and {left} more (see report.causes)."][:room]
            lines += block
        return lines[:room]

    def _places(self) -> list[str]:
        """One line an input: its worst entry and the two numbers there, aligned."""
        if self.ok:
            return []
        wrong = [(c.name, w) for c in self.comparisons if c.wrong.any() and (w := c.worst)]
        several = len(wrong) > 1
        places = [f"{name}{list(w.index)}" if several else f"{list(w.index)}" for name, w in wrong]
        wide = max((len(place) for place in places), default=0)
        rows = list(zip(places, (w for _, w in wrong), strict=True))[:4]
        return [
            f"  worst entry  {p:<{wide}}   expected {_number(w.expected)}   got {_number(w.got)}"
            for p, w in rows
        ]


class GradcheckError(AssertionError):
    """A backward pass is wrong. `report` says why."""

    def __init__(self, report: Report):
        super().__init__(str(report))
        self.report = report


def _number(value: float) -> str:
    return f"{value + 0.0:>11.5g}"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
