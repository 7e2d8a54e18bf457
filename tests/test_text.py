"""Tokenizers: every text comes back exactly, training is deterministic, errors are clear."""

import json
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minitransformer.data import text_corpus
from minitransformer.text import (
    BPETokenizer,
    ByteTokenizer,
    CharTokenizer,
    StreamDecoder,
    Tokenizer,
    tokenizer_from_dict,
)
from minitransformer.text.merges import learn_merges
from minitransformer.text.words import split_words

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
CODE = "def f(self):\n    return self.x + 1  # café\n\nclass A:\n\tpass\n" * 3
CHINESE = "我们学习。我们写代码，代码学习我们。" * 3
quick = settings(max_examples=60, deadline=None)


@cache
def tokenizers() -> list[Tokenizer]:
    return [
        ByteTokenizer(),
        CharTokenizer.from_text(CODE),
        BPETokenizer.train(CODE, 300),
        BPETokenizer.train(CHINESE, 290),
        BPETokenizer.train("a", 256),
    ]


any_tokenizer = st.deferred(lambda: st.sampled_from(tokenizers()))
byte_level = st.deferred(lambda: st.sampled_from([t for t in tokenizers() if t.vocab_size >= 256]))


@quick
@given(byte_level, ANY_TEXT)
@example(ByteTokenizer(), "")
@example(BPETokenizer.train(CODE, 300), "")
@example(BPETokenizer.train(CODE, 300), "self" * 100 + " " * 200 + "\n" * 200 + "\r\n\0é😀" * 70)
def test_any_text_comes_back(tokenizer, text):
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int64 and ids.ndim == 1
    assert len(ids) <= len(text.encode())
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids.tolist()) == text
    assert tokenizer.decode_bytes(ids) == text.encode()


@quick
@given(ANY_TEXT.filter(len))
def test_characters_of_a_text_are_its_vocabulary(text):
    tokenizer = CharTokenizer.from_text(text)
    ids = tokenizer.encode(text)
    assert tokenizer.vocab_size == len(set(text))
    assert list(tokenizer.characters) == sorted(set(text))
    assert len(ids) == len(text) and tokenizer.decode(ids) == text


@quick
@given(st.text(max_size=300))
@example(" \t\n  \r\n\n x  12345 é_é!!\ud800" * 5)
@example("x" * 200 + " " * 200 + "." * 200 + "\n" * 200)
def test_words_partition_the_text(text):
    words = split_words(text)
    assert "".join(words) == text
    assert all(1 <= len(word) <= 200 for word in words)


def test_words_of_a_line_of_code():
    assert split_words("if n1 == 2024:\n    self._go(x,  y)\n\n") == [
        *["if", " n", "1", " ==", " 202", "4", ":", "\n    "],
        *["self", ".", "_go", "(", "x", ",", " ", " y", ")", "\n\n"],
    ]


def merges_by_recounting(words: dict[bytes, int], n_merges: int) -> list[tuple[int, int]]:
    """The definition of byte pair encoding, with every pair counted anew for each merge."""
    tokens = {word: list(word) for word in words}
    merges: list[tuple[int, int]] = []
    while len(merges) < n_merges:
        counts: Counter[tuple[int, int]] = Counter()
        for word, ids in tokens.items():
            for pair in pairwise(ids):
                counts[pair] += words[word]
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            break
        for ids in tokens.values():
            for i in range(len(ids) - 1):
                if tuple(ids[i : i + 2]) == best:
                    ids[i : i + 2] = [256 + len(merges)]
        merges.append(best)
    return merges


@quick
@given(
    st.dictionaries(
        st.lists(st.sampled_from(b"abc\xff"), min_size=1, max_size=12).map(bytes),
        st.integers(1, 5),
        max_size=12,
    ),
    st.integers(0, 30),
)
@example({b"aaaaa": 1, b"aaa": 2}, 5)
def test_merges_are_those_of_the_definition(words, n_merges):
    assert learn_merges(words, n_merges) == merges_by_recounting(words, n_merges)


def test_commonest_pair_is_merged_and_ties_go_to_the_lowest_ids():
    assert learn_merges({b"ab": 2, b"cd": 3, b"xy": 2}, 3) == [
        (ord("c"), ord("d")),
        (ord("a"), ord("b")),
        (ord("x"), ord("y")),
    ]
    assert learn_merges({b"ab": 1}, 3) == []


def test_training_text_is_encoded_as_it_was_merged():
    tokenizer = BPETokenizer.train("low low low lower lower", 262)
    pieces = [tokenizer.decode_bytes(i) for i in tokenizer.encode(" low lower")]
    assert pieces == [b" low", b" lower"]
    assert tokenizer.vocab_size == 261, "no pair was left that occurs twice"


