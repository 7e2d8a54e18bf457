"""Chinese to English, and to pinyin: one model does both, as its input asks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minitransformer.data import SentencePair
from minitransformer.text import BPETokenizer
from minitransformer.training.tasks.pinyin import pinyin_metrics, pinyin_row, split_pairs
from minitransformer.training.tasks.settings import FitSettings
from minitransformer.training.tasks.task import Problem, Recipe, Source
from minitransformer.training.tasks.text_to_text import Row, TextProblem, TextToText, seq2seq

ASK = "english"
TARGET_TOKENS = 2_000
SAMPLES = 10


class TranslationProblem(TextProblem):
    """Measured by the loss of English tokens, by BLEU where sacrebleu is, and by syllables."""

    def __init__(self, pairs: dict[str, list[SentencePair]], *problem: Any) -> None:
        super().__init__(*problem)
        self.pairs = pairs

    def conclude(self, folder: Path) -> dict[str, Any]:
        """The metrics; the first held-out sentences with their translations go into a file."""
        held_out = self.pairs["held_out"]
        english = self.measure([row for row in self.parts["held_out"] if row.ask == ASK])
        metrics: dict[str, Any] = {f"english_{name}": value for name, value in english.items()}
        found = self.translator.translate(ASK, [pair.chinese for pair in held_out])
        metrics |= bleu(found, [pair.english for pair in held_out])
        if self.translator.asks != [ASK]:
            metrics |= pinyin_metrics(self.translator, self.pairs)
        lines = [
            f"{pair.chinese}\n  model      {text.strip()}\n  reference  {pair.english}\n"
            for pair, text in zip(held_out[:SAMPLES], found, strict=False)
        ]
        scratch = folder / "samples.txt.tmp"
        scratch.write_text("\n".join(lines), encoding="utf-8")
        scratch.replace(folder / "samples.txt")
        return {**metrics, "rows": len(held_out)}


class Translation(TextToText):
    name = "translation"
    about = "Chinese sentences in English, and how they are spoken"

    def __init__(self) -> None:
        self.recipes = {"seq2seq": seq2seq(2, 128, 0.1, epochs=12, batch_size=32, lr=2e-3)}

    def problem(self, recipe: Recipe, settings: FitSettings, source: Source) -> Problem:
        pairs = split_pairs(source, settings)
        parts = {name: translation_rows(rows) for name, rows in pairs.items()}
        return TranslationProblem(pairs, self.translator(recipe, parts["train"]), parts, settings)

    def target_tokenizer(self, texts: Sequence[str]) -> BPETokenizer:
        return BPETokenizer.train("\n".join(texts), TARGET_TOKENS)


def translation_rows(pairs: Sequence[SentencePair]) -> list[Row]:
    """A row for the pinyin of each sentence that has it, and one for its English."""
    spoken = [pinyin_row(pair) for pair in pairs if pair.pinyin]
    return [*spoken, *(Row(ASK, pair.chinese, pair.english) for pair in pairs)]


def bleu(found: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """The corpus's BLEU, 0 to 100, where sacrebleu is installed; nothing where it is not.

    Papineni et al. 2002; Post 2018, https://arxiv.org/abs/1804.08771
    """
    try:
        from sacrebleu import corpus_bleu
    except ImportError:
        return {}
    return {"bleu": corpus_bleu([text.strip() for text in found], [list(references)]).score}


TRANSLATION = Translation()
