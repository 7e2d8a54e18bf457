"""Reading the command line's lists, with errors that say what was expected."""

from collections.abc import Iterable
from pathlib import Path

from typer import BadParameter


def choose(text: str, known: Iterable[str], what: str) -> list[str]:
    """The names in a comma-separated list; "all" stands for every known one.

    Raises:
        BadParameter: one is unknown or comes twice; the message lists those there are.
    """
    known = list(known)
    names = known if text == "all" else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise BadParameter(f"unknown {what} {name!r}; expected some of {', '.join(known)}")
        if names.count(name) > 1:
            raise BadParameter(f"{what} {name!r} is there twice")
    return names


def whole_numbers(text: str, what: str) -> list[int]:
    """The positive whole numbers in a comma-separated list.

    Raises:
        BadParameter: one is something else.
    """
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not part.isdecimal() or int(part) < 1:
            raise BadParameter(f"{what}: expected positive whole numbers, got {part!r}")
    return [int(part) for part in parts]


def writable(file: Path | None) -> Path | None:
    """`file`, once it is known that it can be written after minutes of measuring.

    Raises:
        BadParameter: its folder is missing, or it does not end in .json.
    """
    if file is not None and file.suffix != ".json":
        raise BadParameter(f"expected a file that ends in .json, got {str(file)!r}")
    if file is not None and not file.parent.is_dir():
        raise BadParameter(f"there is no folder {str(file.parent)!r} to write {file.name} into")
    return file
