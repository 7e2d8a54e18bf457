"""Chinese text to pinyin with tones, a syllable a character: 你好 to `ni3 hao3`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minitransformer.data import SentencePair, sentence_pairs, split
from minitransformer.text import WordTokenizer
from minitransformer.training.tasks.readings import Lookup, syllable_accuracy
from minitransformer.training.tasks.settings import FitSettings
from minitransformer.training.tasks.task import Problem, Recipe, Source
from minitransformer.training.tasks.text_to_text import Row, TextProblem, TextToText, seq2seq

ASK = "pinyin"


class PinyinProblem(TextProblem):
    """Measured by syllables, beside looking up each character alone."""

    def __init__(self, pairs: dict[str, list[SentencePair]], *problem: Any) -> None:
        super().__init__(*problem)
        self.pairs = pairs

    def conclude(self, folder: Path) -> dict[str, Any]:
        measured = {**self.evaluate("held_out"), **pinyin_metrics(self.translator, self.pairs)}
        return {**measured, "rows": len(self.pairs["held_out"])}


class Pinyin(TextToText):
    name = ASK
    about = "how Chinese sentences are spoken"

    def __init__(self) -> None:
        self.recipes = {"seq2seq": seq2seq(2, 128, 0.1, epochs=20, batch_size=32, lr=2e-3)}

    def problem(self, recipe: Recipe, settings: FitSettings, source: Source) -> Problem:
        pairs = split_pairs(source, settings)
        parts = {name: [pinyin_row(pair) for pair in rows] for name, rows in pairs.items()}
        return PinyinProblem(pairs, self.translator(recipe, parts["train"]), parts, settings)

    def target_tokenizer(self, texts: Sequence[str]) -> WordTokenizer:
        return WordTokenizer.train(texts, vocab_size=10_000)


def split_pairs(source: Source, settings: FitSettings) -> dict[str, list[SentencePair]]:
    """A fifth is held out, no sentence of which is trained on; with patience, a tenth validates."""
    every = sentence_pairs(source.root, download=source.download)[: settings.limit]
    (train,), (held_out,) = split(every, held_out=0.2, seed=settings.seed)
    if not settings.patience:
        return {"train": train, "held_out": held_out}
    (train,), (validation,) = split(train, held_out=0.1, seed=settings.seed)
    return {"train": train, "validation": validation, "held_out": held_out}


def pinyin_row(pair: SentencePair) -> Row:
    if not pair.pinyin:
        raise ValueError("pinyin: the sentences have no pinyin to learn from; leave out --root")
    return Row(ASK, pair.chinese, " ".join(pair.pinyin))


def pinyin_metrics(translator: Any, pairs: dict[str, list[SentencePair]]) -> dict[str, Any]:
    """Syllables right, of all and of characters that have several readings in training."""
    lookup, held_out = Lookup(pairs["train"]), pairs["held_out"]
    texts = [pair.chinese for pair in held_out]
    found = {
        "": [text.split() for text in translator.translate(ASK, texts)],
        "lookup_": [lookup.read(text) for text in texts],
    }
    metrics: dict[str, Any] = {}
    for who, syllables in found.items():
        metrics[f"{who}syllables"], count = syllable_accuracy(syllables, held_out)
        metrics[f"{who}several_readings"], several = syllable_accuracy(
            syllables, held_out, lookup.several
        )
    return {**metrics, "syllable_count": count, "several_readings_count": several}


PINYIN = Pinyin()
