"""WordTokenizer: which words it learns, what it makes of others, and the text it gives back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.text import StreamDecoder, WordTokenizer, tokenizer_from_dict
from minitransformer.text.word import WORD

TEXTS = ["The cat sat; the cat's mat.", "A dog, a cat: “don’t”!", "老师，您好"]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)


def test_words_are_ordered_by_count_then_by_the_alphabet():
    tokenizer = WordTokenizer.train(["b a b. c a b"], vocab_size=100)
    assert tokenizer.words == ["b", "a", ".", "c"]
    assert WordTokenizer.train(["b a b. c a b"], vocab_size=4).words == ["b", "a"]
    assert WordTokenizer.train(["b a b. c a b"], vocab_size=100, min_count=2).words == ["b", "a"]


def test_words_of_a_sentence():
    assert WORD.findall("don't 'quote' it's—3.5%, x_1 老师an") == [
        *["don't", "'", "quote", "'", "it's", "—", "3", ".", "5", "%", ",", "x_1", "老", "师", "an"]
    ]


def test_unknown_words_and_padding():
    tokenizer = WordTokenizer.train(TEXTS, 100)
    ids = tokenizer.encode("THE dog's CAT.")
    assert ids.dtype == np.int64 and ids.shape == (4,)
    assert ids.tolist()[1] == tokenizer.unk_id == 1
    assert tokenizer.decode([*ids, 0, 0]) == "the <unk> cat."
    assert tokenizer.encode("").shape == (0,)
    assert tokenizer.decode([]) == tokenizer.decode([0]) == ""


@given(ANY_TEXT.filter(WORD.search))
def test_the_words_of_any_text_come_back(text):
    tokenizer = WordTokenizer.train([text], 10_000)
    ids = tokenizer.encode(text)
    assert ids.min() >= 2 and set(ids) == set(range(2, tokenizer.vocab_size))
    assert np.array_equal(tokenizer.encode(tokenizer.decode(ids)), ids)
    again = tokenizer_from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert np.array_equal(again.encode(text), ids)
    stream = StreamDecoder(tokenizer)
    assert "".join(map(stream.feed, ids)).removeprefix(" ") == tokenizer.decode(ids)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: WordTokenizer.train("one text", 9), TypeError, "texts must be a list"),
        (lambda: WordTokenizer.train([b"x"], 9), TypeError, "train: text must be str, got bytes"),
        (lambda: WordTokenizer.train(["x"], 2), ValueError, "vocab_size must be at least 3.* 2"),
        (lambda: WordTokenizer.train([], 9), ValueError, "no word occurs 1 times in texts"),
        (lambda: WordTokenizer.train(["x"], 9, 2), ValueError, "no word occurs 2 times"),
        (lambda: WordTokenizer.train(["\ud800"], 9), ValueError, r"train: lone surrogate U\+D800"),
        (lambda: WordTokenizer(["x"]).encode("a\udfff"), ValueError, "surrogate .* at position 1"),
        (lambda: WordTokenizer(["x"]).decode([3]), ValueError, "id 3 at position 0"),
        (lambda: WordTokenizer(["x", "y", "x"]), ValueError, "token 4 is 'x', as is token 2"),
        (lambda: WordTokenizer(["<pad>"]), ValueError, "token 2 is '<pad>', as is token 0"),
        (lambda: WordTokenizer([3]), ValueError, "token 2 should be a text .*, got 3"),
    ],
)
def test_bad_input_is_named(act, error, message):
    with pytest.raises(error, match=message):
        act()
