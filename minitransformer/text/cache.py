"""Words repeat: their ids are worked out once."""

from collections.abc import Callable

Ids = tuple[int, ...]

LONGEST_WORD = 64  # characters; longer ones hardly ever come again
MOST_WORDS = 2**17


class WordCache(dict[str, Ids]):
    """`cache[word]` is `ids_of(word)`; what is rare or too much is worked out, but not kept."""

    def __init__(self, ids_of: Callable[[str], Ids]):
        super().__init__()
        self._ids_of = ids_of

    def __missing__(self, word: str) -> Ids:
        ids = self._ids_of(word)
        if len(word) <= LONGEST_WORD and len(self) < MOST_WORDS:
            self[word] = ids
        return ids
