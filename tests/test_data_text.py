"""Text corpora and batches of token windows: what is read, what is refused, what resumes."""

import errno
import json
import os
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitransformer.data import TokenBatches, split_tokens, text_corpus, validation_batches

quick = settings(max_examples=60, deadline=None)


def test_the_standard_library_is_always_there():
    text = text_corpus()
    assert text == text_corpus()
    assert len(text) > 1_000_000
    library = Path(json.__file__).parent.parent
    first, last = (sorted(library.glob("*.py"))[i].read_bytes().decode() for i in (0, -1))
    assert text.startswith(first) and text.endswith(last)


def test_a_file_is_read_as_it_is(tmp_path):
    file = tmp_path / "poem.txt"
    file.write_bytes("\ufeffé\r\n\tend".encode())
    assert text_corpus(file) == text_corpus(str(file)) == "é\r\n\tend"


def test_a_folder_is_read_in_order_without_hidden_and_binary_files(tmp_path):
    for name, content in {
        "b.txt": b"second",
        "a/z.md": b"first",
        "b.d/no_suffix": b"third?",
        "a/.hidden": b"no",
        ".git/config": b"no",
        "picture.png": b"\x89PNG\0\0",
        "c.txt": b"fourth",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    assert text_corpus(tmp_path) == "first\nthird?\nsecond\nfourth"


def refusal(path, error) -> str:
    with pytest.raises(error) as caught:
        text_corpus(path)
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b" \n\t\n"])
def test_refuses_a_file_without_text(tmp_path, content):
    file = tmp_path / "blank.txt"
    file.write_bytes(content)
    expected = f"text_corpus: {file} is empty, or nothing but white space"
    assert refusal(file, ValueError) == expected


def test_refuses_binary_files_by_name_and_byte(tmp_path):
    nul, latin = tmp_path / "nul.txt", tmp_path / "latin.txt"
    nul.write_bytes(b"abc\0def")
    assert refusal(nul, ValueError) == f"text_corpus: {nul} is binary, not text: byte 3 is NUL"
    nul.unlink()
    latin.write_bytes("a caf\xe9 ".encode("latin-1"))
    expected = f"text_corpus: {latin} is not UTF-8: byte 5 is 0xE9 (invalid continuation byte)"
    assert refusal(latin, ValueError) == expected
    assert refusal(tmp_path, ValueError) == expected, "within a folder too"


