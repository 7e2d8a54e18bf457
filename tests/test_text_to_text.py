"""From text to text: vocabularies, what is asked, the lookup beside it, and a whole run."""

import json

import numpy as np
import pytest
from rich.console import Console

import minitransformer as mt
from minitransformer.cli import main
from minitransformer.data import SentencePair
from minitransformer.training.fit_command import fit_command
from minitransformer.training.prediction import load_predictor
from minitransformer.training.tasks import FitSettings, Source, find_task, pinyin
from minitransformer.training.tasks.readings import Lookup, syllable_accuracy
from minitransformer.training.tasks.text_to_text import END, PAD, START

QUIET = Console(quiet=True)
WHO = {"我": ("wo3", "I"), "你": ("ni3", "you"), "他": ("ta1", "he")}
DOES = {"看": ("kan4", "see"), "爱": ("ai4", "love"), "找": ("zhao3", "seek")}
WHAT = {"书": ("shu1", "books"), "水": ("shui3", "water"), "花": ("hua1", "flowers")}


def made_up():
    """Three characters each, with a comma now and then: a syllable a character."""
    every = [(w, d, t) for w in WHO.items() for d in DOES.items() for t in WHAT.items()]
    return [
        SentencePair(
            "，".join("".join(c for c, _ in words) for _ in range(times)),
            " ".join(e for _, (_, e) in words * times),
            tuple(s for _, (s, _) in words * times),
        )
        for times in (1, 2, 3)
        for words in every
    ]


@pytest.fixture
def pairs(monkeypatch):
    monkeypatch.setattr(pinyin, "sentence_pairs", lambda root, download: made_up())


def problem(name, **settings):
    task = find_task(name)[0]
    settings = FitSettings(**{"batch_size": 16, **settings})
    mt.manual_seed(0)
    return task.problem(task.recipe(None)[1], settings, Source())


def test_lookup_takes_the_commonest_reading():
    rows = [
        SentencePair("银行", "", ("yin2", "hang2")),
        SentencePair("不行！", "", ("bu4", "xing2")),
        SentencePair("行，行", "", ("xing2", "xing2")),
    ]
    lookup = Lookup(rows)
    assert lookup.read("行不？天") == ["xing2", "bu4", "?"]
    assert lookup.several == {"行"}
    found = [lookup.read(pair.chinese) for pair in rows]
    assert syllable_accuracy(found, rows) == (5 / 6, 6)
    assert syllable_accuracy(found, rows, lookup.several) == (3 / 4, 4)
    assert syllable_accuracy([["yin2"], [], ["xing2"] * 5], rows) == (3 / 6, 6)


def test_a_sentence_needs_a_syllable_a_character():
    with pytest.raises(ValueError, match="a syllable for each of 2 characters of '银行', got 1"):
        Lookup([SentencePair("银行", "", ("yin2",))])


def test_batches_are_padded_and_the_answer_is_framed(pairs):
    found = problem("pinyin")
    _, target = next(found.batches)
    assert (target[:, 0] == START).all() and ((target == END).sum(axis=1) == 1).all()
    ends = (target == END).argmax(axis=1)
    assert all((row[end + 1 :] == PAD).all() for row, end in zip(target, ends, strict=True))
    translator = found.translator
    ids = translator.target_ids("wo3 kan4")
    assert translator._text(ids.tolist()) == "wo3 kan4"
    assert translator.source.decode(translator.source_ids("pinyin", "我看")).startswith("pinyin:")


def test_training_forgets_some_source_tokens_and_no_padding(pairs):
    found = problem("pinyin")
    source = np.tile(np.array([[5, 6, 7, PAD]]), (500, 1))
    changed, _ = found.forget((source, source), np.random.default_rng(0))
    lost = changed != source
    assert (changed[lost] == found.translator.source.unk_id).all()
    assert not lost[:, 3].any() and 0.03 < lost[:, :3].mean() < 0.07


def test_no_held_out_sentence_is_trained_on(pairs):
    found = problem("translation", patience=2)
    parts = {name: {row.source for row in rows} for name, rows in found.parts.items()}
    assert len(parts["held_out"]) == 16 and not parts["held_out"] & parts["train"]
    assert not parts["validation"] & (parts["train"] | parts["held_out"])
    asks = [row.ask for row in found.parts["train"]]
    assert asks.count("pinyin") == asks.count("english") == len(parts["train"])


def test_the_loss_of_a_part_is_of_its_tokens(pairs):
    """Batches of unequal lengths count by their tokens, not each as one."""
    found = problem("pinyin", batch_size=7)
    rows = found.parts["held_out"]
    whole = found.measure(rows)
    found.settings = FitSettings(batch_size=len(rows))
    assert found.measure(rows) == pytest.approx(whole, rel=1e-5)


def test_fit_pinyin_and_predict(tmp_path, pairs, capsys):
    options = {"epochs": 25, "batch_size": 8, "lr": 3e-3}
    metrics = fit_command(QUIET, "pinyin", None, options, Source(), tmp_path / "run", None)
    assert metrics["lookup_syllables"] == 1 and metrics["syllables"] > 0.6
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["rows"] == 16
    with pytest.raises(SystemExit):
        main(["predict", str(tmp_path / "run"), "我找花", "pinyin: 你看水"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split("\t")[0].split()[0] == "wo3" and len(printed) == 2
    with pytest.raises(ValueError, match="predict: expected a text, got 'pinyin: '"):
        list(load_predictor(tmp_path / "run").predict(["pinyin: "]))


def test_one_model_does_both_as_it_is_asked(tmp_path, pairs):
    options = {"epochs": 1, "batch_size": 16, "seed": 1}
    metrics = fit_command(QUIET, "translation", None, options, Source(), tmp_path / "run", None)
    assert {"english_loss", "syllables", "lookup_syllables"} <= metrics.keys()
    samples = (tmp_path / "run" / "samples.txt").read_text(encoding="utf-8")
    assert samples.count("reference") == 10
    predictor = load_predictor(tmp_path / "run")
    assert predictor.asked("pinyin: 我") == ("pinyin", "我")
    assert predictor.asked("我") == ("english", "我")
    assert predictor.asked("他：我: 你") == ("english", "他：我: 你")


def test_pairs_of_ones_own_have_no_pinyin(tmp_path):
    file = tmp_path / "pairs.tsv"
    file.write_text("".join(f"{p.chinese}\t{p.english}\n" for p in made_up()), encoding="utf-8")
    options = {"epochs": 1}
    metrics = fit_command(QUIET, "translation", None, options, Source(file), tmp_path / "run", None)
    assert "english_loss" in metrics and "syllables" not in metrics
    with pytest.raises(ValueError, match="no pinyin to learn from; leave out --root"):
        fit_command(QUIET, "pinyin", None, options, Source(file), tmp_path / "other", None)


def test_bleu_is_100_for_the_reference_itself():
    pytest.importorskip("sacrebleu")
    from minitransformer.training.tasks.translation import bleu

    texts = ["the cat sits on the mat", "there is a dog in the garden"]
    assert bleu([f" {text}" for text in texts], texts)["bleu"] == pytest.approx(100)
    assert bleu(["a b c d e", "f g h i j"], texts)["bleu"] < 5
