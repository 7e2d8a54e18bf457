"""The plain function for each op, with PyTorch's names and arguments.

Inputs may be Tensors or arrays. Ids, targets and masks need no gradient; NumPy ones are
moved to the device of the tensor that they go with. The range of ids is checked first, on the
host: ids that are on the GPU already make the step wait until they were looked at there.
"""

from minitransformer.functional.activations import (
    dropout,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    tanh,
)
from minitransformer.functional.attention import packed_self_attention, scaled_dot_product_attention
from minitransformer.functional.convolution import conv2d, conv_transpose2d
from minitransformer.functional.lookups import embedding
from minitransformer.functional.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)
from minitransformer.functional.normalization import batch_norm, layer_norm, rms_norm
from minitransformer.functional.pooling import avg_pool2d, max_pool2d, upsample
from minitransformer.functional.products import einsum, linear, matmul
from minitransformer.functional.recurrent import gru, lstm, rnn
from minitransformer.functional.selection import concatenate, maximum, minimum, pad, stack, where
from minitransformer.functional.sequences import gather_positions, masked_mean, rotary
