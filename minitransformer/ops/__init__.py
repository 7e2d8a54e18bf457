"""The textbook: every op's forward pass and hand-written backward pass, side by side."""

from minitransformer.ops.activations import GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from minitransformer.ops.arithmetic import (
    Abs,
    Add,
    Cos,
    Div,
    Exp,
    Log,
    Mul,
    Neg,
    Pow,
    Sin,
    Sqrt,
    Sub,
)
from minitransformer.ops.attention import Attention, PackedAttention
from minitransformer.ops.batch_norm import BatchNorm
from minitransformer.ops.convolution import Conv2d, ConvTranspose2d
from minitransformer.ops.dropout import Dropout
from minitransformer.ops.embedding import Embedding
from minitransformer.ops.linear import Einsum, Linear, MatMul
from minitransformer.ops.losses import BCEWithLogits, CrossEntropy, MSELoss
from minitransformer.ops.normalization import LayerNorm, RMSNorm
from minitransformer.ops.pooling import AvgPool2d, MaxPool2d, Upsample
from minitransformer.ops.positions import Rotary
from minitransformer.ops.recurrent import GRU, LSTM, RNN
from minitransformer.ops.reductions import MaskedMean, Max, Mean, Min, Sum, Var
from minitransformer.ops.selection import Clip, Maximum, Minimum, Where
from minitransformer.ops.shapes import (
    BroadcastTo,
    Concatenate,
    GetItem,
    Pad,
    Permute,
    Reshape,
    Stack,
    To,
    Tril,
)
from minitransformer.ops.softmax import LogSoftmax, Softmax
from minitransformer.ops.updates import AdagradUpdate, AdamUpdate, RMSpropUpdate, SGDUpdate
