"""Texts with a label each, from a CSV file: checked, and no text twice."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

COLUMNS = ("text", "label")


def text_csv(path: str | os.PathLike[str]) -> tuple[list[str], np.ndarray, list[str]]:
    """(texts, labels (N,) int64, class names) of a CSV file with the columns text and label.

    Labels count the class names, which are sorted: as numbers where all are, as text otherwise.
    A text that comes again is taken once, and one that comes with two labels is left out.

    Raises FileNotFoundError where there is no file, and ValueError, with the line, where a column,
    a text or a label is missing; where all rows are of one class; and where there are more classes
    than half the rows: then they are not labels.
    """
    file = Path(path).expanduser()
    rows = [(text, label) for text, label, _ in read_rows(file)]
    names = sorted({label for _, label in rows})
    if all(name.lstrip("+-").isdecimal() for name in names):
        names.sort(key=int)
    check_classes(file, names, len(rows))
    index = {name: k for k, name in enumerate(names)}
    texts, labels = unique([text for text, _ in rows], [index[label] for _, label in rows])
    return texts, labels, names


def read_rows(file: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(text, label, the whole row) of each line of a CSV file, checked."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            table = csv.DictReader(stream)
            have = table.fieldnames or []
            if not set(COLUMNS) <= set(have):
                raise ValueError(
                    f"text_csv: {file}: expected the columns text and label, got"
                    f" {', '.join(have) or 'none: the file is empty'}"
                )
            for row in table:
                if None in row:
                    raise ValueError(
                        f"text_csv: {file}: line {table.line_num} has more columns than the"
                        ' header: a text with a comma in it stands in quotes, "so, for one"'
                    )
                text, label = ((row[name] or "").strip() for name in COLUMNS)
                if not text or not label:
                    what = "text" if not text else "label"
                    raise ValueError(f"text_csv: {file}: line {table.line_num} has no {what}")
                yield row["text"], label, row
    except FileNotFoundError:
        raise FileNotFoundError(f"text_csv: there is no file {file}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"text_csv: {file}: is not a CSV file in UTF-8: {error}") from None


def check_classes(file: Path, names: list[str], rows: int) -> None:
    if len(names) < 2:
        raise ValueError(
            f"text_csv: {file}: expected two classes or more, but "
            + (f"all {rows} rows have the label {names[0]!r}" if names else "there is no row")
        )
    if len(names) > max(2, rows // 2):
        some = ", ".join(repr(name) for name in names[:3])
        raise ValueError(
            f"text_csv: {file}: expected a few classes, each with rows of its own, got"
            f" {len(names)} different labels in {rows} rows ({some}, …)"
        )


def unique(texts: list[str], labels: list[int]) -> tuple[list[str], np.ndarray]:
    """Each text once, in the order of first sight; none that comes with different labels."""
    seen: dict[str, set[int]] = {}
    for text, label in zip(texts, labels, strict=True):
        seen.setdefault(text, set()).add(label)
    kept = {text: own for text, own in seen.items() if len(own) == 1}
    return list(kept), np.array([min(own) for own in kept.values()], np.int64)
