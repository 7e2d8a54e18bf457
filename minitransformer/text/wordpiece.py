"""WordPiece, BERT's tokenizer: words, or the longest pieces of them that are in the vocabulary."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from minitransformer.text.basic import basic_words
from minitransformer.text.cache import Ids, WordCache
from minitransformer.text.files import read_json, read_text
from minitransformer.text.tokenizer import Tokenizer, check_tokens, utf8

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
INSIDE = "##"  # begins each piece that does not begin its word
LONGEST_WORD = 100


class WordPieceTokenizer(Tokenizer, name="wordpiece"):
    """Cuts each word into pieces, the longest first; a word of which a rest is left is [UNK].

    Wu et al. 2016, https://arxiv.org/abs/1609.08144. Ids are those of the `tokenizers` library's
    BertWordPieceTokenizer. As there, `[MASK]` and its like in a text are those tokens.

    Args:
        vocab: the tokens in the order of their ids, among them [PAD], [UNK], [CLS], [SEP], [MASK].
        lower_case: fold case and strip accents, as the “uncased” models want it.
    """

    def __init__(self, vocab: Iterable[str], lower_case: bool = True):
        self.vocab, self.lower_case = list(vocab), lower_case
        self._ids = check_tokens(self.vocab, "WordPieceTokenizer")
        missing = [token for token in SPECIAL if token not in self._ids]
        if missing:
            raise ValueError(f"WordPieceTokenizer: vocab has no {', '.join(missing)}")
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = self.special_ids
        self._special = re.compile("(" + "|".join(map(re.escape, SPECIAL)) + ")")
        self._words = WordCache(self._ids_between_spaces)

    @classmethod
    def from_folder(cls, folder: str | os.PathLike[str]) -> "WordPieceTokenizer":
        """From a model's folder: vocab.txt, and tokenizer_config.json if it has one.

        Raises:
            FileNotFoundError: there is no vocab.txt.
            ValueError: it is not UTF-8, a token is there twice, or a special one is missing.
        """
        vocab = read_text(Path(folder, "vocab.txt")).removesuffix("\n").split("\n")
        settings = Path(folder, "tokenizer_config.json")
        options = read_json(settings) if settings.is_file() else {}
        return cls([token.rstrip() for token in vocab], options.get("do_lower_case", True))

    def reduced(self, texts: Iterable[str], vocab_size: int) -> "WordPieceTokenizer":
        """A tokenizer of fewer tokens, for a small model: the commonest in `texts`.

        The special tokens and ASCII's characters stay, so that any English word can be spelled.
        ValueError where these alone are more than vocab_size.
        """
        counts = Counter(chain.from_iterable(map(self._ids_of, texts)))
        spelling = [t for t in self.vocab if t.isascii() and len(t.removeprefix(INSIDE)) == 1]
        kept = {self._ids[token] for token in (*SPECIAL, *spelling)}
        if len(kept) > vocab_size:
            raise ValueError(
                f"WordPieceTokenizer.reduced: vocab_size should be at least {len(kept)}, for"
                f" special tokens and characters, got {vocab_size}"
            )
        common = [i for i, _ in counts.most_common() if i not in kept]
        kept |= set(common[: vocab_size - len(kept)])
        return WordPieceTokenizer([self.vocab[i] for i in sorted(kept)], self.lower_case)

    @property
    def vocab_size(self) -> int:
        return len(self.vocab)

    @property
    def special_ids(self) -> list[int]:
        """The ids of [PAD], [UNK], [CLS], [SEP] and [MASK]."""
        return [self._ids[token] for token in SPECIAL]

    def encode(
        self,
        text: str,
        pair: str | None = None,
        special: bool = True,
        max_length: int | None = None,
    ) -> np.ndarray:
        """The ids of [CLS] text [SEP], or of [CLS] text [SEP] pair [SEP], int64 (T,).

        Args:
            text, pair: the texts; ValueError where one has a lone surrogate.
            special: put [CLS] and [SEP] around them.
            max_length: leave out tokens from the end of the longer text, until T is this.
        """
        parts = [self._ids_of(part) for part in (text, pair) if part is not None]
        around = len(parts) + 1 if special else 0
        if max_length is not None:
            shorten(parts, max_length - around)
        if special:
            parts = [[self.cls_id]] + [[*part, self.sep_id] for part in parts]
        return np.fromiter(chain.from_iterable(parts), dtype=np.int64)

    def segments(self, ids: Any) -> np.ndarray:
        """0 for each token of the first text, 1 of the second: int64, of the shape (..., T)."""
        ends = np.asarray(ids) == self.sep_id
        before = ends.cumsum(axis=-1) - ends
        paired = ends.sum(axis=-1, keepdims=True) > 1
        return (paired & (before == 1)).astype(np.int64)

    def decode_bytes(self, ids: Any) -> bytes:
        """The pieces, a space before each word; nothing for [PAD], [CLS] and [SEP]."""
        hidden = {self.pad_id, self.cls_id, self.sep_id}
        tokens = [self.vocab[i] for i in self._check_ids(ids).tolist() if i not in hidden]
        words = [t[2:] if t.startswith(INSIDE) else " " + t for t in tokens]
        return "".join(words).encode()

    def decode(self, ids: Any) -> str:
        """The words of `ids`, with spaces between them."""
        return super().decode(ids).removeprefix(" ")

    def to_dict(self) -> dict[str, Any]:
        return {"type": "wordpiece", "vocab": self.vocab, "lower_case": self.lower_case}

    def _ids_of(self, text: str) -> list[int]:
        utf8(text, "WordPieceTokenizer.encode")
        return list(chain.from_iterable(map(self._words.__getitem__, text.split(" "))))

    def _ids_between_spaces(self, text: str) -> Ids:
        ids: list[int] = []
        for i, part in enumerate(self._special.split(text)):
            if i % 2:
                ids.append(self._ids[part])
            else:
                ids += chain.from_iterable(map(self._pieces, basic_words(part, self.lower_case)))
        return tuple(ids)

    def _pieces(self, word: str) -> Ids:
        """The longest token that the word begins with, then the longest that the rest does, …"""
        if len(word) > LONGEST_WORD:
            return (self.unk_id,)
        pieces: list[int] = []
        start, prefix = 0, ""
        while start < len(word):
            ends = range(len(word), start, -1)
            end = next((e for e in ends if prefix + word[start:e] in self._ids), None)
            if end is None:
                return (self.unk_id,)
            pieces.append(self._ids[prefix + word[start:end]])
            start, prefix = end, INSIDE
        return tuple(pieces)


def shorten(parts: list[list[int]], length: int) -> None:
    """Take tokens from the end of the longest part, until there are at most `length` in all."""
    if length < 0:
        raise ValueError("WordPieceTokenizer.encode: max_length leaves no room for [CLS] and [SEP]")
    while sum(map(len, parts)) > length:
        max(reversed(parts), key=len).pop()
