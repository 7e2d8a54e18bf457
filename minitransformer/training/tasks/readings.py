"""How Chinese characters are read: by looking each up alone, and how right a reading is."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from minitransformer.data import SentencePair
from minitransformer.text.word import HAN

CHARACTER = re.compile(f"[{HAN}]")


class Lookup:
    """Each character's commonest reading among the pairs it was made from, whatever stands beside.

    Most characters have one reading, so that this is right nearly always: a model is shown beside
    it.
    """

    def __init__(self, pairs: Iterable[SentencePair]) -> None:
        counts: dict[str, Counter] = defaultdict(Counter)
        for pair in pairs:
            for character, syllable in readings(pair):
                counts[character][syllable] += 1
        self.commonest = {c: found.most_common(1)[0][0] for c, found in counts.items()}
        self.several = {c for c, found in counts.items() if len(found) > 1}

    def read(self, chinese: str) -> list[str]:
        """A syllable for each character, "?" for one that is not known."""
        return [self.commonest.get(character, "?") for character in CHARACTER.findall(chinese)]


def readings(pair: SentencePair) -> Iterable[tuple[str, str]]:
    """Each character of a sentence with its syllable.

    Raises:
        ValueError: there is not one syllable a character.
    """
    characters = CHARACTER.findall(pair.chinese)
    if len(characters) != len(pair.pinyin):
        raise ValueError(
            f"pinyin: expected a syllable for each of {len(characters)} characters of "
            f"{pair.chinese!r}, got {len(pair.pinyin)}"
        )
    return zip(characters, pair.pinyin, strict=True)


def syllable_accuracy(
    found: Sequence[Sequence[str]], pairs: Sequence[SentencePair], among: Iterable[str] = ()
) -> tuple[float, int]:
    """The share of syllables that stand right at their place, and how many there were.

    Args:
        found: the syllables of each sentence, which may be too many or too few.
        pairs: the sentences.
        among: count these characters only; all where there are none.
    """
    right, count, wanted = 0, 0, set(among)
    for syllables, pair in zip(found, pairs, strict=True):
        for place, (character, syllable) in enumerate(readings(pair)):
            if not wanted or character in wanted:
                count += 1
                right += place < len(syllables) and syllables[place] == syllable
    return right / max(count, 1), count
