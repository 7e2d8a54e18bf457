"""Texts of one class each: film reviews, or a CSV of the user's own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minitransformer import data
from minitransformer.data import DataLoader, augment, pad_sequences
from minitransformer.graph import no_grad
from minitransformer.models.lstm_classifier import LSTMClassifier, LSTMClassifierConfig
from minitransformer.models.transformer_classifier import (
    TransformerClassifier,
    TransformerClassifierConfig,
)
from minitransformer.text import WordTokenizer, tokenizer_from_dict
from minitransformer.training.tasks.classification import (
    Classification,
    Rows,
    check_class_names,
    check_classes,
    class_probabilities,
    split_rows,
)
from minitransformer.training.tasks.settings import FitSettings
from minitransformer.training.tasks.task import (
    Prediction,
    Predictor,
    Problem,
    Recipe,
    Source,
    Task,
)
from minitransformer.training.tasks.text_rows import encode, lines_of, whole_rows

Texts = tuple[Sequence[str], np.ndarray, Sequence[str]]  # texts, class of each, class names
VOCABULARY = 20_000


class TextProblem(Classification):
    """Rows of word ids; those of similar length share a batch."""

    def __init__(
        self, tokenizer: Any, max_words: int, word_dropout: float, *classification: Any
    ) -> None:
        self.tokenizer, self.max_words = tokenizer, max_words
        self.word_dropout = word_dropout
        super().__init__(*classification)

    def loader(self, rows: Rows, training: bool) -> DataLoader:
        sequences, labels = rows
        return DataLoader(
            list(zip(sequences, labels.tolist(), strict=True)),
            self.settings.batch_size,
            shuffle=training,
            seed=self.settings.seed,
            collate=list,
            lengths=[len(sequence) for sequence in sequences],
            transform=self.shortened if training and self.settings.augment else whole_rows,
        )

    def shortened(self, rows: Sequence[Any], rng: np.random.Generator) -> Any:
        """Some words of each row left out, so that no text is known by a few of them."""
        shorter = [augment.word_dropout(ids, rng, self.word_dropout) for ids, _ in rows]
        return *pad_sequences(shorter), np.array([label for _, label in rows])

    def facts(self) -> dict[str, Any]:
        return {
            "classes": self.classes,
            "tokenizer": self.tokenizer.to_dict(),
            "max_words": self.max_words,
        }


class TextPredictor(Predictor):
    """A class for each text; the name of a file stands for the lines in it."""

    def __init__(self, model: Any, tokenizer: Any, max_words: int, classes: list[str]) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.max_words, self.classes = max_words, classes

    @no_grad()
    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """(N, C) for N texts."""
        sequences = [encode(self.tokenizer, text, self.max_words) for text in texts]
        ids, mask = pad_sequences(sequences)
        return class_probabilities(self.model(ids, mask))

    def predict(self, arguments: Iterable[str]) -> Iterator[Prediction]:
        for text in lines_of(arguments):
            (row,) = self.probabilities([text])
            yield Prediction(text, self.classes[row.argmax()], float(row.max()))


class TextClassification(Task):
    """Texts of one class each.

    Args:
        name, about: as for every Task.
        read: `read(source)` gives texts, the class of each (N,), and the classes' names.
        recipes: models by name.
        max_words: longer texts lose their middle.
        word_dropout: the share of words that training leaves out.
    """

    def __init__(
        self,
        name: str,
        about: str,
        read: Callable[[Source], Texts],
        recipes: dict[str, Recipe],
        max_words: int,
        word_dropout: float,
    ) -> None:
        self.name, self.about, self.read, self.recipes = name, about, read, recipes
        self.max_words, self.word_dropout = max_words, word_dropout

    def problem(self, recipe: Recipe, settings: FitSettings, source: Source) -> Problem:
        parts, classes = self.texts(settings, source)
        cleaned = map(data.clean_text, parts["train"][0])
        tokenizer = WordTokenizer.train(cleaned, VOCABULARY, min_count=2)
        encoded = {
            name: ([encode(tokenizer, text, self.max_words) for text in texts], labels)
            for name, (texts, labels) in parts.items()
        }
        model = recipe.build(tokenizer.vocab_size, self.max_words, len(classes))
        words = (tokenizer, self.max_words, self.word_dropout)
        return TextProblem(*words, model, encoded, classes, settings)

    def texts(self, settings: FitSettings, source: Source) -> tuple[dict[str, Rows], Sequence[str]]:
        """Texts and classes of each part, and the classes' names."""
        texts, labels, classes = self.read(source)
        parts = split_rows(*limited(texts, labels, settings), settings)
        for name, (_, own) in parts.items():
            check_classes(f"fit {self.name}, {name} rows", own, classes)
        return parts, classes

    def predictor(self, model: Any, facts: dict[str, Any]) -> Predictor:
        tokenizer = tokenizer_from_dict(facts["tokenizer"])
        if tokenizer.vocab_size != model.config.vocab_size:
            raise ValueError(
                f"predict: the vocabulary has {tokenizer.vocab_size} words, but the weights are "
                f"for {model.config.vocab_size}"
            )
        check_class_names(facts["classes"], model)
        return TextPredictor(model, tokenizer, facts["max_words"], facts["classes"])


