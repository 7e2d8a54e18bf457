"""Texts on their way to a model: word ids, batches, and the lines of a person's files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minitransformer import data
from minitransformer.data import pad_sequences

LONGEST_NAME = 255  # characters: a longer argument is a text


def encode(tokenizer: Any, text: str, most: int) -> np.ndarray:
    """Word ids of a text; of a long one its beginning and its end, where verdicts stand.

    A text without words is one unknown word.
    """
    ids = tokenizer.encode(data.clean_text(text))
    if len(ids) > most:
        head = most // 2
        ids = np.concatenate([ids[:head], ids[head - most :]])
    return ids if len(ids) else np.array([tokenizer.unk_id])


def whole_rows(rows: Sequence[Any], rng: np.random.Generator) -> Any:
    """(ids (B, T), mask (B, T), labels (B,)) of rows (ids, label)."""
    sequences, labels = zip(*rows, strict=True)
    return *pad_sequences(sequences), np.array(labels)


def lines_of(arguments: Iterable[str]) -> Iterator[str]:
    """Each argument that is no file, and each line of one that is.

    Raises:
        FileNotFoundError: an argument looks like a file's name, but there is no such file.
        ValueError: a file is not text, or a text is empty.
    """
    for argument in arguments:
        if len(argument) < LONGEST_NAME and Path(argument).is_file():
            try:
                lines = Path(argument).read_text(encoding="utf-8").splitlines()
            except UnicodeDecodeError as error:
                raise ValueError(f"predict: {argument} is not text in UTF-8: {error}") from None
            yield from (line for line in lines if line.strip())
        elif Path(argument).suffix in (".txt", ".csv", ".tsv") and " " not in argument:
            raise FileNotFoundError(f"predict: there is no file {argument}")
        elif not argument.strip():
            raise ValueError("predict: expected a text with words in it, got an empty one")
        else:
            yield argument
