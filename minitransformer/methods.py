"""The operators and methods of a Tensor, each one op, found by name in `OPS`.

`minitransformer.ops` fills the table when it is imported; this look-up is the one place
where the engine reaches up to its ops.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitransformer.devices import array_module, keep_array

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
        compare = getattr(array_module(self._data), name)
        return self._plain(keep_array(compare(self._data, data_of(other))))

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
        axes[i], axes[j] = axes[j], axes[i]
        return self.permute(axes)

    def squeeze(self, axis: int | None = None, *, dim: int | None = None) -> Any:
        """Without its axes of size 1, or without this one."""
        return self.reshape(self._data.squeeze(_axis(axis, dim)).shape)

    def unsqueeze(self, axis: int) -> Any:
        """With a new axis of size 1."""
        return self.reshape(array_module(self._data).expand_dims(self._data, axis).shape)

    def broadcast_to(self, *shape: Any) -> Any:
        return OPS["broadcast_to"].apply(self, shape=flat(shape))

    def split(self, size: int | Sequence[int], axis: int = 0) -> tuple[Any, ...]:
        """Pieces of `size` (or of these sizes) along an axis; the last may be shorter."""
        n = self.shape[axis]
        sizes = [min(size, n - i) for i in range(0, n, size)] if isinstance(size, int) else size
        if sum(sizes) != n:
            raise ValueError(f"split: expected sizes that add up to {n}, got {list(sizes)}")
        ends = np.cumsum(sizes).tolist()
        before: tuple = (slice(None),) * (axis % self.ndim)
        pairs = zip(ends, sizes, strict=True)
        return tuple(self[(*before, slice(end - size, end))] for end, size in pairs)

    def chunk(self, chunks: int, axis: int = 0) -> tuple[Any, ...]:
        """At most `chunks` pieces of equal size along an axis; the last may be shorter."""
        return self.split(-(-self.shape[axis] // chunks), axis)

    def masked_fill(self, mask: Any, value: float) -> Any:
        """`value` where the mask is True, this tensor elsewhere."""
        return OPS["where"].apply(data_of(mask), value, self)

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


def _axis(axis: Any, dim: Any) -> Any:
    return axis if dim is None else dim


def flat(values: tuple) -> tuple[int, ...]:
    """`(2, 3)` from `f(2, 3)` and from `f((2, 3))`."""
    return tuple(values[0]) if len(values) == 1 and not isinstance(values[0], int) else values