def limited(
    texts: Sequence[str], labels: np.ndarray, settings: FitSettings
) -> tuple[list[str], np.ndarray]:
    """As many rows as the settings allow, drawn by their seed."""
    order = np.random.default_rng(settings.seed).permutation(len(texts))[: settings.limit]
    return [texts[i] for i in order], labels[order]


def reviews(read: Callable[..., tuple]) -> Callable[[Source], Texts]:
    """A reader of film reviews."""

    def read_from(source: Source) -> Texts:
        return *read(source.root, download=source.download), ("negative", "positive")

    return read_from


def own_csv(source: Source) -> Texts:
    """The rows of the user's file."""
    if source.root is None:
        raise ValueError("fit: expected the name of a CSV file of text,label")
    return data.text_csv(source.root)


def transformer(dropout: float, **settings: Any) -> Recipe:
    def sizes(vocab_size: int, max_words: int, classes: int) -> dict[str, Any]:
        size = {"vocab_size": vocab_size, "max_length": max_words, "num_classes": classes}
        return {**size, "dropout": dropout}

    return Recipe(
        TransformerClassifier, TransformerClassifierConfig, sizes, FitSettings(**settings)
    )


def lstm(dropout: float, **settings: Any) -> Recipe:
    def sizes(vocab_size: int, max_words: int, classes: int) -> dict[str, Any]:
        return {"vocab_size": vocab_size, "num_classes": classes, "dropout": dropout}

    return Recipe(LSTMClassifier, LSTMClassifierConfig, sizes, FitSettings(**settings))


IMDB = TextClassification(
    "imdb",
    "film reviews: good or bad",
    reviews(data.imdb),
    {
        "transformer": transformer(
            dropout=0.3, epochs=3, batch_size=64, lr=2e-3, label_smoothing=0.1
        ),
        "lstm": lstm(dropout=0.3, epochs=3, batch_size=64, lr=2e-3),
    },
    max_words=400,
    word_dropout=0.3,
)
SHORT_TEXTS = {
    "transformer": transformer(dropout=0.3, epochs=5, batch_size=64, lr=2e-3),
    "lstm": lstm(dropout=0.4, epochs=5, batch_size=64, lr=2e-3),
}
ROTTEN_TOMATOES = TextClassification(
    "rotten-tomatoes",
    "sentences about films: good or bad",
    reviews(data.rotten_tomatoes),
    SHORT_TEXTS,
    max_words=64,
    word_dropout=0.2,
)
CSV = TextClassification(
    "csv",
    "a file of yours with the columns text and label",
    own_csv,
    SHORT_TEXTS,
    max_words=200,
    word_dropout=0.2,
)
