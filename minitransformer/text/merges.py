"""Learns byte pair merges: join the commonest pair of neighbours everywhere, and repeat."""

from collections import defaultdict
from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

Pair = tuple[int, int]


def learn_merges(word_counts: Mapping[bytes, int], n_merges: int) -> list[Pair]:
    """The pairs to merge, in order; merge i makes token 256 + i (Sennrich et al., 2016).

    word_counts: how often each word occurs. Of equally common pairs the one of lowest ids is
    merged, so the result depends on the counts alone. Stops early once no pair occurs twice.
    """
    pairs = PairCounts(word_counts)
    merges: list[Pair] = []
    while len(merges) < n_merges and (pair := pairs.pop_commonest()) is not None:
        pairs.merge(pair, token=256 + len(merges))
        merges.append(pair)
    return merges


def merge(ids: list[int], pair: Pair, token: int) -> list[int]:
    """`ids` with `token` in place of each `pair`, from the left."""
    first, second = pair
    merged = []
    position, last = 0, len(ids) - 1
    while position <= last:
        found = ids[position] == first and position < last and ids[position + 1] == second
        merged.append(token if found else ids[position])
        position += 2 if found else 1
    return merged


class PairCounts:
    """How often each pair occurs, kept up to date by looking only at the words that change."""

    def __init__(self, word_counts: Mapping[bytes, int]):
        self.words = [list(word) for word in word_counts]
        self.word_counts = list(word_counts.values())
        self.counts: dict[Pair, int] = defaultdict(int)
        self.words_with: dict[Pair, set[int]] = defaultdict(set)
        for index in range(len(self.words)):
            self._add(index)
        self._queue = [(-count, pair) for pair, count in self.counts.items()]
        heapify(self._queue)

    def pop_commonest(self) -> Pair | None:
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

    def merge(self, pair: Pair, token: int) -> None:
        """Put `token` in place of `pair` in every word, and queue the pairs it is part of."""
        born: set[Pair] = set()
        for index in self.words_with.pop(pair):
            self._remove(index)
            self.words[index] = merge(self.words[index], pair, token)
            self._add(index)
            born.update(new for new in pairwise(self.words[index]) if token in new)
        for new in born:
            heappush(self._queue, (-self.counts[new], new))

    def _add(self, index: int) -> None:
        for pair in pairwise(self.words[index]):
            self.counts[pair] += self.word_counts[index]
            self.words_with[pair].add(index)

    def _remove(self, index: int) -> None:
        for pair in pairwise(self.words[index]):
            self.counts[pair] -= self.word_counts[index]
            self.words_with[pair].discard(index)
