"""Models, one file each, to be read from top to bottom."""

from minitransformer.models.bert import BERT, BERTConfig
from minitransformer.models.bert_heads import BERTClassifier, BERTMaskedLM
from minitransformer.models.cnn import CNN, CNNConfig
from minitransformer.models.gan import GAN, GANConfig
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.lstm_classifier import LSTMClassifier, LSTMClassifierConfig
from minitransformer.models.mlp import MLP, MLPConfig
from minitransformer.models.sentences import SentenceEncoder
from minitransformer.models.seq2seq import Seq2Seq, Seq2SeqConfig
from minitransformer.models.transformer_classifier import (
    TransformerClassifier,
    TransformerClassifierConfig,
)
from minitransformer.models.vit import ViT, ViTConfig
