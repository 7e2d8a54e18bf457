"""Learns byte pair merges: join the commonest pair of neighbours everywhere, and repeat.

Here a word is a string of one character per token, so that a merge is a `str.replace`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise


def learn_merges(word_counts: Mapping[bytes, int], n_merges: int) -> list[tuple[int, int]]:
    """The pairs of ids to merge, in order; merge i makes token 256 + i (Sennrich et al., 2016).

    word_counts: how often each word occurs. Of equally common pairs the one of lowest ids is
    merged, so the result depends on the counts alone. Stops early once no pair occurs twice.
    """
    pairs = PairCounts(word_counts)
    merges: list[tuple[int, int]] = []
    while len(merges) < n_merges and (pair := pairs.pop_commonest()) is not None:
        pairs.merge(pair, token=chr(256 + len(merges)))
        merges.append((ord(pair[0]), ord(pair[1])))
    return merges


def one_character_per_byte(word: bytes) -> str:
    return word.decode("latin-1")


def pairs_of(word: str) -> Iterable[str]:
    """The neighbours in `word`, two characters each."""
    return map(str.__add__, word, word[1:])


class PairCounts:
    """How often each pair occurs, kept up to date by counting only what a merge changes."""

    def __init__(self, word_counts: Mapping[bytes, int]):
        self.words = [one_character_per_byte(word) for word in word_counts]
        self.word_counts = list(word_counts.values())
        self.counts: dict[str, int] = defaultdict(int)
        self.words_with: dict[str, set[int]] = defaultdict(set)
        for index, word in enumerate(self.words):
            for pair in pairs_of(word):
                self.counts[pair] += self.word_counts[index]
                self.words_with[pair].add(index)
        self._queue = [(-count, pair) for pair, count in self.counts.items()]
        heapify(self._queue)

    def pop_commonest(self) -> str | None:
        """Take out the pair that occurs most often; None if none occurs twice."""
        while self._queue:
            queued, pair = heappop(self._queue)
            count = self.counts[pair]
            if count < 2:
                continue
            if count == -queued:
                return pair
            # A count only falls after its pair is queued: it goes back, further down.
            heappush(self._queue, (-count, pair))
        return None

    def merge(self, pair: str, token: str) -> None:
        """Put `token` in place of `pair` in every word, and queue the pairs it is part of."""
        born: set[str] = set()
        for index in self.words_with.pop(pair):
            self.words[index] = self.words[index].replace(pair, token)
            for lost, new in changes(self.words[index], pair, token):
                self.counts[lost] -= self.word_counts[index]
                self.counts[new] += self.word_counts[index]
                self.words_with[new].add(index)
                born.add(new)
        del self.counts[pair]
        for new in born:
            heappush(self._queue, (-self.counts[new], new))


def changes(word: str, pair: str, token: str) -> Iterable[tuple[str, str]]:
    """(the pair that was, the pair that is) at each side of each `token`, put there for `pair`."""
    first, second = pair[0], pair[1]
    for left, right in pairwise(word):
        if right == token:
            yield (second if left == token else left) + first, left + right
        elif left == token:
            yield second + right, left + right
