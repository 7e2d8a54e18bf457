"""First values of parameters, drawn in place from the library's one generator."""

from math import prod, sqrt
from typing import Any

from minitransformer import random
from minitransformer.devices import to_device
from minitransformer.graph import no_grad
from minitransformer.tensor import Tensor


def uniform_(tensor: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Independent draws, uniform between `low` and `high`."""
    draws = random.generator().random(tensor.shape, dtype=tensor.dtype)
    draws *= high - low
    draws += low
    return _fill(tensor, draws)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Independent draws from a normal distribution."""
    draws = random.generator().standard_normal(tensor.shape, dtype=tensor.dtype)
    draws *= std
    draws += mean
    return _fill(tensor, draws)


def constant_(tensor: Tensor, value: float) -> Tensor:
    """The same number everywhere."""
    with no_grad():
        tensor[...] = value
    return tensor


def fan_in_uniform_(tensor: Tensor, fan_in: int) -> Tensor:
    """Uniform within ±1/√fan_in: PyTorch's default for linear and convolution layers.

    The same as its kaiming_uniform_ with a=√5. He et al. 2015, https://arxiv.org/abs/1502.01852
    """
    bound = 1 / sqrt(fan_in)
    return uniform_(tensor, -bound, bound)


def xavier_uniform_(tensor: Tensor) -> Tensor:
    """Uniform within ±√(6 / (fan_in + fan_out)), for a weight (out, in, ...).

    Glorot and Bengio 2010, AISTATS.
    """
    receptive = prod(tensor.shape[2:])
    bound = sqrt(6 / ((tensor.shape[0] + tensor.shape[1]) * receptive))
    return uniform_(tensor, -bound, bound)


def _fill(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        tensor[...] = to_device(values, tensor.device)
    return tensor
