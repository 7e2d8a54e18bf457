"""BERT's first cut: text to words and signs, cleaned, and for “uncased” models folded.

Follows Google's tokenization.py (Devlin et al. 2019) and the `tokenizers` library. What a
character is, Python's `unicodedata` says; the library's own tables are of Unicode 8, and know
fewer marks and signs. BERT's vocabulary has none of those that came later.
"""

from collections.abc import Callable
from unicodedata import category, normalize

HAN = (
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF)),
    *((0x2A700, 0x2B81F), (0x2B920, 0x2CEAF), (0x2F800, 0x2FA1F)),
)


class Characters(dict[int, str]):
    """What becomes of each character, for `str.translate`: worked out at first sight."""

    def __init__(self, rule: Callable[[str], str]):
        super().__init__()
        self._rule = rule

    def __missing__(self, code: int) -> str:
        self[code] = self._rule(chr(code))
        return self[code]


def clean(character: str) -> str:
    """Nothing for control characters, a space for any space, spaces around Chinese."""
    kind = category(character)
    if character in "\t\n\r" or kind[0] == "Z":
        return " "
    if character == "\ufffd" or kind in {"Cc", "Cf", "Co", "Cs"}:
        return ""
    han = any(first <= ord(character) <= last for first, last in HAN)
    return f" {character} " if han else character


def fold(character: str) -> str:
    """The lower case of a base letter; nothing for an accent that was parted from its letter."""
    return "" if category(character) == "Mn" else character.lower()


def part(character: str) -> str:
    """Spaces around punctuation, to which BERT counts all of ASCII's signs, as $ and +."""
    sign = "!" <= character <= "~" and not character.isalnum()
    return f" {character} " if sign or category(character)[0] == "P" else character


CLEANED, FOLDED, PARTED = Characters(clean), Characters(fold), Characters(part)


def basic_words(text: str, lower_case: bool) -> list[str]:
    """The words and signs of `text`, in order."""
    text = text.translate(CLEANED)
    if lower_case:
        text = normalize("NFD", text).translate(FOLDED)
    return text.translate(PARTED).split()
