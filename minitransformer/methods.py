"""The operators and methods of a Tensor, each one op, found by name in `OPS`.

`minitransformer.ops` fills the table when it is imported; this look-up is the one place
where the engine reaches up to its ops.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitransformer.devices import array_module, device_of, keep_array, to_device

OPS: dict[str, Any] = {}


def data_of(x: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return x._data if isinstance(x, Methods) else x


def _op(name: str, swapped: bool = False) -> Callable[..., Any]:
    """A method that applies the op called `name`."""

    def method(self: "Methods", *inputs: Any, **options: Any) -> Any:
        operands = (*inputs, self) if swapped else (self, *inputs)
        return OPS[name].apply(*operands, **options)

    method.__name__ = name
    return method


def _comparison(name: str) -> Callable[["Methods", Any], Any]:
    """A method that compares elementwise; the answer is boolean and has no gradient."""

    def method(self: "Methods", other: Any) -> Any:
        other = data_of(other)
        try:
            array_module(other)
        except TypeError:  # None, a string: Python answers False to ==, and refuses <
            return NotImplemented
        compare = getattr(array_module(self._data), name)
        return self._plain(keep_array(compare(self._data, other)))

    method.__name__ = name
    return method


class Methods:
    """What `x + y`, `x.exp()` and `x.sum(axis=0)` mean; `Tensor` adds the state."""

    __slots__ = ()
    _data: Any
    shape: Any
    ndim: Any

    @staticmethod
    def _plain(array: Any) -> Any:
        """A Tensor outside the graph."""
        raise NotImplementedError

    __add__ = __radd__ = _op("add")
    __mul__ = __rmul__ = _op("mul")
    __sub__, __rsub__ = _op("sub"), _op("sub", swapped=True)
    __truediv__, __rtruediv__ = _op("div"), _op("div", swapped=True)
    __pow__, __rpow__ = _op("pow"), _op("pow", swapped=True)
    __matmul__, __rmatmul__ = _op("matmul"), _op("matmul", swapped=True)
    __neg__, __abs__ = _op("neg"), _op("abs")
    __eq__, __ne__ = _comparison("equal"), _comparison("not_equal")  # type: ignore[assignment]
    __lt__, __le__ = _comparison("less"), _comparison("less_equal")
    __gt__, __ge__ = _comparison("greater"), _comparison("greater_equal")
    __hash__ = object.__hash__

    exp, log, sqrt, abs = _op("exp"), _op("log"), _op("sqrt"), _op("abs")
    sin, cos, tanh, sigmoid = _op("sin"), _op("cos"), _op("tanh"), _op("sigmoid")
    relu, matmul, maximum, minimum = _op("relu"), _op("matmul"), _op("maximum"), _op("minimum")

    def softmax(self, axis: int = -1, *, dim: int | None = None) -> Any:
        return OPS["softmax"].apply(self, axis=_axis(axis, dim))

    def log_softmax(self, axis: int = -1, *, dim: int | None = None) -> Any:
        return OPS["log_softmax"].apply(self, axis=_axis(axis, dim))

    def sum(self, axis: Any = None, keepdims: bool = False, *, dim: Any = None) -> Any:
        return OPS["sum"].apply(self, axis=_axis(axis, dim), keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False, *, dim: Any = None) -> Any:
        return OPS["mean"].apply(self, axis=_axis(axis, dim), keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False, *, dim: Any = None) -> Any:
        """The largest values (not their positions: `argmax`); ties share the gradient."""
        return OPS["max"].apply(self, axis=_axis(axis, dim), keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False, *, dim: Any = None) -> Any:
        """The smallest values; ties share the gradient."""
        return OPS["min"].apply(self, axis=_axis(axis, dim), keepdims=keepdims)

    def var(
        self, axis: Any = None, correction: int = 1, keepdims: bool = False, *, dim: Any = None
    ) -> Any:
        """The mean squared distance from the mean, over n - correction."""
        options = {"correction": correction, "keepdims": keepdims}
        return OPS["var"].apply(self, axis=_axis(axis, dim), **options)

    def argmax(
        self, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None
    ) -> Any:
        """Positions of the largest values, int64, the first of several."""
        positions = self._data.argmax(axis=_axis(axis, dim), keepdims=keepdims)
        return self._plain(keep_array(positions))

    def clip(self, low: float | None = None, high: float | None = None) -> Any:
        return OPS["clip"].apply(self, low=low, high=high)

    def reshape(self, *shape: Any) -> Any:
        return OPS["reshape"].apply(self, shape=flat(shape))

    view = reshape

    def permute(self, *axes: Any) -> Any:
        """All axes in a new order."""
        return OPS["permute"].apply(self, axes=flat(axes))

    def transpose(self, i: int, j: int) -> Any:
        """Two axes swapped."""
        axes = list(range(self.ndim))
        if not all(-self.ndim <= axis < self.ndim for axis in (i, j)):
            raise ValueError(f"transpose: expected two axes of shape {self.shape}, got {i}, {j}")
        axes[i], axes[j] = axes[j], axes[i]
        return self.permute(axes)

    def squeeze(self, axis: int | None = None, *, dim: int | None = None) -> Any:
        """Without its axes of size 1, or without this one."""
        try:
            return self.reshape(self._data.squeeze(_axis(axis, dim)).shape)
        except ValueError as error:
            got = f"{_axis(axis, dim)} of shape {self.shape}"
            raise ValueError(f"squeeze: expected an axis of size 1, got {got}") from error

    def unsqueeze(self, axis: int | None = None, *, dim: int | None = None) -> Any:
        """With a new axis of size 1."""
        axis = _axis(axis, dim)
        if axis is None or not -self.ndim <= axis + 1 <= self.ndim + 1:
            raise ValueError(
                f"unsqueeze: expected a place from {-self.ndim - 1} to {self.ndim} for the new "
                f"axis of shape {self.shape}, got {axis}"
            )
        at = axis % (self.ndim + 1)
        return self.reshape((*self.shape[:at], 1, *self.shape[at:]))

    def broadcast_to(self, *shape: Any) -> Any:
        return OPS["broadcast_to"].apply(self, shape=flat(shape))

    def split(
        self, size: int | Sequence[int], axis: int = 0, *, dim: int | None = None
    ) -> tuple[Any, ...]:
        """Pieces of `size` (or of these sizes) along an axis; the last may be shorter."""
        axis = _axis(axis, dim)
        n = _length("split", self.shape, axis)
        if isinstance(size, int) and size > 0:
            size = [min(size, n - i) for i in range(0, n, size)] or [0]
        if isinstance(size, int) or sum(size) != n or min(size) < 0:
            raise ValueError(f"split: expected sizes that add up to {n}, got {size}")
        before: tuple = (slice(None),) * (axis % self.ndim)
        pairs = zip(np.cumsum(size).tolist(), size, strict=True)
        return tuple(self[(*before, slice(end - size, end))] for end, size in pairs)

    def chunk(self, chunks: int, axis: int = 0, *, dim: int | None = None) -> tuple[Any, ...]:
        """At most `chunks` pieces of equal size along an axis; the last may be shorter."""
        if chunks < 1:
            raise ValueError(f"chunk: expected at least one chunk, got {chunks}")
        n = _length("chunk", self.shape, _axis(axis, dim))
        return self.split(max(1, -(-n // chunks)), axis, dim=dim)

    def masked_fill(self, mask: Any, value: float) -> Any:
        """`value` where the mask is True, this tensor elsewhere."""
        mask = to_device(data_of(mask), device_of(self._data))
        return OPS["where"].apply(mask, value, self)

    def tril(self, k: int = 0) -> Any:
        """The entries on and below diagonal k of the last two axes; zeros above."""
        return OPS["tril"].apply(self, k=k)

    def __getitem__(self, index: Any) -> Any:
        return OPS["getitem"].apply(self, index=as_index(index))


def as_index(index: Any) -> Any:
    """An index with arrays for Tensors; a float or a list of floats in it is an error."""
    if isinstance(index, tuple):
        return tuple(map(as_index, index))
    index = data_of(index)
    if isinstance(index, list):
        index = np.asarray(index, dtype=None if index else np.int64)
    if isinstance(index, float) or getattr(getattr(index, "dtype", None), "kind", "i") not in "iub":
        raise TypeError(f"getitem: expected integers, slices or a boolean mask, got {index!r:.60}")
    return index


def named(error: Exception, name: str, inputs: Sequence[Any]) -> Exception:
    """The same error, naming the op and the shapes that it got."""
    if str(error).startswith(f"{name}:"):
        return error
    shapes = ", ".join(str(getattr(x, "shape", x)) for x in inputs)
    kind = next((k for k in (IndexError, ValueError) if isinstance(error, k)), TypeError)
    return kind(f"{name}: {error} (inputs: {shapes})")


def _axis(axis: Any, dim: Any) -> Any:
    """One of two names for the axis; several may come as a list."""
    axis = axis if dim is None else dim
    return tuple(axis) if isinstance(axis, list) else axis


def _length(name: str, shape: tuple[int, ...], axis: int) -> int:
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"{name}: expected an axis of shape {shape}, got {axis}")
    return shape[axis]


def flat(values: tuple) -> tuple[int, ...]:
    """`(2, 3)` from `f(2, 3)` and from `f((2, 3))`."""
    return tuple(values[0]) if len(values) == 1 and isinstance(values[0], Sequence) else values
