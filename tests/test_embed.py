"""Sentences as points: by a small BERT of our own, by MiniLM, and from the command line."""

import json

import numpy as np
import pytest
from real_data import folder_of

import minitransformer as mt
from minitransformer.cli import main
from minitransformer.models import BERT, BERTConfig, SentenceEncoder
from minitransformer.models.sentences import closest_pairs, nearest
from minitransformer.text import WordPieceTokenizer

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", "##a", "##b"]
LINES = ["a b c", "d e f g h a b c d e f g", "a b c", "", "h"]


@pytest.fixture
def folder(tmp_path):
    """A BERT of random weights, as Hugging Face would write it."""
    mt.manual_seed(0)
    model = BERT(BERTConfig(len(VOCAB), 8, 2, 2, 16, max_position_embeddings=9))
    for p in model.parameters():
        mt.nn.init.normal_(p, std=0.7)
    settings = {"model_type": "bert", **model.config.to_dict()}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
    mt.save(tmp_path / "model.safetensors", model.state_dict())
    return tmp_path


@pytest.fixture
def lines(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return file


def test_points_do_not_depend_on_their_batch(folder):
    encoder = SentenceEncoder.from_pretrained(folder)
    points = encoder.encode(LINES, batch_size=2)
    assert points.shape == (5, 8) and points.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-6)
    for text, point in zip(LINES, points, strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], point, atol=1e-6)
    assert encoder.encode([]).shape == (0, 8)


@pytest.mark.parametrize("rows", [1, 2, 70, 150])
def test_pairs_are_those_of_the_whole_table(rows):
    points = np.random.default_rng(0).normal(size=(rows, 5))
    table = points @ points.T
    every = sorted(
        ((table[i, j], i, j) for i in range(rows) for j in range(i + 1, rows)), reverse=True
    )
    found = closest_pairs(points, 10)
    assert [pair[1:] for pair in found] == [pair[1:] for pair in every[:10]]
    near = nearest(points, points[0], 10)
    assert [row for _, row in near] == np.argsort(-table[0]).tolist()[:10]


def test_the_command_prints_pairs_and_writes_points(folder, lines, tmp_path, capsys):
    for name in ("points.npy", "points.safetensors"):
        main_ok(["embed", str(folder), str(lines), "--out", str(tmp_path / name)])
    printed = capsys.readouterr().out
    assert "4 points of 8 numbers written to" in printed
    assert "1.000  a b c\n       a b c\n" in printed
    written = np.load(tmp_path / "points.npy")
    assert np.array_equal(written, mt.load(tmp_path / "points.safetensors")["embeddings"])
    kept = [line for line in LINES if line]
    expected = SentenceEncoder.from_pretrained(folder).encode(kept)
    np.testing.assert_allclose(written, expected, atol=1e-6)
    main_ok(["embed", str(folder), str(lines), "--like", "h"])
    assert capsys.readouterr().out.startswith("1.000  h\n")


def main_ok(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0


def shorter_vocabulary(folder):
    (folder / "vocab.txt").write_text("\n".join(VOCAB[:-1]))


def other_pooling(folder):
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')


@pytest.mark.parametrize(
    ("spoil", "arguments", "message"),
    [
        (shorter_vocabulary, [], "the vocabulary has 14 tokens, but the weights are for 15"),
        (other_pooling, [], "asks for another pooling than the mean"),
        (lambda f: (f / "vocab.txt").unlink(), [], "there is no"),
        (lambda f: (f / "lines.txt").write_bytes(b"\xff"), [], "is not UTF-8: byte 0"),
        (lambda f: (f / "lines.txt").write_bytes(b"\n \n"), [], "has no line of text"),
        (lambda f: (f / "lines.txt").unlink(), [], "there is no file"),
        (lambda f: None, ["--out", "x.csv"], "should end in .npy or .safetensors, got x.csv"),
    ],
)
def test_bad_input_is_named(folder, lines, capsys, spoil, arguments, message):
    spoil(folder)
    with pytest.raises(SystemExit) as ended:
        main(["embed", str(folder), str(lines), *arguments])
    assert ended.value.code == 1
    assert message in capsys.readouterr().err


def test_minilm_knows_what_means_the_same():
    encoder = SentenceEncoder.from_pretrained(folder_of("minilm"))
    texts = ["A cat sleeps on the sofa.", "The stock market fell.", "A kitten naps on a couch."]
    points = encoder.encode(texts)
    assert [pair[1:] for pair in closest_pairs(points, 1)] == [(0, 2)]
    assert points[0] @ points[2] > 0.5 > 0.2 > points[0] @ points[1]


def test_a_smaller_vocabulary_still_spells():
    vocab = [*VOCAB, "abc", "##c", "人"]
    tokenizer = WordPieceTokenizer(vocab).reduced(["abc 人 abc"], vocab_size=17)
    assert tokenizer.vocab == [*VOCAB, "abc", "##c"]
    assert tokenizer.decode(tokenizer.encode("abc aba")) == "abc aba"
    with pytest.raises(ValueError, match=r"should be at least 16, .*, got 9"):
        tokenizer.reduced(["abc"], 9)
