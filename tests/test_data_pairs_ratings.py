"""Sentence pairs and ratings, from the formats people have."""

import os

import numpy as np
import pytest

from minitransformer.data import SentencePair, movielens, sentence_pairs
from minitransformer.data.fetching import cache_folder
from minitransformer.data.ratings import TARBALL

ONLINE = os.environ.get("MINITRANSFORMER_TEST_ONLINE")
CACHE = cache_folder()


def test_pairs_are_read_from_a_tsv(tmp_path):
    file = tmp_path / "pairs.tsv"
    file.write_text("Hola\tHello\tCC-BY\n\nAdiós\tGoodbye\r\nHola\tHi\n", encoding="utf-8-sig")
    assert sentence_pairs(file) == [SentencePair("Hola", "Hello"), SentencePair("Adiós", "Goodbye")]
    assert sentence_pairs(str(file))[0].pinyin == () and sentence_pairs(file)[0].hsk_level is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no sentence in it"),
        (b"Hola Hello\n", "line 1: expected a sentence, a tab, and its translation, got 'Hola H"),
        (b"Hola\tHello\n\tBye\n", "line 2: expected a sentence"),
        (b"Hola\t \n", "line 1: expected a sentence"),
        (b"Adi\xf3s\tBye\n", "is not UTF-8"),
    ],
)
def test_bad_pairs_are_refused(tmp_path, content, said):
    file = tmp_path / "pairs.tsv"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"sentence_pairs: .*pairs\.tsv: {said}"):
        sentence_pairs(file)
    with pytest.raises(FileNotFoundError, match=r"sentence_pairs: there is no file .*gone\.tsv"):
        sentence_pairs(tmp_path / "gone.tsv")


@pytest.mark.skipif(
    not (CACHE / "sentence_pairs-1.0.0").is_dir() and not ONLINE,
    reason="the sentence pairs are not in the cache (0.9 MB)",
)
def test_the_real_pairs():
    pairs = sentence_pairs(download=True)
    assert len(pairs) == len({pair.chinese for pair in pairs}) == 4349
    assert {pair.hsk_level for pair in pairs} == {1, 2, 3, 4, 5, 6}
    assert all(pair.english.strip() for pair in pairs)
    for pair in pairs:
        assert len(pair.pinyin) == sum("\u4e00" <= c <= "\u9fff" for c in pair.chinese)
        assert all(syllable[-1] in "12345" for syllable in pair.pinyin)


@pytest.fixture
def ml_100k(tmp_path):
    (tmp_path / "u.data").write_text("196\t242\t3\t881250949\n186\t302\t5\t891717742\n")
    (tmp_path / "u.item").write_bytes("242|Café (1996)|x\n302|L.A. (1997)|y\n".encode("latin-1"))
    return tmp_path


def test_ratings_are_read_from_their_folder(ml_100k):
    for root in (ml_100k, str(ml_100k / "u.data")):
        user, item, rating, time, titles = movielens(root)
        assert user.tolist() == [196, 186] and item.tolist() == [242, 302]
        assert rating.tolist() == [3, 5] and time.tolist() == [881250949, 891717742]
        assert titles == {242: "Café (1996)", 302: "L.A. (1997)"}
    (ml_100k / "u.item").unlink()
    assert movielens(ml_100k).titles == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("1\t2\t3\n", r"expected user, item, rating, time a line, got shape \(1, 3\)"),
        ("1\t2\tthree\t4\n", "expected whole numbers, tabs between"),
        ("1,2,3,4\n", "expected whole numbers, tabs between"),
        ("1\t2\t6\t4\n", "expected ratings from 1 to 5, got 6 to 6"),
        ("1\t2\t3\t4\n1\t2", "expected whole numbers"),
    ],
)
def test_bad_ratings_are_refused(ml_100k, content, said):
    (ml_100k / "u.data").write_text(content)
    with pytest.raises(ValueError, match=rf"movielens: .*u\.data: {said}"):
        movielens(ml_100k)


def test_an_empty_file_is_refused(ml_100k):
    (ml_100k / "u.data").write_text("")
    with pytest.raises(ValueError, match=r"movielens: .*u\.data: has no ratings in it"):
        movielens(ml_100k)


def test_ratings_are_never_downloaded(cache, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        movielens()
    for part in ("forbid passing it on", "root=", "ml-100k", TARBALL, str(cache)):
        assert part in str(caught.value)
    assert not cache.exists()
    with pytest.raises(FileNotFoundError, match=r"there is no .*u\.data; root= is the folder"):
        movielens(tmp_path)


def test_another_tarball_is_refused(cache):
    cache.mkdir()
    (cache / TARBALL).write_bytes(b"half of it")
    with pytest.raises(ValueError, match=r"is not the file that was pinned \(sha256 [0-9a-f]{12}…"):
        movielens()


# Nothing may fetch it, so this one test is not run everywhere.
if (CACHE / TARBALL).is_file():

    def test_the_real_ratings():
        user, item, rating, _, _ = movielens()
        assert len(user) == 100_000
        assert np.array_equal(np.unique(user), np.arange(1, 944))
        assert np.array_equal(np.unique(item), np.arange(1, 1683))
        assert np.bincount(rating).tolist() == [0, 6110, 11370, 27145, 34174, 21201]
