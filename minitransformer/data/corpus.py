"""A text to learn from: a file, a folder of files, or Python's own standard library."""

import os
import sysconfig
from pathlib import Path
from typing import NoReturn

BINARY_PROBE = 8192  # how many first bytes tell a binary file, by a NUL among them


def text_corpus(path: str | os.PathLike[str] | None = None) -> str:
    """The text at `path`, or the sources of Python's standard library, which are always there.

    A folder gives all its text files, subfolders included, in the order of their names and a line
    end apart; hidden files and binary ones are passed over, links to folders are not followed.
    Without a path: the .py files of the library's top level, about 4.7 MB.

    Raises FileNotFoundError or another OSError where a path is missing or cannot be read, and
    ValueError where a text is empty, binary or not UTF-8; both name the file.
    """
    source = Path(sysconfig.get_path("stdlib") if path is None else path).expanduser()
    try:
        if path is None:
            files = sorted(source.glob("*.py"))
        else:
            files = text_files(source) if source.is_dir() else [source]
        text = "\n".join(map(read_text, files))
    except OSError as error:
        file = error.filename or source
        raise type(error)(f"text_corpus: cannot read {file}: {error.strerror}") from None
    if not files:
        raise ValueError(f"text_corpus: {source} has no text files in it")
    if not text or text.isspace():
        raise ValueError(f"text_corpus: {source} is empty, or nothing but white space")
    return text


def text_files(folder: Path) -> list[Path]:
    """The files of `folder` and its subfolders that are neither hidden nor binary, in order."""
    files = []
    for parent, subfolders, names in os.walk(folder, onerror=raise_error):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        files += [Path(parent, name) for name in names if not name.startswith(".")]
    return [file for file in sorted(files) if not is_binary(file)]


def is_binary(file: Path) -> bool:
    with file.open("rb") as stream:
        return b"\0" in stream.read(BINARY_PROBE)


def read_text(file: Path) -> str:
    """The text of one file, in UTF-8 with or without a byte order mark."""
    content = file.read_bytes()
    if (at := content.find(b"\0")) >= 0:
        raise ValueError(f"text_corpus: {file} is binary, not text: byte {at} is NUL")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"text_corpus: {file} is not UTF-8: byte {error.start}"
            f" is 0x{content[error.start]:02X} ({error.reason})"
        ) from None


def raise_error(error: OSError) -> NoReturn:
    raise error
