"""Where an array lives: NumPy on the CPU, CuPy on the GPU. Nothing is chosen at import."""

import importlib
import sys
from functools import cache
from typing import Any

import numpy as np

CUDA_HINT = 'pip install "cupy-cuda13x[ctk]" (or cupy-cuda12x[ctk] for an older driver)'

_provided: Any = None  # what stands in for CuPy
_provided_special: Any = None


def cuda_module() -> Any:
    """CuPy, or what `provide_cuda` put in its place.

    Raises:
        ImportError: CuPy is not installed.
    """
    return _provided or importlib.import_module("cupy")


def provide_cuda(module: Any, special: Any = None) -> None:
    """Let `module` stand in for CuPy from now on; None goes back to CuPy itself.

    It needs what the engine uses of CuPy: functions, `ndarray`, `RawModule`, and a
    `cuda.is_available()` that says True; `special` what it uses of `cupyx.scipy.special`.
    So code for the GPU can be tested without one.
    """
    global _provided, _provided_special
    _provided, _provided_special = module, special
    why_no_cuda.cache_clear()


def array_module(x: Any) -> Any:
    """The module that made `x` and computes with it: `numpy`, or `cupy`.

    Raises:
        TypeError: `x` is neither an array nor a number.
    """
    if isinstance(x, np.ndarray | np.generic | int | float | list | tuple):
        return np
    if _provided is not None and isinstance(x, _provided.ndarray):
        return _provided
    module = sys.modules[type(x).__module__.partition(".")[0]]
    if not hasattr(module, "ndarray"):
        raise TypeError(f"expected a tensor, an array or a number, got {type(x).__name__}")
    return module


def index_for(x: Any, index: Any) -> Any:
    """`index` as it may be used on `x`: CuPy wraps numbers out of range, so NumPy is asked first.

    Raises:
        IndexError: a number in it is out of range.
    """
    if isinstance(x, np.ndarray):
        return index
    parts = index if isinstance(index, tuple) else (index,)
    if not any(hasattr(part, "dtype") for part in parts):
        return index
    on_host = tuple([to_device(part, "cpu") if hasattr(part, "dtype") else part for part in parts])
    np.broadcast_to(np.False_, x.shape)[on_host]
    return tuple([to_device(p, "cuda") if isinstance(p, np.ndarray) else p for p in on_host])


def value_for(x: Any, value: Any) -> Any:
    """`value` as it may be written into `x`: what is not on the GPU is moved there."""
    if isinstance(x, np.ndarray) or isinstance(value, int | float):
        return value
    return to_device(value if hasattr(value, "dtype") else np.asarray(value), "cuda")


def special_functions(x: Any) -> Any:
    """`scipy.special` for the library that made `x`."""
    if array_module(x) is np:
        return importlib.import_module("scipy.special")
    return _provided_special or importlib.import_module("cupyx.scipy.special")


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
        cupy = cuda_module()
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
    return cuda_module().asarray(x)
