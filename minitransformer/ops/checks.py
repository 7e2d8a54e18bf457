"""What the ops refuse, and in which words: `name: what was expected, what came`."""

from typing import Any


def check_dtypes(name: str, **arrays: Any) -> None:
    """Refuse a mix of float32 and float64, which would be slow and half as exact as it looks."""
    first = None
    for label, x in arrays.items():
        if x is None:
            continue
        if not hasattr(x, "dtype"):
            raise TypeError(f"{name}: expected an array for {label}, got {type(x).__name__}")
        if first is None:
            first = x.dtype
        elif x.dtype != first:
            dtypes = {k: v.dtype for k, v in arrays.items() if hasattr(v, "dtype")}
            got = ", ".join(f"{label} {dtype}" for label, dtype in dtypes.items())
            raise TypeError(f"{name}: expected one dtype, got {got}")


def check_floating(name: str, x: Any, label: str = "input") -> None:
    """Refuse integers where the result would be rounded to them."""
    dtype = getattr(x, "dtype", type(x).__name__)
    if getattr(dtype, "kind", "") != "f":
        raise TypeError(f"{name}: expected a floating-point {label}, got {dtype}")


def check_indices(name: str, label: str, indices: Any, size: int) -> None:
    """Refuse what is not an integer from 0 to size - 1: NumPy would wrap a negative one.

    Indices on the GPU are looked at there (CuPy would wrap them all), and waited for.
    """
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name}: {label} should be integers, got {indices.dtype}")
    if indices.size == 0:
        return
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= size:
        raise IndexError(
            f"{name}: {label} should be from 0 to {size - 1}, got {low if low < 0 else high}"
        )


def check_probability(name: str, p: float) -> None:
    """Refuse what is not a probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: expected a probability between 0 and 1, got {p}")


def check_axes(name: str, shape: tuple[int, ...], axis: Any) -> None:
    """Refuse an axis that the shape does not have, or that is named twice."""
    if axis is None:
        return
    axes = axis if isinstance(axis, tuple) else (axis,)
    ndim = len(shape)
    fits = all(hasattr(i, "__index__") and -ndim <= i < ndim for i in axes)
    if not fits or len({i % ndim for i in axes}) < len(axes):
        raise ValueError(f"{name}: expected different axes of shape {shape}, got {axis}")
