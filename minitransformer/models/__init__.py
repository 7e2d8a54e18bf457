"""Models, one file each, to be read from top to bottom."""

from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.seq2seq import Seq2Seq, Seq2SeqConfig
