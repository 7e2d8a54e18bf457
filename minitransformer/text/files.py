"""Reading the files in which published tokenizers are kept."""

import json
from pathlib import Path
from typing import Any


def read_text(path: Path) -> str:
    """A file in UTF-8. FileNotFoundError or ValueError, with its path, where it cannot be read."""
    if not path.is_file():
        raise FileNotFoundError(f"from_folder: there is no {path}")
    try:
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"from_folder: {path} is damaged: byte {error.start} is not UTF-8"
        ) from None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. ValueError, with its path, where the file holds anything else."""
    try:
        fields = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"from_folder: {path} is damaged: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError(
            f"from_folder: {path} should hold a JSON object, got {type(fields).__name__}"
        )
    return fields


def first_of(folder: Path, *names: str) -> Path:
    """The first of these files that the folder has."""
    paths = [folder / name for name in names]
    for path in paths:
        if path.is_file():
            return path
    raise FileNotFoundError(f"from_folder: {folder} has no {' or '.join(names)}")