TRAIN_AND_PRINT = """
import json
from minitransformer.text import BPETokenizer
text = "def f(self):\\n    return self.x, other.y\\n" * 3 + "we all fall, well, we fell"
print(json.dumps(BPETokenizer.train(text, 320).to_dict()))
"""


def test_training_does_not_depend_on_the_hash_seed():
    results = {
        subprocess.run(
            [sys.executable, "-c", TRAIN_AND_PRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(results) == 1
    assert len(json.loads(results.pop())["merges"]) > 10


def test_the_standard_library_is_compressed_and_comes_back():
    text = text_corpus()[:300_000]
    tokenizer = BPETokenizer.train(text, 1024)
    ids = tokenizer.encode(text)
    assert tokenizer.vocab_size == 1024
    assert len(text.encode()) > 2.5 * len(ids)
    assert tokenizer.decode(ids) == text


@quick
@given(any_tokenizer)
def test_comes_back_from_json(tokenizer):
    restored = tokenizer_from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert type(restored) is type(tokenizer)
    assert repr(restored) == repr(tokenizer)
    assert restored.to_dict() == tokenizer.to_dict()
    text = "def self(x): return"
    np.testing.assert_array_equal(restored.encode(text), tokenizer.encode(text))


@quick
@given(st.data())
def test_streamed_text_is_the_whole_text(data):
    tokenizer = data.draw(any_tokenizer)
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=60))
    stream = StreamDecoder(tokenizer)
    for _ in range(2):
        assert "".join(map(stream.feed, ids)) + stream.finish() == tokenizer.decode(ids)


def test_streaming_holds_back_half_a_character():
    stream = StreamDecoder(ByteTokenizer())
    assert [stream.feed(byte) for byte in "é!".encode()] == ["", "é", "!"]
    assert [stream.feed(list("語".encode()[:2])), stream.finish()] == [
        "",
        "\N{REPLACEMENT CHARACTER}",
    ]
    assert stream.feed([ord("a")]) + stream.finish() == "a"


def test_half_a_character_decodes_to_a_replacement():
    first, _ = ByteTokenizer().encode("é")
    assert ByteTokenizer().decode([ord("a"), first, ord("b")]) == "a\N{REPLACEMENT CHARACTER}b"


LETTERS = CharTokenizer("ab")
REFUSED = {
    "unknown character": (
        lambda: LETTERS.encode("abé"),
        "CharTokenizer.encode: character 'é' (U+00E9) at position 2"
        " is not in the vocabulary of 2 characters",
    ),
    "id too high": (
        lambda: LETTERS.decode([0, 2]),
        "CharTokenizer.decode: id 2 at position 1 is not in the vocabulary of 2 tokens",
    ),
    "negative id": (
        lambda: ByteTokenizer().decode(np.array([-1])),
        "ByteTokenizer.decode: id -1 at position 0 is not in the vocabulary of 256 tokens",
    ),
    "ids of two axes": (
        lambda: ByteTokenizer().decode([[1]]),
        "ByteTokenizer.decode: ids must be one-dimensional, got shape (1, 1)",
    ),
    "ids that are not integers": (
        lambda: ByteTokenizer().decode([1.0]),
        "ByteTokenizer.decode: ids must be integers, got float64",
    ),
    "lone surrogate": (
        lambda: tokenizers()[2].encode("abc\ud800"),
        "BPETokenizer.encode: lone surrogate U+D800 at position 3 is not a character"
        " and has no UTF-8 bytes",
    ),
    "bytes for text": (
        lambda: ByteTokenizer().encode(b"abc"),
        "ByteTokenizer.encode: text must be str, got bytes",
    ),
    "small vocabulary": (
        lambda: BPETokenizer.train("abc", 255),
        "BPETokenizer.train: vocab_size must be at least 256, one token for each byte, got 255",
    ),
    "nothing to train on": (
        lambda: BPETokenizer.train("", 300),
        "BPETokenizer.train: text is empty",
    ),
    "no characters": (
        lambda: CharTokenizer.from_text(""),
        "CharTokenizer.from_text: text is empty",
    ),
    "character twice": (
        lambda: CharTokenizer("aba"),
        "CharTokenizer: characters must all differ, got 'aba'",
    ),
    "merge of a token yet to come": (
        lambda: BPETokenizer([(97, 98), (257, 99)]),
        "BPETokenizer: merge 1 must join two ids below 257 that no merge before it joins,"
        " got 257 and 99",
    ),
    "merge twice": (
        lambda: BPETokenizer([(97, 98), (97, 98)]),
        "BPETokenizer: merge 1 must join two ids below 257 that no merge before it joins,"
        " got 97 and 98",
    ),
    "unknown type": (
        lambda: tokenizer_from_dict({"type": "wordy"}),
        "tokenizer_from_dict: type must be one of bpe, byte, char, gpt2, word, wordpiece,"
        " got 'wordy'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case):
    call, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert str(caught.value) == message
