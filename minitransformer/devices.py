"""Where an array lives: NumPy on the CPU, CuPy on the GPU. Nothing is chosen at import."""

import sys
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

CUDA_HINT = 'pip install "cupy-cuda13x[ctk]" (or cupy-cuda12x[ctk] for an older driver)'


def array_module(x: Any) -> ModuleType:
    """The module that made `x` and computes with it: `numpy`, or `cupy`.

    Raises:
        TypeError: `x` is neither an array nor a number.
    """
    if isinstance(x, np.ndarray | np.generic | int | float | list | tuple):
        return np
    module = sys.modules[type(x).__module__.partition(".")[0]]
    if not hasattr(module, "ndarray"):
        raise TypeError(f"expected a tensor, an array or a number, got {type(x).__name__}")
    return module


def keep_array(x: Any) -> Any:
    """`x`, as an array of shape () where NumPy made it a scalar, which cannot be written to."""
    return np.asarray(x) if isinstance(x, np.generic) else x


def device_of(x: Any) -> str:
    """`"cpu"` or `"cuda"`."""
    return "cpu" if array_module(x) is np else "cuda"


@cache
def why_no_cuda() -> str | None:
    """Why the GPU cannot be used, in words one can act on; None where it works."""
    try:
        import cupy
    except ImportError as error:
        return f"CuPy cannot be imported ({error}): {CUDA_HINT}"
    try:
        if not cupy.cuda.is_available():
            return "CuPy is installed, but finds no CUDA device: is the NVIDIA driver there?"
        ones = cupy.ones(3, dtype=np.float32)
        if float(ones @ ones) != 3.0:
            return "CuPy runs, but a product of three ones is not 3"
    except Exception as error:
        return f"CuPy is installed, but cannot compute ({error}): {CUDA_HINT}"
    return None


def check_device(device: str, where: str) -> str:
    """`device` itself, once it is known to be usable.

    Raises:
        ValueError: it is neither "cpu" nor "cuda".
        RuntimeError: it is "cuda" and there is no working GPU; the message says why.
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f'{where}: expected device "cpu" or "cuda", got {device!r}')
    if device == "cuda" and (reason := why_no_cuda()):
        raise RuntimeError(f'{where}: device "cuda" is not usable here: {reason}')
    return device


def to_device(x: Any, device: str) -> Any:
    """The array `x` on `device`; `x` itself if it is there already."""
    if device == device_of(x):
        return x
    if check_device(device, "to_device") == "cpu":
        return x.get()
    import cupy

    return cupy.asarray(x)
