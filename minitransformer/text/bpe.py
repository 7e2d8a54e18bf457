"""Byte pair encoding: bytes, and the commonest runs of them, learned from a text (as in GPT-2)."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from minitransformer.text.merges import learn_merges, one_character_per_byte, pairs_of
from minitransformer.text.tokenizer import Tokenizer, check_training_text, utf8
from minitransformer.text.words import split_words


class BPETokenizer(Tokenizer, name="bpe"):
    """Ids 0 … 255 are the bytes; id 256 + i joins the two tokens of `merges[i]`.

    Every byte is a token, so any text goes in and comes back exactly, whatever it was trained on.
    """

    def __init__(self, merges: Iterable[Iterable[int]]):
        self.merges = [(first, second) for first, second in merges]
        self._tokens = [bytes([value]) for value in range(256)]
        self._token_of: dict[str, str] = {}
        for first, second in self.merges:
            self._add_token(first, second)
        self._encode_word = lru_cache(maxsize=2**17)(self._merge_word)

    @classmethod
    def train(cls, text: str, vocab_size: int) -> "BPETokenizer":
        """Learn `vocab_size` - 256 merges from `text`: fewer, if no pair occurs twice any more.

        ValueError where vocab_size is below 256, or text is empty or has a lone surrogate.
        """
        if vocab_size < 256:
            raise ValueError(
                "BPETokenizer.train: vocab_size must be at least 256, one token for each byte,"
                f" got {vocab_size}"
            )
        check_training_text(text, "BPETokenizer.train")
        word_counts = Counter(split_words(text))
        encoded_counts = {word.encode(): count for word, count in word_counts.items()}
        return cls(learn_merges(encoded_counts, vocab_size - 256))

    @property
    def vocab_size(self) -> int:
        return len(self._tokens)

    def encode(self, text: str) -> np.ndarray:
        """The ids of `text`, int64 (T,). ValueError on a lone surrogate."""
        utf8(text, "BPETokenizer.encode")
        words = map(self._encode_word, split_words(text))
        return np.fromiter(chain.from_iterable(words), dtype=np.int64)

    def decode_bytes(self, ids: Any) -> bytes:
        return b"".join(map(self._tokens.__getitem__, self._check_ids(ids).tolist()))

    def to_dict(self) -> dict[str, Any]:
        return {"type": "bpe", "merges": [list(pair) for pair in self.merges]}

    def _add_token(self, first: int, second: int) -> None:
        token = self.vocab_size
        exist = 0 <= first < token and 0 <= second < token
        if not exist or chr(first) + chr(second) in self._token_of:
            raise ValueError(
                f"BPETokenizer: merge {token - 256} must join two ids below {token}"
                f" that no merge before it joins, got {first} and {second}"
            )
        self._tokens.append(self._tokens[first] + self._tokens[second])
        self._token_of[chr(first) + chr(second)] = chr(token)

    def _merge_word(self, word: str) -> tuple[int, ...]:
        tokens = one_character_per_byte(word.encode())
        while known := self._token_of.keys() & pairs_of(tokens):
            pair = min(known, key=self._token_of.__getitem__)  # the first that was learned
            tokens = tokens.replace(pair, self._token_of[pair])
        return tuple(map(ord, tokens))
