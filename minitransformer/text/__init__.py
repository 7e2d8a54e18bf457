"""Tokenizers: text in, integer ids out, and back. One file each."""

from minitransformer.text.bpe import BPETokenizer
from minitransformer.text.byte import ByteTokenizer
from minitransformer.text.char import CharTokenizer
from minitransformer.text.gpt2 import GPT2Tokenizer
from minitransformer.text.streaming import StreamDecoder
from minitransformer.text.tokenizer import Tokenizer, tokenizer_from_dict
from minitransformer.text.word import WordTokenizer
from minitransformer.text.wordpiece import WordPieceTokenizer

__all__ = [
    "BPETokenizer",
    "ByteTokenizer",
    "CharTokenizer",
    "GPT2Tokenizer",
    "StreamDecoder",
    "Tokenizer",
    "WordPieceTokenizer",
    "WordTokenizer",
    "tokenizer_from_dict",
]
