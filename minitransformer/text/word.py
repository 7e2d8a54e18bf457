"""A token for each common word of a training text: a short sequence, and words that are known."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np

from minitransformer.text.tokenizer import Tokenizer, check_tokens, utf8

PADDING, UNKNOWN = "<pad>", "<unk>"

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff"
WORD = re.compile(
    rf"""
      [{HAN}]                                             # Chinese has no spaces: a character each
    | (?:(?![{HAN}])\w)+ (?: ['’] (?:(?![{HAN}])\w)+ )*   # a word or a number, “don't” whole
    | [^\w\s]                                             # a sign of punctuation, by itself
    """,
    re.VERBOSE,
)
CLOSING = frozenset(".,!?;:%)]}。，！？；：、）")  # written without a space before them


class WordTokenizer(Tokenizer, name="word"):
    """Ids 0 `<pad>`, 1 `<unk>` for every word that is not known, then `words` in their order.

    Words are in lower case, so `decode` gives the words back, but not the text to the letter.
    """

    pad_id, unk_id = 0, 1

    def __init__(self, words: Iterable[str]):
        self.words = list(words)
        self._tokens = [PADDING, UNKNOWN, *self.words]
        self._ids = check_tokens(self._tokens, "WordTokenizer")

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, min_count: int = 1) -> "WordTokenizer":
        """The commonest words of `texts`; of equally common ones, the first in the alphabet.

        Args:
            texts: any number of them.
            vocab_size: tokens at most, `<pad>` and `<unk>` among them.
            min_count: leave out words that occur less often.

        Raises:
            TypeError: texts is a single text, or one of them is not a text.
            ValueError: vocab_size is below 3, a text has a lone surrogate, or no word is left.
        """
        if isinstance(texts, str):
            raise TypeError("WordTokenizer.train: texts must be a list of texts, got one str")
        if vocab_size < 3:
            raise ValueError(
                "WordTokenizer.train: vocab_size must be at least 3, for <pad>, <unk> and a word,"
                f" got {vocab_size}"
            )
        words = chain.from_iterable(words_of(text, "WordTokenizer.train") for text in texts)
        counts = Counter(words)
        common = [word for word, count in counts.items() if count >= min_count]
        if not common:
            raise ValueError(f"WordTokenizer.train: no word occurs {min_count} times in texts")
        common.sort(key=lambda word: (-counts[word], word))
        return cls(common[: vocab_size - 2])

    @property
    def vocab_size(self) -> int:
        return len(self._tokens)

    def encode(self, text: str) -> np.ndarray:
        """The ids of the words of `text`, int64 (T,). ValueError on a lone surrogate."""
        words = words_of(text, "WordTokenizer.encode")
        ids = (self._ids.get(word, self.unk_id) for word in words)
        return np.fromiter(ids, dtype=np.int64, count=len(words))

    def decode_bytes(self, ids: Any) -> bytes:
        """A space before each word; nothing for `<pad>`."""
        tokens = [self._tokens[i] for i in self._check_ids(ids).tolist() if i != self.pad_id]
        return "".join(token if token in CLOSING else " " + token for token in tokens).encode()

    def decode(self, ids: Any) -> str:
        """The words of `ids`, with spaces between them and without the padding."""
        return super().decode(ids).removeprefix(" ")

    def to_dict(self) -> dict[str, Any]:
        return {"type": "word", "words": self.words}


def words_of(text: str, who: str) -> list[str]:
    """The words and signs of `text` in lower case; `who` is named where it cannot be read."""
    utf8(text, who)
    return WORD.findall(text.lower())
