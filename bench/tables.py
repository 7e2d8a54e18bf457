"""Tables: a title, columns and rows of text, shown in a terminal or as Markdown."""

from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table as RichTable

WIDTH = 200  # characters of a table that goes to a file


class Table(NamedTuple):
    """What a measurement shows; an empty row separates groups of rows."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[str]]

    def show(self) -> None:
        """Print it; numbers stand at the right."""
        table = RichTable(title=self.title, title_justify="left")
        for i, column in enumerate(self.columns):
            numeric = all(row[i][:1] in "+-.0123456789" for row in self.rows if row)
            table.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row) if row else table.add_section()
        console = Console()
        (console if console.is_terminal else Console(width=WIDTH)).print(table)

    def markdown(self) -> str:
        lines = [f"**{self.title}**", "", line(self.columns), line(["---"] * len(self.columns))]
        return "\n".join([*lines, *(line(row) for row in self.rows if row)])


def line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def spread(numbers: list[float]) -> str:
    """The median, the least and the largest: "1.25 (1.02 to 1.31)"."""
    return f"{median(numbers):.2f} ({min(numbers):.2f} to {max(numbers):.2f})"


def ratios(above: list[float], below: list[float]) -> list[float]:
    """One round's time over the other's in the same round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def milliseconds(seconds: float) -> str:
    """About three figures that mean something: 0.0123, 1.23, 12.3, 123, 1234."""
    ms = 1000 * seconds
    limits = (0.1, 4), (1, 3), (10, 2), (100, 1)
    digits = next((digits for limit, digits in limits if ms < limit), 0)
    return f"{ms:.{digits}f}"
