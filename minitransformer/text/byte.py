"""A token for each byte of UTF-8: nothing to learn, nothing unknown, 256 ids."""

from typing import Any

import numpy as np

from minitransformer.text.tokenizer import Tokenizer, utf8


class ByteTokenizer(Tokenizer, name="byte"):
    """The id of a byte is its value. Any text goes in; characters beyond ASCII take 2 to 4 ids."""

    vocab_size = 256

    def encode(self, text: str) -> np.ndarray:
        """The ids of `text`, int64 (T,). ValueError on a lone surrogate."""
        encoded = utf8(text, "ByteTokenizer.encode")
        return np.frombuffer(encoded, dtype=np.uint8).astype(np.int64)

    def decode_bytes(self, ids: Any) -> bytes:
        return self._check_ids(ids).astype(np.uint8).tobytes()

    def to_dict(self) -> dict[str, Any]:
        return {"type": "byte"}
