"""Sentences as points: those that mean the same lie close together.

Reimers and Gurevych 2019, “Sentence-BERT”, https://arxiv.org/abs/1908.10084.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from minitransformer.data import pad_sequences
from minitransformer.devices import to_device
from minitransformer.graph import no_grad
from minitransformer.models.bert import BERT
from minitransformer.nn import evaluating
from minitransformer.text import WordPieceTokenizer
from minitransformer.text.files import read_json

BLOCK = 64  # rows of similarities that are in memory at once


class SentenceEncoder:
    """A BERT with its tokenizer: texts in, points of length 1 out.

    Raises:
        ValueError: the tokenizer's vocabulary is not the one of the weights.
    """

    def __init__(self, model: BERT, tokenizer: WordPieceTokenizer) -> None:
        if tokenizer.vocab_size != model.config.vocab_size:
            raise ValueError(
                f"SentenceEncoder: the vocabulary has {tokenizer.vocab_size} tokens, but the"
                f" weights are for {model.config.vocab_size}"
            )
        self.model, self.tokenizer = model, tokenizer

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> "SentenceEncoder":
        """From a folder of config.json, model.safetensors and vocab.txt.

        Raises:
            FileNotFoundError: one of the three is missing.
            ValueError: one is damaged, they do not belong together, or 1_Pooling/config.json says
                that the model wants another pooling than the mean.
        """
        pooling = Path(folder, "1_Pooling", "config.json")
        if pooling.is_file() and not read_json(pooling).get("pooling_mode_mean_tokens", False):
            raise ValueError(
                f"SentenceEncoder: {pooling} asks for another pooling than the mean of the tokens"
            )
        return cls(BERT.from_pretrained(folder), WordPieceTokenizer.from_folder(folder))

    @no_grad()
    def encode(self, texts: Sequence[str], batch_size: int = 32) -> np.ndarray:
        """The points of texts, float32 (N, hidden_size); a text's end beyond the positions is cut.

        Texts of similar length share a batch, so that little is padded.
        """
        longest = self.model.config.max_position_embeddings
        ids = [self.tokenizer.encode(text, max_length=longest) for text in texts]
        points = np.empty((len(ids), self.model.config.hidden_size), np.float32)
        order = np.argsort([len(row) for row in ids], kind="stable")
        with evaluating(self.model):
            for start in range(0, len(ids), batch_size):
                rows = order[start : start + batch_size]
                batch = pad_sequences([ids[row] for row in rows], self.tokenizer.pad_id)
                points[rows] = to_device(self.model.sentence_embeddings(*batch).data, "cpu")
        return points


def nearest(points: np.ndarray, point: np.ndarray, count: int = 10) -> list[tuple[float, int]]:
    """(cosine, row) of the `count` rows of points (N, D) that are nearest to point (D,)."""
    cosines = points @ point
    return [(float(cosines[row]), int(row)) for row in np.argsort(-cosines, kind="stable")[:count]]


def closest_pairs(points: np.ndarray, count: int = 10) -> list[tuple[float, int, int]]:
    """(cosine, row, later row) of the `count` pairs of points (N, D) that are closest."""
    found: list[tuple[float, int, int]] = []
    for first in range(0, len(points), BLOCK):
        found = sorted([*found, *_pairs_of_block(points, first, count)], reverse=True)[:count]
    return found


def _pairs_of_block(points: np.ndarray, first: int, count: int) -> Iterator[tuple[float, int, int]]:
    """The closest pairs of one block of rows with the rows after each."""
    cosines = points[first : first + BLOCK] @ points[first:].T
    rows, others = np.triu_indices(len(cosines), k=1, m=cosines.shape[1])
    found = cosines[rows, others]
    few = min(count, len(found))
    for place in np.argpartition(-found, few - 1)[:few] if few else ():
        yield float(found[place]), first + int(rows[place]), first + int(others[place])
