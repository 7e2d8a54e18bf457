"""From text to text: what is asked stands before the input, as in `pinyin: …`, T5's way."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from minitransformer.data import DataLoader, pad_sequences
from minitransformer.graph import no_grad
from minitransformer.models.seq2seq import Seq2Seq, Seq2SeqConfig
from minitransformer.nn import evaluating
from minitransformer.tensor import Tensor
from minitransformer.text import WordTokenizer, tokenizer_from_dict
from minitransformer.training.tasks.settings import FitSettings
from minitransformer.training.tasks.task import Prediction, Predictor, Problem, Recipe, Task
from minitransformer.training.tasks.text_rows import lines_of

PAD, START, END = 0, 1, 2
SPECIAL = 3  # ids before those of the target's tokenizer
LONGEST = 96  # tokens of a source or of a target
FORGOTTEN = 0.05  # share of source tokens that training makes unknown, as new ones will be


class Row(NamedTuple):
    """What is asked of which text, and the answer."""

    ask: str
    source: str
    target: str


class Translator:
    """A model and its two vocabularies: texts in, texts out."""

    def __init__(self, model: Any, source: Any, target: Any, asks: Sequence[str]) -> None:
        self.model, self.source, self.target = model, source, target
        self.asks = list(asks)

    def source_ids(self, ask: str, text: str) -> np.ndarray:
        """`ask: text` as ids; of a long text the beginning."""
        return self.source.encode(f"{ask}: {text}")[:LONGEST]

    def target_ids(self, text: str) -> np.ndarray:
        """The text between the tokens that start and end it."""
        ids = self.target.encode(text)[: LONGEST - 1] + SPECIAL
        return np.concatenate([[START], ids, [END]])

    def translate(
        self, ask: str, texts: Sequence[str], beam: int = 1, batch_size: int = 64
    ) -> list[str]:
        """The answer to each text."""
        order = np.argsort([len(text) for text in texts], kind="stable")
        found: dict[int, str] = {}
        for begin in range(0, len(order), batch_size):
            places = order[begin : begin + batch_size].tolist()
            ids, _ = pad_sequences([self.source_ids(ask, texts[i]) for i in places])
            rows = self.model.generate(ids, beam=beam)
            found |= {i: self._text(row) for i, row in zip(places, rows, strict=True)}
        return [found[i] for i in range(len(texts))]

    def facts(self) -> dict[str, Any]:
        tokenizers = {"source": self.source.to_dict(), "target": self.target.to_dict()}
        return {**tokenizers, "asks": self.asks}

    def _text(self, ids: list[int]) -> str:
        return self.target.decode(np.array([i - SPECIAL for i in ids if i >= SPECIAL], np.int64))


class TextProblem(Problem):
    """Rows of texts, in batches of similar length."""

    def __init__(
        self, translator: Translator, parts: dict[str, list[Row]], settings: FitSettings
    ) -> None:
        self.translator, self.parts, self.settings = translator, parts, settings
        self.model = translator.model
        loader = self.loader(parts["train"], training=True)
        self.batches, self.steps_per_epoch = loader.endless(), len(loader)

    def loader(self, rows: Sequence[Row], training: bool) -> DataLoader:
        """Batches (source (B, S), target (B, T)), filled up with PAD."""
        encoded = [
            (self.translator.source_ids(ask, text), self.translator.target_ids(target))
            for ask, text, target in rows
        ]
        return DataLoader(
            encoded,
            self.settings.batch_size,
            shuffle=training,
            seed=self.settings.seed,
            collate=lambda rows: tuple(pad_sequences(ids)[0] for ids in zip(*rows, strict=True)),
            lengths=[len(source) + len(target) for source, target in encoded],
            transform=self.forget if training and self.settings.augment else None,
        )

    def forget(self, batch: tuple, rng: np.random.Generator) -> tuple:
        """Some source tokens made unknown."""
        source, target = batch
        lost = (rng.random(source.shape) < FORGOTTEN) & (source != PAD)
        return np.where(lost, self.translator.source.unk_id, source), target

    def loss(self, model: Any, batch: Any) -> Tensor:
        return model(*batch, label_smoothing=self.settings.label_smoothing)[1]

    def evaluate(self, part: str) -> dict[str, float]:
        return self.measure(self.parts[part])

    @no_grad()
    def measure(self, rows: Sequence[Row]) -> dict[str, float]:
        """The loss of a token, and the share of tokens right, when those before are given."""
        total, right, count = 0.0, 0, 0
        with evaluating(self.model):
            for source, target in self.loader(rows, training=False):
                logits, loss = self.model(source, target)
                real = target[:, 1:] != PAD
                right += int((logits.data.argmax(axis=2) == target[:, 1:])[real].sum())
                count += int(real.sum())
                total += loss.item() * int(real.sum())
        return {"loss": total / count, "token_accuracy": right / count}

    def facts(self) -> dict[str, Any]:
        return self.translator.facts()

    def describe(self) -> str:
        counts = ", ".join(f"{len(rows):,} {name}" for name, rows in self.parts.items())
        words = self.model.config.source_vocab_size, self.model.config.target_vocab_size
        return (
            f"{counts.replace('_', ' ')} rows, {words[0]:,} source and {words[1]:,} target tokens"
        )


class TextPredictor(Predictor):
    """The answer to each text, `ask: text` or, where there is one thing to ask, text alone."""

    def __init__(self, translator: Translator) -> None:
        self.translator = translator

    def predict(self, arguments: Iterable[str]) -> Iterator[Prediction]:
        for line in lines_of(arguments):
            ask, text = self.asked(line)
            (answer,) = self.translator.translate(ask, [text], beam=4)
            yield Prediction(line, answer)

    def asked(self, line: str) -> tuple[str, str]:
        """What is asked, and of which text: the last of `asks` where the line does not say."""
        ask, colon, text = line.partition(":")
        named = bool(colon) and ask.strip() in self.translator.asks
        ask, text = (ask.strip(), text) if named else (self.translator.asks[-1], line)
        if not text.strip():
            raise ValueError(f"predict: expected a text, got {line!r}")
        return ask, text.strip()


class TextToText(Task):
    """A task whose rows are texts; a subclass says which, and how their targets are cut up."""

    def translator(self, recipe: Recipe, rows: Sequence[Row]) -> Translator:
        """A new model, with vocabularies from the rows it learns from."""
        asks = list(dict.fromkeys(row.ask for row in rows))
        sources = [f"{row.ask}: {row.source}" for row in rows]
        source = WordTokenizer.train(sources, vocab_size=10_000)
        target = self.target_tokenizer([row.target for row in rows])
        model = recipe.build(source.vocab_size, target.vocab_size + SPECIAL)
        return Translator(model, source, target, asks)

    @abstractmethod
    def target_tokenizer(self, texts: Sequence[str]) -> Any:
        """The tokenizer of the targets, trained on them."""

    def predictor(self, model: Any, facts: dict[str, Any]) -> Predictor:
        source, target = (tokenizer_from_dict(facts[side]) for side in ("source", "target"))
        config = model.config
        found = source.vocab_size, target.vocab_size + SPECIAL
        if found != (config.source_vocab_size, config.target_vocab_size):
            raise ValueError(
                f"predict: the vocabularies have {found} tokens, but the weights are for "
                f"{config.source_vocab_size, config.target_vocab_size}"
            )
        return TextPredictor(Translator(model, source, target, facts["asks"]))


def seq2seq(n_layer: int, n_embd: int, dropout: float, **settings: Any) -> Recipe:
    """A Seq2Seq with heads of 32 features."""

    def sizes(source_vocab_size: int, target_vocab_size: int) -> dict[str, Any]:
        vocabularies = {
            "source_vocab_size": source_vocab_size,
            "target_vocab_size": target_vocab_size,
        }
        layers = {"n_layer": n_layer, "n_head": n_embd // 32, "n_embd": n_embd}
        return {**vocabularies, **layers, "block_size": LONGEST, "dropout": dropout}

    return Recipe(Seq2Seq, Seq2SeqConfig, sizes, FitSettings(**settings))
