"""Decodes tokens as they are generated, and never shows half a character."""

import codecs
from typing import Any

from minitransformer.text.tokenizer import Tokenizer


class StreamDecoder:
    """Text from ids that come a few at a time; joined, it is `tokenizer.decode` of them all.

    A character may be spread over several tokens: its bytes are held back until it is whole.
    """

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, ids: Any) -> str:
        """The text that `ids` (one id, a list or an array) complete; often empty."""
        return self._utf8.decode(self._tokenizer.decode_bytes(ids))

    def finish(self) -> str:
        """What was held back, as U+FFFD: no more ids come. The decoder then starts anew."""
        return self._utf8.decode(b"", final=True)
