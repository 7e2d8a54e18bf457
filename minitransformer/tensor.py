"""Tensor: an array, its gradient, and the node of the graph that made it."""

import weakref
from typing import Any, Self

import numpy as np

from minitransformer import graph
from minitransformer.devices import (
    array_module,
    check_device,
    device_of,
    index_for,
    keep_array,
    to_device,
    value_for,
)
from minitransformer.graph import settings
from minitransformer.methods import OPS, Methods, as_index, data_of, named


class Version:
    """Counts the in-place changes of one piece of memory; its views share the count."""

    __slots__ = ("count", "shared")

    def __init__(self) -> None:
        self.count = 0
        self.shared = False


class Tensor(Methods):
    """An array that remembers how it was made.

    Args:
        data: NumPy or CuPy array (its memory is shared) or anything `np.asarray` takes.
        requires_grad: collect a gradient here when `backward` is called on a result.

    Attributes:
        data: the array.
        grad: array of the same shape, or None before the first backward pass.
    """

    __slots__ = ("__weakref__", "_data", "_node", "_requires_grad", "_version", "grad")
    __array_ufunc__ = None  # array + tensor asks the tensor

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self._data = as_array(data_of(data))
        self.grad: Any = None
        self._node: graph.Node | None = None
        self._version = Version()
        if isinstance(data, Tensor):
            self._share_version(data)
        self._requires_grad = False
        if requires_grad:
            self.requires_grad = True

    @staticmethod
    def _plain(array: Any) -> "Tensor":
        """A Tensor around an array, outside the graph; the quick way in."""
        new = Tensor.__new__(Tensor)
        new._data = array
        new.grad = None
        new._node = None
        new._version = Version()
        new._requires_grad = False
        return new

    @property
    def data(self) -> Any:
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = as_array(data_of(value))
        self.mark_changed()

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self._data.dtype.kind != "f":
            raise TypeError(
                f"requires_grad: expected a floating-point tensor, got {self._data.dtype}"
            )
        if not value and self._node is not None:
            raise RuntimeError("requires_grad: only leaves can be switched off; use detach()")
        self._requires_grad = bool(value)

    shape = property(lambda self: self._data.shape)
    dtype = property(lambda self: self._data.dtype)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)
    device = property(lambda self: device_of(self._data))
    is_leaf = property(lambda self: self._node is None)
    T = property(lambda self: self.permute(*reversed(range(self.ndim))))

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add this tensor's gradient to every leaf that it was made from (`graph.backward`)."""
        graph.backward(self, gradient, retain_graph)

    def retain_grad(self) -> None:
        """Keep `.grad` here too, although this is not a leaf."""
        if self._node is not None:
            self._node.retained = weakref.ref(self)

    def detach(self) -> "Tensor":
        """The same memory, outside the graph."""
        return self._plain(self._data)._share_version(self)

    def mark_changed(self) -> None:
        """Say that the data was changed in place: nodes that saved it will refuse to use it."""
        self._version.count += 1

    def _share_version(self, of: "Tensor") -> Self:
        self._version = of._version
        self._version.shared = True
        return self

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self.size != 1:
            raise ValueError(f"item: expected a single element, got shape {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        return self._data.tolist()

    def numpy(self) -> np.ndarray:
        """The data as a NumPy array (shared memory on the CPU)."""
        if self._requires_grad:
            raise RuntimeError(
                "numpy: this tensor requires a gradient, which NumPy would lose; "
                "use tensor.detach().numpy()"
            )
        return to_device(self._data, "cpu")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def to(self, target: Any) -> "Tensor":
        """This tensor on another device ("cpu", "cuda") or in another dtype."""
        try:
            dtype = np.dtype(target)
        except TypeError:
            check_device(target, "to")
            return self if target == self.device else OPS["to"].apply(self, device=target)
        if dtype == self.dtype:
            return self
        source = self if dtype.kind == "f" else self.detach()  # integers have no gradient
        return OPS["to"].apply(source, dtype=dtype)

    def __setitem__(self, index: Any, value: Any) -> None:
        if settings.grad and (self._requires_grad or getattr(value, "requires_grad", False)):
            raise RuntimeError(
                "setitem: writing into a tensor would lose a gradient; build the result with "
                "where or concatenate, or write under no_grad()"
            )
        try:
            index = index_for(self._data, as_index(index))
            self._data[index] = value_for(self._data, data_of(value))
        except (ValueError, TypeError, IndexError) as error:
            raise named(error, "setitem", (self, value)) from error
        self.mark_changed()

    def _in_place(self, name: str, other: Any) -> Self:
        wants = settings.grad and (self._requires_grad or getattr(other, "requires_grad", False))
        if not wants:
            ufunc = getattr(array_module(self._data), _UFUNCS[name])
            try:
                ufunc(self._data, data_of(other), out=self._data)
            except (ValueError, TypeError) as error:
                raise named(error, f"in-place {name}", (self, other)) from error
            self.mark_changed()
            return self
        if self._version.shared or (self._requires_grad and self._node is None):
            what = "shares memory with a view" if self._version.shared else "is a leaf"
            raise RuntimeError(
                f"in-place {name}: this tensor {what}, and a gradient would be lost; make a new "
                "one (x = x + y), or change it under no_grad()"
            )
        # The old array stays as it is, for the nodes that saved it.
        result = OPS[name].apply(self, other)
        if result.shape != self.shape:
            raise ValueError(f"in-place {name}: {self.shape} cannot hold {result.shape}")
        self._data, self._version = result._data, result._version
        self._node, self._requires_grad = result._node, True
        return self

    __iadd__: Any = lambda self, other: self._in_place("add", other)
    __isub__: Any = lambda self, other: self._in_place("sub", other)
    __imul__: Any = lambda self, other: self._in_place("mul", other)
    __itruediv__: Any = lambda self, other: self._in_place("div", other)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len: a tensor of shape () has no length")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"bool: expected a single element, got shape {self.shape}")
        return bool(self._data.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __repr__(self) -> str:
        text = np.array2string(to_device(self._data, "cpu"), separator=", ", prefix="tensor(")
        how = f", op={self._node.op.op_name}" if self._node is not None else ""
        how = how or (", requires_grad=True" if self._requires_grad else "")
        dtype = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        return f"tensor({text}{dtype}{how})"


_UFUNCS = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide"}


def as_operand(x: Any) -> Any:
    """An op's input as its forward pass takes it: array, Python number or None."""
    return as_array(x) if isinstance(x, list | tuple) else x


def as_array(x: Any, dtype: Any = None) -> Any:
    """An array of `x`: of `dtype`; else of its own; else float32 for Python floats."""
    if hasattr(x, "dtype"):
        return keep_array(x)
    try:
        array = np.asarray(x, dtype=dtype)
    except ValueError as error:
        raise ValueError(f"tensor: expected equal rows, got a ragged list: {x!r:.60}") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"tensor: expected numbers, got {type(x).__name__} of dtype {array.dtype}")
    python = array.dtype == np.float64 and dtype is None and not _has_dtype(x)
    return array.astype(np.float32) if python else array


def _has_dtype(x: Any) -> bool:
    while isinstance(x, list | tuple) and x:
        x = x[0]
    return hasattr(x, "dtype")
