"""Layers: parts of a model that keep their own parameters.

Linear, Embedding and so on are thin: each holds Parameters and calls one function of
`minitransformer.functional`. `Module` is what they share.
"""

from minitransformer.nn import init
from minitransformer.nn.activations import GELU, ReLU, Sigmoid, SiLU, Tanh
from minitransformer.nn.attention import MultiHeadAttention, key_padding_mask
from minitransformer.nn.containers import ModuleList, Sequential
from minitransformer.nn.convolution import Conv2d, ConvTranspose2d
from minitransformer.nn.layers import Dropout, Embedding, Flatten, Linear
from minitransformer.nn.module import Module, evaluating
from minitransformer.nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm, RMSNorm
from minitransformer.nn.parameter import Parameter
from minitransformer.nn.pooling import AvgPool2d, MaxPool2d, Upsample
from minitransformer.nn.positions import LearnedPositions, SinusoidalPositions
from minitransformer.nn.recurrent import GRU, LSTM, RNN
from minitransformer.nn.transformer import TransformerBlock, TransformerDecoderBlock
