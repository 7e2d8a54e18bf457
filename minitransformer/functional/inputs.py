"""What the functions share: ids, targets and masks as arrays on the right device."""

from typing import Any

import numpy as np

from minitransformer.devices import array_module, device_of, to_device
from minitransformer.methods import data_of
from minitransformer.tensor import Tensor

Input = Any  # Tensor, array, or number


def index_array(name: str, label: str, x: Any) -> Any:
    x = data_of(x)
    if not hasattr(x, "dtype"):
        x = np.asarray(x, dtype=None if np.size(x) else np.int64)
    if x.dtype.kind not in "iu":
        raise TypeError(f"{name}: {label} should be integers, got {x.dtype}")
    return x


def beside(x: Any, tensor: Any) -> Any:
    """A NumPy array on the device of the tensor that it goes with; a Tensor as it is."""
    if isinstance(x, Tensor):
        return x
    x = x if hasattr(x, "dtype") else np.asarray(x)
    like = data_of(tensor)
    return x if array_module(like) is np else to_device(x, device_of(like))
