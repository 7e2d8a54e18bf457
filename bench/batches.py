"""Batches of real text, the same in every process: the sources of Python's standard library."""

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from minitransformer.data import text_corpus

READ = 2_000_000  # characters


def tokens(vocab_size: int) -> np.ndarray:
    """The text as bytes if there are 256 tokens, else as its most frequent words and signs."""
    text = text_corpus()[:READ]
    if vocab_size == 256:
        return np.frombuffer(text.encode(), np.uint8).astype(np.int64)
    words = re.findall(r"\w+|\s+|[^\w\s]", text)
    rare = vocab_size - 1  # one token for all others
    ids = {word: i for i, (word, _) in enumerate(Counter(words).most_common(rare))}
    return np.array([ids.get(word, rare) for word in words])


def batches(
    vocab_size: int, batch_size: int, block_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random windows of the text and the tokens that follow them, (B, T) each, without end."""
    text, draw = tokens(vocab_size), np.random.default_rng(7).integers
    while True:
        starts = draw(len(text) - block_size, size=(batch_size, 1))
        windows = text[starts + np.arange(block_size + 1)]
        yield windows[:, :-1].copy(), windows[:, 1:].copy()
