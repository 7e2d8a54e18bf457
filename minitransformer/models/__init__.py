"""Models, one file each, to be read from top to bottom."""

from minitransformer.models.bert import BERT, BERTConfig
from minitransformer.models.bert_heads import BERTClassifier, BERTMaskedLM
from minitransformer.models.gpt import GPT, GPTConfig
