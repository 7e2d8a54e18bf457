"""A token for each character that a text uses: the smallest vocabulary that reads as text."""

from typing import Any

import numpy as np

from minitransformer.text.tokenizer import Tokenizer, check_training_text, utf8


class CharTokenizer(Tokenizer, name="char"):
    """The id of a character is its place among `characters`, which are kept in Unicode's order."""

    def __init__(self, characters: str):
        check_training_text(characters, "CharTokenizer")
        if len(set(characters)) < len(characters):
            raise ValueError(f"CharTokenizer: characters must all differ, got {characters!r}")
        self.characters = "".join(sorted(characters))
        self._codes = code_points(self.characters)

    @classmethod
    def from_text(cls, text: str) -> "CharTokenizer":
        """The tokenizer of the characters of `text`. ValueError where text is empty."""
        check_training_text(text, "CharTokenizer.from_text")
        return cls("".join(set(text)))

    @property
    def vocab_size(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """The ids of `text`, int64 (T,). ValueError on a character not in the vocabulary."""
        utf8(text, "CharTokenizer.encode")
        codes = code_points(text)
        ids = np.searchsorted(self._codes[:-1], codes)  # at most vocab_size - 1: always an index
        unknown = np.flatnonzero(self._codes[ids] != codes)
        if unknown.size:
            at = unknown[0]
            raise ValueError(
                f"CharTokenizer.encode: character {text[at]!r} (U+{codes[at]:04X}) at position {at}"
                f" is not in the vocabulary of {self.vocab_size} characters"
            )
        return ids

    def decode_bytes(self, ids: Any) -> bytes:
        codes = self._codes[self._check_ids(ids)]
        return codes.tobytes().decode("utf-32-le").encode("utf-8")

    def to_dict(self) -> dict[str, Any]:
        return {"type": "char", "characters": self.characters}


def code_points(text: str) -> np.ndarray:
    """The Unicode number of each character, uint32 (T,)."""
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
