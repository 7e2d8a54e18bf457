"""Cuts text into the words that byte pairs are merged within: no token ever spans two of them."""

import re

# Runs end after 64 characters, since the time to merge a word grows with its length squared.
WORD = re.compile(
    r"""
      \ ?[^\W\d]{1,64}               # letters and underscores, with the space before them
    | \ ?\d{1,3}                     # digits, three at a time
    | \ ?[^\w\s]{1,64}               # punctuation and symbols
    | (?:\r?\n){1,64}[ \t]{0,64}     # line ends and the indentation of the line that follows
    | [^\S\n]{1,64}(?!\S)            # other spaces, but for the last, which goes with its word
    | \s                             # a tab before a word, and whatever else is space
    """,
    re.VERBOSE,
)


def split_words(text: str) -> list[str]:
    """The words of `text` in order; joined, they are `text` again, character for character."""
    return WORD.findall(text)
