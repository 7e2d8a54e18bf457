"""What `strict_cupy` refuses, and why."""

from typing import Any

import numpy as np

UFUNC_KEYWORDS = ("out", "dtype", "casting")
REFUSED_KEYWORDS = {"einsum": ("out",)}  # of functions that say they take any


class CuPyError(TypeError):
    """CuPy would refuse this, or silently do something else than NumPy."""


def on_host(x: Any) -> np.ndarray:
    """The memory of a device array.

    Raises:
        CuPyError: it is something else.
    """
    if not hasattr(x, "_host"):
        raise CuPyError(f"expected a device array, got {type(x).__name__}")
    return x._host


def hosts(x: Any) -> Any:
    """An argument with the device arrays in it, in tuples and lists too, as NumPy takes them.

    Raises:
        CuPyError: an array of the host is among them.
    """
    if isinstance(x, np.ndarray):
        raise CuPyError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(x, tuple | list):
        return type(x)(hosts(i) for i in x)
    return getattr(x, "_host", x)


def allow(name: str, parameters: Any, args: tuple, kwargs: dict[str, Any]) -> None:
    """Refuse arguments that CuPy's function does not take.

    Args:
        parameters: as `cupy_api` stores them: "ufunc", names, or None where nobody knows.
    """
    known = UFUNC_KEYWORDS if parameters == "ufunc" else parameters
    for key in kwargs:
        unknown = known is not None and "**" not in known and key not in known
        if unknown or key in REFUSED_KEYWORDS.get(name, ()):
            raise TypeError(f"cupy.{name}() got an unexpected keyword argument {key!r}")
    if parameters == "ufunc" and any(isinstance(x, list) for x in args):
        raise CuPyError("Unsupported type <class 'list'>")


def unique_places(index: Any, array: np.ndarray, value: Any) -> None:
    """Refuse an assignment of several values to one place: which one stays is undefined."""
    parts = index if isinstance(index, tuple) else (index,)
    integers = any(isinstance(i, np.ndarray) and i.dtype.kind in "iu" for i in parts)
    if integers and not np.isscalar(value):
        places = np.arange(array.size).reshape(array.shape)[index].ravel()
        if len(np.unique(places)) != len(places):
            raise CuPyError("one place is assigned twice: what stays is undefined; use xp.add.at")
