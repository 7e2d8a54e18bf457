"""Texts with labels: read from the formats people have, checked, and none of them twice."""

import os

import numpy as np
import pytest
from test_data_sets import idx

from minitransformer.data import fashion_mnist, imdb, mnist, rotten_tomatoes, text_csv
from minitransformer.data.fetching import cache_folder

REAL = cache_folder() / "imdb-0.0.2"


def write(folder, *lines, name="reviews.csv", encoding="utf-8"):
    file = folder / name
    file.write_text("\n".join(lines) + "\n", encoding=encoding)
    return file


def test_a_csv_is_read_and_deduplicated(tmp_path):
    file = write(
        tmp_path,
        "id,label,text",
        '1,good,"a, quoted ""text"""',
        "2,bad,dull",
        "3,good,fine",
        "4,bad,dull",
        "5,good,disputed",
        "6,bad,disputed",
    )
    texts, labels, names = text_csv(file)
    assert texts == ['a, quoted "text"', "dull", "fine"] and names == ["bad", "good"]
    assert labels.tolist() == [1, 0, 1] and labels.dtype == np.int64


def test_numbers_as_labels_are_sorted_as_numbers(tmp_path):
    rows = [f"text {k},{label}" for k, label in enumerate([10, 9, 2, 10, 9, 2])]
    _, labels, names = text_csv(write(tmp_path, "text,label", *rows, encoding="utf-8-sig"))
    assert names == ["2", "9", "10"] and labels.tolist() == [2, 1, 0] * 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["review,sentiment", "a,b"], "the columns text and label, got review, sentiment"),
        (["text", "a"], "expected the columns text and label, got text"),
        ([""], "got none: the file is empty"),
        (["text,label"], "expected two classes or more, but there is no row"),
        (["text,label", "a,1", "b,1"], "but all 2 rows have the label '1'"),
        (["text,label", "a,1", " ,0"], "line 3 has no text"),
        (["text,label", "a,1", "b,"], "line 3 has no label"),
        (["text,label", "a,1", "b"], "line 3 has no label"),
        (["text,label", "a,1", "so, so,0"], "line 3 has more columns than the header"),
        (
            ["text,label", *(f"text {k},0.{k}" for k in range(1, 9))],
            r"a few classes, .* got 8 different labels in 8 rows \('0.1', '0.2', '0.3', …\)",
        ),
    ],
)
def test_bad_tables_are_refused(tmp_path, lines, said):
    with pytest.raises(ValueError, match=said):
        text_csv(write(tmp_path, *lines))


def test_files_that_are_no_table_are_refused(tmp_path):
    file = tmp_path / "picture.csv"
    file.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ValueError, match=r"text_csv: .*picture\.csv: is not a CSV file in UTF-8"):
        text_csv(file)
    with pytest.raises(FileNotFoundError, match=r"text_csv: there is no file .*gone\.csv"):
        text_csv(tmp_path / "gone.csv")


@pytest.mark.parametrize("names", ["01", ("neg", "pos"), ("Negative", "Positive")])
@pytest.mark.parametrize("read", [imdb, rotten_tomatoes])
def test_reviews_are_read_from_a_csv(tmp_path, read, names):
    file = write(tmp_path, "text,label", f"good,{names[1]}", f"bad,{names[0]}")
    texts, labels = read(file)
    assert texts == ["good", "bad"] and labels.tolist() == [1, 0]


def test_other_labels_are_no_reviews(tmp_path):
    file = write(tmp_path, "text,label", "a,1", "b,2")
    with pytest.raises(ValueError, match=r"expected the labels 0 and 1, neg and pos, .* got 1, 2"):
        imdb(file)


@pytest.fixture
def acl(tmp_path):
    for part, name, texts in [
        ("train", "neg", ["dull", "dull"]),
        ("train", "pos", ["fine <br />"]),
        ("test", "neg", ["bad"]),
        ("test", "pos", ["fine <br />", "größte"]),
    ]:
        folder = tmp_path / "aclImdb" / part / name
        folder.mkdir(parents=True)
        for k, text in enumerate(texts):
            (folder / f"{k}_9.txt").write_text(text, encoding="utf-8")
    return tmp_path / "aclImdb"


def test_the_folder_of_imdb_is_read(acl):
    texts, labels = imdb(str(acl))
    assert texts == ["dull", "bad", "fine <br />", "größte"] and labels.tolist() == [0, 0, 1, 1]
    assert imdb(acl / "train")[0] == ["dull", "fine <br />"]


def test_incomplete_folders_are_refused(acl, tmp_path):
    with pytest.raises(FileNotFoundError, match="has no folders pos and neg, nor a train or test"):
        imdb(tmp_path)
    empty = acl / "test" / "pos" / "1_9.txt"
    empty.write_text(" \n")
    with pytest.raises(ValueError, match=r"1_9\.txt is empty"):
        imdb(acl)
    empty.write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match=r"1_9\.txt is not UTF-8"):
        imdb(acl)
    for file in acl.rglob("neg/*.txt"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"neg has no \.txt files"):
        imdb(acl)


@pytest.mark.parametrize("read", [imdb, rotten_tomatoes])
def test_absent_reviews_are_named_with_the_ways_to_get_them(cache, read):
    with pytest.raises(FileNotFoundError, match=r"imdb is not on this machine: .*\(13\.3 MB"):
        read()


def test_images_of_another_size_are_refused(tmp_path):
    for size, labels, said in [
        (8, [1, 2], r"expected images of 28 × 28, got \(8, 8\)"),
        (28, [1, 10], "expected labels from 0 to 9, got 10"),
    ]:
        images = np.zeros((2, size, size), np.uint8)
        (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
        (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.array(labels, np.uint8)))
        for read in (mnist, fashion_mnist):
            with pytest.raises(ValueError, match=said):
                read(tmp_path, part="train")
    with pytest.raises(ValueError, match=r"fashion_mnist: part must be .* got 'dev'"):
        fashion_mnist(tmp_path, "dev")
    with pytest.raises(FileNotFoundError, match="has no t10k-images-idx3-ubyte, plain or"):
        fashion_mnist(tmp_path, "test")


@pytest.mark.skipif(
    not REAL.is_dir() and not os.environ.get("MINITRANSFORMER_TEST_ONLINE"),
    reason="the reviews are not in the cache (13.3 MB)",
)
def test_the_real_reviews():
    texts, labels = imdb(download=True)
    assert len(texts) == len(set(texts)) == 24904
    assert np.bincount(labels).tolist() == [12432, 12472]
    texts, labels = rotten_tomatoes()
    assert len(texts) == len(set(texts)) == 8530
    assert np.bincount(labels).tolist() == [4265, 4265]