def test_refuses_a_folder_without_text_files(tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\0")
    assert refusal(tmp_path, ValueError) == f"text_corpus: {tmp_path} has no text files in it"


def test_refuses_a_path_that_is_not_there(tmp_path):
    absent = tmp_path / "absent.txt"
    expected = f"text_corpus: cannot read {absent}: No such file or directory"
    assert refusal(absent, FileNotFoundError) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_refuses_what_cannot_be_read(tmp_path):
    (tmp_path / "good.txt").write_text("good")
    broken = tmp_path / "broken.txt"
    broken.symlink_to(tmp_path / "gone")
    expected = f"text_corpus: cannot read {broken}: No such file or directory"
    assert refusal(tmp_path, FileNotFoundError) == expected
    broken.unlink()
    broken.symlink_to(broken)
    expected = f"text_corpus: cannot read {broken}: {os.strerror(errno.ELOOP)}"
    assert refusal(broken, OSError) == expected


def test_refuses_a_subfolder_that_may_not_be_listed(tmp_path, monkeypatch):
    """A superuser may list any folder, so the system's refusal is played by `os.scandir`."""
    (tmp_path / "good.txt").write_text("good")

    def scandir(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("os.scandir", scandir)
    expected = f"text_corpus: cannot read {tmp_path}: Permission denied"
    assert refusal(tmp_path, PermissionError) == expected


def test_the_last_tenth_validates():
    training, validation = split_tokens(np.arange(100))
    np.testing.assert_array_equal(training, np.arange(90))
    np.testing.assert_array_equal(validation, np.arange(90, 100))


@quick
@given(st.lists(st.integers(0, 9)), st.floats(0, 1, exclude_max=True))
def test_a_split_loses_nothing(tokens, fraction):
    training, validation = split_tokens(tokens, fraction)
    assert [*training, *validation] == tokens
    assert len(validation) == round(fraction * len(tokens))


sizes = st.tuples(st.integers(1, 5), st.integers(1, 20), st.integers(1, 200)).map(
    lambda size: {"batch_size": size[0], "block_size": size[1], "length": size[1] + size[2]}
)


@quick
@given(sizes, st.sampled_from([np.uint16, np.int32, np.int64]), st.integers(0, 2**63))
def test_targets_are_the_inputs_one_token_on(size, dtype, seed):
    tokens = np.arange(size.pop("length"), dtype=dtype)
    for inputs, targets in islice(TokenBatches(tokens, **size, seed=seed), 3):
        assert inputs.shape == targets.shape == (size["batch_size"], size["block_size"])
        assert inputs.dtype == targets.dtype == np.int64
        np.testing.assert_array_equal(inputs, inputs[:, :1] + np.arange(size["block_size"]))
        np.testing.assert_array_equal(targets, inputs + 1)


def test_windows_begin_anywhere_and_end_at_the_last_token():
    batches = TokenBatches(np.arange(10), batch_size=400, block_size=4, seed=1)
    inputs, targets = next(batches)
    assert set(inputs[:, 0]) == set(range(6))
    assert targets.max() == 9


@quick
@given(st.integers(0, 2**64), st.integers(0, 5), st.integers(0, 5))
def test_a_stream_resumes_exactly(seed, drawn, also_drawn):
    tokens = np.arange(1000)
    size = {"batch_size": 3, "block_size": 7}
    batches = TokenBatches(tokens, **size, seed=seed)
    for _ in islice(batches, drawn):
        pass
    resumed = TokenBatches(tokens, **size, seed=seed + 1)
    for _ in islice(resumed, also_drawn):
        pass
    resumed.load_state_dict(json.loads(json.dumps(batches.state_dict())))
    np.testing.assert_array_equal(list(islice(batches, 3)), list(islice(resumed, 3)))


def test_batches_and_seeds_differ():
    streams = [
        TokenBatches(np.arange(10**6), batch_size=32, block_size=1, seed=seed) for seed in (0, 1, 2)
    ]
    starts = [inputs.ravel() for stream in streams for inputs, _ in islice(stream, 50)]
    assert len(np.unique(starts)) > 0.99 * 3 * 50 * 32, "no stream repeats another, or itself"


@quick
@given(sizes, st.none() | st.integers(1, 4))
def test_validation_windows_are_spread_and_never_overlap(size, max_batches):
    length = size.pop("length")
    tokens = np.arange(length)
    batches = list(validation_batches(tokens, **size, max_batches=max_batches))
    inputs = np.concatenate([inputs for inputs, _ in batches])
    targets = np.concatenate([targets for _, targets in batches])

    block_size, fit = size["block_size"], (length - 1) // size["block_size"]
    assert len({len(inputs) for inputs, _ in batches}) == 1, "batches of equal size"
    assert len(batches[0][0]) == min(size["batch_size"], fit)
    assert len(batches) == min(max_batches or fit, max(1, fit // size["batch_size"]))
    np.testing.assert_array_equal(inputs, inputs[:, :1] + np.arange(block_size))
    np.testing.assert_array_equal(targets, inputs + 1)
    assert (np.diff(inputs[:, 0]) >= block_size).all()
    assert inputs[0, 0] == 0
    assert len(inputs) == 1 or targets[-1, -1] == length - 1, "from the first token to the last"

    again = list(validation_batches(tokens, **size, max_batches=max_batches))
    np.testing.assert_array_equal(batches, again)


def batches_of(**changes):
    return TokenBatches(**{"tokens": range(100), "batch_size": 2, "block_size": 8} | changes)


REFUSED = {
    "short text": (
        lambda: batches_of(tokens=range(40), block_size=64),
        "TokenBatches: text has 40 tokens but block_size 64 needs at least 65",
    ),
    "short validation text": (
        lambda: validation_batches(range(8), batch_size=2, block_size=8),
        "validation_batches: text has 8 tokens but block_size 8 needs at least 9",
    ),
    "no tokens": (
        lambda: batches_of(tokens=[]),
        "TokenBatches: text has 0 tokens but block_size 8 needs at least 9",
    ),
    "no rows": (
        lambda: batches_of(batch_size=0),
        "TokenBatches: batch_size must be at least 1, got 0",
    ),
    "no batches": (
        lambda: validation_batches(range(9), batch_size=2, block_size=8, max_batches=0),
        "validation_batches: max_batches must be at least 1, got 0",
    ),
    "tokens of two axes": (
        lambda: batches_of(tokens=np.zeros((3, 4), np.int32)),
        "TokenBatches: tokens must be a one-dimensional array of integers, got int32 (3, 4)",
    ),
    "tokens that are not integers": (
        lambda: split_tokens(np.zeros(4)),
        "split_tokens: tokens must be a one-dimensional array of integers, got float64 (4,)",
    ),
    "everything to validate": (
        lambda: split_tokens(range(4), validation=1),
        "split_tokens: validation is a fraction from 0 to less than 1, got 1",
    ),
    "negative seed": (
        lambda: batches_of(seed=-1),
        "TokenBatches: seed must be from 0 to below 2**128, got -1",
    ),
    "state of another text": (
        lambda: batches_of().load_state_dict(batches_of(tokens=range(99)).state_dict()),
        "TokenBatches.load_state_dict: tokens is 100, but 99 in the saved state:"
        " the batches would not go on as before",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case):
    call, message = REFUSED[case]
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message
