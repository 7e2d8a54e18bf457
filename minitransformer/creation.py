"""New tensors: from numbers, filled, or random."""

from typing import Any

import numpy as np

from minitransformer import random
from minitransformer.devices import array_module, check_device, to_device
from minitransformer.methods import data_of, flat
from minitransformer.tensor import Tensor, as_array


def tensor(
    data: Any, dtype: Any = None, requires_grad: bool = False, device: str | None = None
) -> Tensor:
    """A Tensor with a copy of `data`; Python floats become float32.

    Raises:
        ValueError: `data` is a ragged list.
        TypeError: `data` is not numbers, or integers are asked for a gradient.
    """
    array = as_array(data_of(data), dtype)
    array = array_module(array).array(array, dtype=dtype)
    if device is not None:
        array = to_device(array, check_device(device, "tensor"))
    return Tensor(array, requires_grad)


def zeros(*shape: Any, dtype: Any = np.float32, **options: Any) -> Tensor:
    """A tensor of zeros; options: requires_grad, device."""
    return tensor(np.zeros(flat(shape), dtype), **options)


def ones(*shape: Any, dtype: Any = np.float32, **options: Any) -> Tensor:
    """A tensor of ones; options: requires_grad, device."""
    return tensor(np.ones(flat(shape), dtype), **options)


def randn(*shape: Any, dtype: Any = np.float32, **options: Any) -> Tensor:
    """Independent draws from the standard normal; options: requires_grad, device."""
    return tensor(random.generator().standard_normal(flat(shape)).astype(dtype), **options)


def arange(*bounds: float, dtype: Any = None, **options: Any) -> Tensor:
    """`arange(stop)` or `arange(start, stop, step)`: int64, or float32 if a bound is a float."""
    if dtype is None:
        dtype = np.float32 if any(isinstance(b, float) for b in bounds) else np.int64
    return tensor(np.arange(*bounds, dtype=dtype), **options)
