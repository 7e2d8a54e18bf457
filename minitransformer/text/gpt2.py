"""GPT-2's tokenizer: byte pair encoding with the merges that OpenAI learned."""

import os
import re
from collections.abc import Iterable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np

from minitransformer.text.cache import Ids, WordCache
from minitransformer.text.files import first_of, read_json, read_text
from minitransformer.text.merges import pairs_of
from minitransformer.text.tokenizer import Tokenizer, check_tokens, utf8

END = "<|endoftext|>"


class GPT2Tokenizer(Tokenizer, name="gpt2"):
    """Any text goes in and comes back exactly: every byte is a token, and 50,000 runs of bytes.

    Radford et al. 2019, “Language models are unsupervised multitask learners”. Ids are those of
    the `tokenizers` library's ByteLevelBPETokenizer. `<|endoftext|>` in a text is no token, but
    thirteen signs: `end_id` is put in by hand.

    Args:
        vocab: each token's id; a byte stands there as a character (see `byte_characters`).
        merges: the pairs of tokens that become one, the first that was learned first.
    """

    def __init__(self, vocab: dict[str, int], merges: Iterable[Iterable[str]]):
        self.vocab = dict(sorted(vocab.items(), key=lambda item: item[1]))
        self.merges = [tuple(merge) for merge in merges]
        if list(self.vocab.values()) != list(range(len(self.vocab))):
            raise ValueError("GPT2Tokenizer: the ids of vocab must be 0 … its size - 1, once each")
        check_tokens(list(self.vocab), "GPT2Tokenizer")
        self._bytes = [bytes_of(token) for token in self.vocab]
        self._of_byte = [chr(self._id(character)) for character in byte_characters()]
        # A token is the character of its id, so that a merge is a `str.replace`.
        self._merged: dict[str, str] = {}
        self._rank: dict[str, int] = {}
        for rank, merge in enumerate(self.merges):
            self._add_merge(rank, merge)
        self.end_id = self.vocab.get(END)
        self._words = WordCache(self._merge_word)

    @classmethod
    def from_folder(cls, folder: str | os.PathLike[str]) -> "GPT2Tokenizer":
        """From a folder of encoder.json and vocab.bpe, or of vocab.json and merges.txt.

        Raises:
            FileNotFoundError: one of the two is missing.
            ValueError: one is damaged, or they do not belong together.
        """
        vocab = read_json(first_of(Path(folder), "encoder.json", "vocab.json"))
        text = read_text(first_of(Path(folder), "vocab.bpe", "merges.txt"))
        lines = [line for line in text.split("\n") if line and not line.startswith("#version")]
        return cls(vocab, [line.split(" ") for line in lines])

    @property
    def vocab_size(self) -> int:
        return len(self.vocab)

    def encode(self, text: str) -> np.ndarray:
        """The ids of `text`, int64 (T,). ValueError on a lone surrogate."""
        utf8(text, "GPT2Tokenizer.encode")
        words = map(self._words.__getitem__, word_pattern().findall(text))
        return np.fromiter(chain.from_iterable(words), dtype=np.int64)

    def decode_bytes(self, ids: Any) -> bytes:
        return b"".join(map(self._bytes.__getitem__, self._check_ids(ids).tolist()))

    def to_dict(self) -> dict[str, Any]:
        return {"type": "gpt2", "vocab": self.vocab, "merges": list(map(list, self.merges))}

    def _id(self, token: str) -> int:
        if token not in self.vocab:
            raise ValueError(f"GPT2Tokenizer: vocab has no {token!r}")
        return self.vocab[token]

    def _add_merge(self, rank: int, merge: tuple[str, ...]) -> None:
        if len(merge) != 2:
            raise ValueError(f"GPT2Tokenizer: merge {rank} must be two tokens, got {merge}")
        pair = "".join(chr(self._id(token)) for token in merge)
        self._merged[pair] = chr(self._id("".join(merge)))
        self._rank.setdefault(pair, rank)

    def _merge_word(self, word: str) -> Ids:
        tokens = "".join(map(self._of_byte.__getitem__, word.encode()))
        while known := self._rank.keys() & pairs_of(tokens):
            pair = min(known, key=self._rank.__getitem__)  # the first that was learned
            tokens = tokens.replace(pair, self._merged[pair])
        return tuple(map(ord, tokens))


@cache
def byte_characters() -> str:
    """The character that stands for each of the 256 bytes in GPT-2's files.

    Bytes that Latin-1 can print stand for themselves; the 68 others are U+0100, U+0101, … in
    their order, so that no token has a space or a control character in it.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return "".join(chr(byte if byte in printable else next(others)) for byte in range(256))


@cache
def _byte_of() -> dict[str, int]:
    return {character: byte for byte, character in enumerate(byte_characters())}


def bytes_of(token: str) -> bytes:
    """The bytes of a token that is written in the characters of `byte_characters`."""
    try:
        return bytes(map(_byte_of().__getitem__, token))
    except KeyError as error:
        raise ValueError(f"GPT2Tokenizer: no byte is written {error} in token {token!r}") from None


@cache
def word_pattern() -> re.Pattern[str]:
    """Where GPT-2 cuts a text before it merges: no token spans two of these.

    `re` knows no \\p{L} and \\p{N}, and its \\s has four control characters too many: their
    characters are listed.
    """
    # Unicode's planes from the fourth on have no letters and no numbers.
    kinds = "".join(category(chr(code))[0] for code in range(0x40000))
    letters, numbers = runs_of("L", kinds), runs_of("N", kinds)
    spaces = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    return re.compile(
        f"'(?:s|t|re|ve|m|ll|d)| ?[{letters}]+| ?[{numbers}]+| ?[^{spaces}{letters}{numbers}]+"
        f"|[{spaces}]+(?![^{spaces}])|[{spaces}]+"
    )


def runs_of(kind: str, kinds: str) -> str:
    """All characters of one kind, as ranges for a pattern's brackets; kinds: that of each."""
    runs = re.finditer(f"{kind}+", kinds)
    return "".join(f"{chr(run.start())}-{chr(run.end() - 1)}" for run in runs)
