"""Tokenizers: text in, integer ids out, and back. One file each."""

from minitransformer.text.bpe import BPETokenizer
from minitransformer.text.byte import ByteTokenizer
from minitransformer.text.char import CharTokenizer
from minitransformer.text.streaming import StreamDecoder
from minitransformer.text.tokenizer import Tokenizer, tokenizer_from_dict
from minitransformer.text.word import WordTokenizer

__all__ = [
    "BPETokenizer",
    "ByteTokenizer",
    "CharTokenizer",
    "StreamDecoder",
    "Tokenizer",
    "WordTokenizer",
    "tokenizer_from_dict",
]
