"""BERT's and GPT-2's tokenizers give the ids of the `tokenizers` library, on real files."""

import json
import re
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from real_data import folder_of

from minitransformer import data
from minitransformer.text import GPT2Tokenizer, WordPieceTokenizer, tokenizer_from_dict
from minitransformer.text.basic import basic_words
from minitransformer.text.gpt2 import byte_characters, word_pattern

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
ODD_PARTS = (
    "[MASK]|[CLS| |\n|\t |'s|don't|café|İΣς|ｆｕｌｌ|老师|東京|한국어|²Ⅻ½|##a"
    "|\u0301|\x1c\x85|\u2028|\u3000|\ufffd"
)
ODD_TEXT = st.lists(
    ANY_TEXT | st.sampled_from(ODD_PARTS.split("|")) | st.just("x" * 101), max_size=12
).map("".join)


@cache
def bert():
    """(ours, the reference)."""
    library = pytest.importorskip("tokenizers")
    vocab = folder_of("minilm") / "vocab.txt"
    reference = library.BertWordPieceTokenizer(str(vocab), lowercase=True)
    reference._tokenizer.decoder = library.decoders.WordPiece(cleanup=False)
    return WordPieceTokenizer.from_folder(vocab.parent), reference


@cache
def gpt2():
    library = pytest.importorskip("tokenizers")
    folder = folder_of("gpt2_tokenizer")
    files = [str(folder / name) for name in ("encoder.json", "vocab.bpe")]
    return GPT2Tokenizer.from_folder(folder), library.ByteLevelBPETokenizer(*files)


@cache
def sentences():
    """Over 10,000 real ones: English and Chinese, with reviews' tags and misprints."""
    pairs = folder_of("sentence_pairs") / "sentences.json"
    reviews = folder_of("imdb") and data.imdb()[0][::90]
    found = [*data.rotten_tomatoes()[0], *re.split(r"(?<=[.!?]) ", " ".join(reviews))]
    for pair in json.loads(pairs.read_text(encoding="utf-8")):
        found += [pair["chinese"], pair["translation"]["en"]]
    return found[::2]


@pytest.mark.parametrize("both", [bert, gpt2])
def test_real_sentences_have_the_reference_s_ids(both):
    ours, reference = both()
    assert len(sentences()) > 10_000
    different = 0
    for text, expected in zip(sentences(), reference.encode_batch(sentences()), strict=True):
        ids = ours.encode(text).tolist()
        different += ids != expected.ids
        kept = [i for i in ids if both is gpt2 or i not in (ours.cls_id, ours.sep_id)]
        different += ours.decode(ids) != reference.decode(kept, skip_special_tokens=False)
    assert different == 0


@given(ODD_TEXT)
def test_any_text_has_the_reference_s_word_pieces(text):
    ours, reference = bert()
    text = "".join(character for character in text if not disputed(character))
    assert ours.encode(text).tolist() == reference.encode(text).ids
    pair = text[len(text) // 3 :]
    expected = reference.encode(text, pair)
    ids = ours.encode(text, pair)
    assert ids.tolist() == expected.ids
    if "[SEP]" not in text:
        assert ours.segments(ids).tolist() == expected.type_ids


@given(ODD_TEXT)
@example("a  b \n\n c\u3000 \u3000d\x1c e" + " " * 5)
def test_any_text_has_the_reference_s_byte_pairs_and_comes_back(text):
    ours, reference = gpt2()
    ids = ours.encode(text)
    assert ids.tolist() == reference.encode(text).ids
    assert ours.decode(ids) == text


@cache
def disputed(character):
    """The library's tables are of Unicode 8, Python's newer: newer marks and signs differ."""
    _, reference = bert()
    parts = reference._tokenizer
    word = f"a{character}a"
    cut = parts.pre_tokenizer.pre_tokenize_str(parts.normalizer.normalize_str(word))
    return [piece for piece, _ in cut] != basic_words(word, lower_case=True)


@pytest.mark.slow
def test_what_is_disputed_is_rare():
    ours, _ = bert()
    surrogates = range(0xD800, 0xE000)
    codes = (code for code in range(sys.maxunicode + 1) if code not in surrogates)
    newer = {chr(code) for code in codes if disputed(chr(code))}
    assert len(newer) < 1000
    assert not newer & set("".join(ours.vocab)), "BERT knows none of them"


@given(ANY_TEXT)
def test_gpt2_s_pattern_cuts_anywhere_but_loses_nothing(text):
    assert "".join(word_pattern().findall(text)) == text


def test_gpt2_s_pattern():
    assert word_pattern().findall("I'll pay  $12²,x_y\n\n  'Tis café") == [
        *["I", "'ll", " pay", " ", " $", "12²", ",", "x", "_", "y", "\n\n ", " '", "Tis", " café"]
    ]
    assert len(set(byte_characters())) == 256
    assert byte_characters()[ord(" ")] == "Ġ" and byte_characters()[ord("a")] == "a"


VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "aff", "!", "人"]


