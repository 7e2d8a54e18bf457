"""What every tokenizer can do, how it is kept in a checkpoint, and the checks they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np


class Tokenizer(ABC):
    """Text to token ids and back. Ids are 0 … vocab_size - 1, in one-dimensional int64 arrays.

    A subclass gives the four abstract members; `class MyTokenizer(Tokenizer, name="mine")` also
    lets `tokenizer_from_dict` find it again, by calling it with the fields of its `to_dict`.
    """

    kinds: ClassVar[dict[str, type[Tokenizer]]] = {}

    def __init_subclass__(cls, name: str | None = None, **options: Any):
        super().__init_subclass__(**options)
        if name is not None:
            Tokenizer.kinds[name] = cls

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """How many different tokens there are."""

    @abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """The ids of `text`, int64 (T,). `decode` gives the text back, as far as ids keep it."""

    @abstractmethod
    def decode_bytes(self, ids: Any) -> bytes:
        """The UTF-8 bytes that `ids` stand for; they may begin or end inside a character."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """All that `tokenizer_from_dict` needs to build it again, ready for JSON."""

    def decode(self, ids: Any) -> str:
        """The text of `ids`, with U+FFFD wherever their bytes are not whole characters.

        ids: one id, a list or an array (T,). ValueError where an id is not in the vocabulary.
        """
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vocab_size={self.vocab_size})"

    def _check_ids(self, ids: Any) -> np.ndarray:
        who = f"{type(self).__name__}.decode"
        ids = np.atleast_1d(np.asarray(ids))
        if ids.ndim > 1:
            raise ValueError(f"{who}: ids must be one-dimensional, got shape {ids.shape}")
        if ids.size == 0:
            return ids.astype(np.int64)
        if ids.dtype.kind not in "iu":
            raise TypeError(f"{who}: ids must be integers, got {ids.dtype}")
        outside = np.flatnonzero((ids < 0) | (ids >= self.vocab_size))
        if outside.size:
            at = outside[0]
            raise ValueError(
                f"{who}: id {ids[at]} at position {at} is not in the vocabulary"
                f" of {self.vocab_size} tokens"
            )
        return ids.astype(np.int64)


def tokenizer_from_dict(fields: dict[str, Any]) -> Tokenizer:
    """The tokenizer whose `to_dict` gave `fields`."""
    fields = dict(fields)
    kind = fields.pop("type", None)
    if kind not in Tokenizer.kinds:
        known = ", ".join(sorted(Tokenizer.kinds))
        raise ValueError(f"tokenizer_from_dict: type must be one of {known}, got {kind!r}")
    return Tokenizer.kinds[kind](**fields)


def utf8(text: str, who: str) -> bytes:
    """`text` in UTF-8; `who` is named in the error where it cannot be."""
    if not isinstance(text, str):
        raise TypeError(f"{who}: text must be str, got {type(text).__name__}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise ValueError(
            f"{who}: lone surrogate U+{code:04X} at position {error.start} is not a character"
            " and has no UTF-8 bytes"
        ) from None


def check_training_text(text: str, who: str) -> None:
    """Refuse a text that there is nothing to learn from, or that UTF-8 cannot hold."""
    if not utf8(text, who):
        raise ValueError(f"{who}: text is empty")


def check_tokens(tokens: list[str], who: str) -> dict[str, int]:
    """Each token's id. Refuse a vocabulary that has a token twice, or anything but texts."""
    ids: dict[str, int] = {}
    for i, token in enumerate(tokens):
        if not isinstance(token, str) or not token:
            raise ValueError(f"{who}: token {i} should be a text that is not empty, got {token!r}")
        if token in ids:
            raise ValueError(f"{who}: token {i} is {token!r}, as is token {ids[token]}")
        ids[token] = i
    return ids