def test_words_are_cut_into_their_longest_pieces():
    tokenizer = WordPieceTokenizer(VOCAB)
    pieces = tokenizer.encode("Unaffable! 人人 unx", special=False)
    assert [VOCAB[i] for i in pieces] == ["un", "##aff", "##able", "!", "人", "人", "[UNK]"]
    assert tokenizer.decode(pieces) == "unaffable ! 人 人 [UNK]"
    assert tokenizer.encode("").tolist() == [tokenizer.cls_id, tokenizer.sep_id]
    cased = WordPieceTokenizer(VOCAB, lower_case=False)
    assert cased.encode("UN un", special=False).tolist() == [1, 5]
    assert tokenizer_from_dict(cased.to_dict()).lower_case is False


def test_too_long_texts_lose_their_ends_but_not_their_special_tokens():
    tokenizer = WordPieceTokenizer(VOCAB)
    ids = tokenizer.encode("un un un aff", "! aff", max_length=7)
    assert [VOCAB[i] for i in ids] == ["[CLS]", "un", "un", "[SEP]", "!", "aff", "[SEP]"]
    assert tokenizer.segments(ids).tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert len(tokenizer.encode("un un un", max_length=4)) == 4
    both = np.array([[2, 5, 3, 0, 0], [2, 5, 3, 9, 3]])
    assert tokenizer.segments(both).tolist() == [[0, 0, 0, 0, 0], [0, 0, 0, 1, 1]]


BYTES = {character: i for i, character in enumerate(byte_characters())}


def write(folder, **files):
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda f: WordPieceTokenizer.from_folder(f), FileNotFoundError, r"no .*vocab\.txt"),
        (lambda f: WordPieceTokenizer.from_folder(write(f, vocab_txt=b"a\xff")), ValueError,
         r"vocab\.txt is damaged: byte 1 is not UTF-8"),
        (lambda f: WordPieceTokenizer.from_folder(write(f, vocab_txt=b"a\n\nb")), ValueError,
         "token 1 should be a text that is not empty"),
        (lambda f: WordPieceTokenizer(["a", "a"]), ValueError, "token 1 is 'a', as is token 0"),
        (lambda f: WordPieceTokenizer(["a", "[PAD]", "[CLS]", "[SEP]"]), ValueError,
         r"WordPieceTokenizer: vocab has no \[UNK\], \[MASK\]"),
        (lambda f: WordPieceTokenizer(VOCAB).encode("x\ud800"), ValueError, "lone surrogate"),
        (lambda f: WordPieceTokenizer(VOCAB).encode("x", max_length=1), ValueError, "no room"),
        (lambda f: WordPieceTokenizer(VOCAB).encode(3), TypeError, "text must be str, got int"),
        (lambda f: WordPieceTokenizer(VOCAB).decode([11]), ValueError, "id 11 at position 0"),
        (lambda f: GPT2Tokenizer.from_folder(f), FileNotFoundError,
         r"has no encoder\.json or vocab\.json"),
        (lambda f: GPT2Tokenizer.from_folder(write(f, vocab_json=b"{")), ValueError, None),
        (lambda f: GPT2Tokenizer.from_folder(write(f, vocab_json=b"[]", merges_txt=b"")),
         ValueError, r"vocab\.json should hold a JSON object, got list"),
        (lambda f: GPT2Tokenizer({"a": 0, "b": 2}, []), ValueError, "0 … its size - 1"),
        (lambda f: GPT2Tokenizer({"a": 0}, []), ValueError, "vocab has no 'Ā'"),
        (lambda f: GPT2Tokenizer({"☃": 0}, []), ValueError, "no byte is written '☃'"),
        (lambda f: GPT2Tokenizer(BYTES, [["a"]]), ValueError, "merge 0 must be two tokens"),
        (lambda f: GPT2Tokenizer(BYTES, [["a", "b"]]), ValueError, "vocab has no 'ab'"),
        (lambda f: GPT2Tokenizer(BYTES, []).encode("\udc00"), ValueError, "lone surrogate"),
    ],
)  # fmt: skip
def test_bad_input_is_named(tmp_path, act, error, message):
    with pytest.raises(error, match=message):
        act(tmp_path)


def test_gpt2_from_other_names_and_from_a_checkpoint(tmp_path):
    vocab = {**BYTES, "ab": 256, "abc": 257, "<|endoftext|>": 258}
    merges = b"#version: 0.2\r\na b\r\nab c\r\n"
    write(tmp_path, vocab_json=json.dumps(vocab).encode(), merges_txt=merges)
    tokenizer = GPT2Tokenizer.from_folder(tmp_path)
    assert tokenizer.end_id == 258
    again = tokenizer_from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert again.encode("abcab").tolist() == tokenizer.encode("abcab").tolist() == [257, 256]
