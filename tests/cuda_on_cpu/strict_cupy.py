"""A module in CuPy's place: NumPy's results, behind CuPy's rules and stricter.

    devices.provide_cuda(strict_cupy)

Names and keywords are those of the real CUDA build (`cupy_api.json`). It refuses whatever would
mix the host's arrays with the device's, whatever CuPy lacks, and what CuPy lets pass although the
result is undefined: an index out of range, one place written twice. Fresh memory is full of NaN.
`USED` notes every function with its keywords, `TRIPS` every time the host waits for the device.
"""

from collections import Counter
from typing import Any

import numpy as np
from scipy.special import erf as scipy_erf

from . import cupy_api
from .raw_module import RawModule as RawModule  # a name of CuPy's, offered here too
from .strict_rules import CuPyError, allow, hosts, on_host, unique_places

VALUES = (type, float, type(None))  # dtypes, `inf`, `newaxis`
API = cupy_api.stored()
USED: set[tuple[str, tuple[str, ...]]] = set()
TRIPS: Counter[str] = Counter()


class cuda:
    """`cupy.cuda`, as much as the engine asks of it."""

    @staticmethod
    def is_available() -> bool:
        return True


class Flags:
    """`ndarray.flags`: CuPy's has no `writeable`."""

    def __init__(self, flags: Any) -> None:
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata = flags.owndata


class ndarray:
    """An array "on the device": nothing of the host may touch it but `asarray` and `get`."""

    __array_priority__ = 1000
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, host: np.ndarray, base: "ndarray | None" = None) -> None:
        self._host = host
        self.base = base

    # ---- the ways to the host
    def get(self) -> np.ndarray:
        TRIPS["get"] += 1
        return self._host.copy()

    def item(self) -> Any:
        TRIPS["item"] += 1
        return self._host.item()

    def tolist(self) -> Any:
        TRIPS["tolist"] += 1
        return self._host.tolist()

    def __float__(self) -> float:
        TRIPS["float"] += 1
        return float(self._host)

    def __int__(self) -> int:
        TRIPS["int"] += 1
        return int(self._host)

    def __bool__(self) -> bool:
        TRIPS["bool"] += 1
        return bool(self._host)

    # ---- what CuPy refuses, or does without a word
    def __index__(self) -> int:
        raise TypeError("'ndarray' object cannot be interpreted as an integer")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise CuPyError("Implicit conversion to a NumPy array is not allowed. Use `.get()`.")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = method == "__call__" and not kwargs and len(inputs) == 2
        if plain and isinstance(inputs[0], np.generic):  # np.float32(2) * x
            return wrap(ufunc(inputs[0], self._host))
        raise CuPyError(f"numpy.{ufunc.__name__} called on a device array")

    def __array_function__(self, function: Any, *rest: Any) -> Any:
        raise CuPyError(f"numpy.{function.__name__} called on a device array")

    # ---- the same as NumPy
    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    flags = property(lambda self: Flags(self._host.flags))
    T = property(lambda self: wrap(self._host.T, self))

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"strict_cupy.{self._host!r}"

    def __getitem__(self, index: Any) -> "ndarray":
        index = hosts(index)
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(i, np.ndarray) and i.dtype == bool for i in parts):
            TRIPS["boolean index"] += 1  # the result's size must be known
        return wrap(np.asarray(self._host[index]), self)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, list | np.ndarray):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        index, value = hosts(index), hosts(value)
        unique_places(index, self._host, value)
        self._host[index] = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in API["methods"] or not hasattr(np.ndarray, name):
            raise AttributeError(f"cupy.ndarray has no attribute {name!r}")
        parameters = API["methods"][name]
        method = getattr(self._host, name)
        return Checked(f"ndarray.{name}", method, parameters and parameters[1:], self)


class Checked:
    """A function of NumPy that takes device arrays and the keywords that CuPy's takes."""

    def __init__(self, name: str, function: Any, parameters: Any, owner: Any = None) -> None:
        self.name, self.function, self.parameters, self.owner = name, function, parameters, owner

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        USED.add((self.name, tuple(sorted(kwargs))))
        allow(self.name, self.parameters, args, kwargs)
        keywords = {key: hosts(value) for key, value in kwargs.items()}
        result = self.function(*[hosts(x) for x in args], **keywords)
        if isinstance(kwargs.get("out"), ndarray):
            return kwargs["out"]
        return wrap(result, *[x for x in (self.owner, *args) if isinstance(x, ndarray)])


class ufunc(Checked):
    """An elementwise function, with the few methods that CuPy gives it."""

    AT = ("add", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor")
    REDUCE = ("add", "multiply")

    def at(self, array: ndarray, index: Any, *values: Any) -> None:
        if self.name not in self.AT:
            raise NotImplementedError(f"`cupy_{self.name}.at` is not supported yet")
        USED.add((f"{self.name}.at", ()))
        self.function.at(on_host(array), hosts(index), *map(hosts, values))

    def reduce(self, *args: Any, **kwargs: Any) -> Any:
        if self.name not in self.REDUCE:
            raise NotImplementedError(f"`cupy_{self.name}.reduce` is not supported yet")
        return Checked(f"{self.name}.reduce", self.function.reduce, None)(*args, **kwargs)


def wrap(result: Any, *sources: ndarray) -> Any:
    """NumPy's result as device arrays: an old one where it is that one, a view where it is one."""
    if isinstance(result, tuple | list):
        return type(result)(wrap(x, *sources) for x in result)
    if not isinstance(result, np.ndarray | np.generic):
        return result
    for source in sources:
        if result is source._host:
            return source
        if memory(result) is memory(source._host):
            return ndarray(np.asarray(result), source if source.base is None else source.base)
    return ndarray(np.asarray(result))


def memory(x: Any) -> Any:
    """The array that owns the memory of `x`."""
    while isinstance(getattr(x, "base", None), np.ndarray):
        x = x.base
    return x


def operator(name: str) -> Any:
    numpys = getattr(np.ndarray, name)

    def method(self: ndarray, *others: Any) -> Any:
        if any(isinstance(other, np.ndarray | list) for other in others):
            raise CuPyError(f"Unsupported type {type(others[0])}")
        result = numpys(self._host, *map(hosts, others))
        return result if result is NotImplemented else wrap(result, self)

    return method


BINARY = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
    *("and", "or", "xor", "lshift", "rshift"),
)
OTHERS = ("lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs", "invert")
for _name in (*(how + name for name in BINARY for how in ("", "r", "i")), *OTHERS):
    setattr(ndarray, f"__{_name}__", operator(f"__{_name}__"))


class special:
    """`cupyx.scipy.special`, as much as the engine asks of it."""

    @staticmethod
    def erf(x: ndarray) -> ndarray:
        return wrap(scipy_erf(on_host(x)))


def asarray(a: Any, dtype: Any = None, order: Any = None) -> ndarray:
    """To the device: a copy of the host's array, or a device array itself."""
    if isinstance(a, ndarray):
        return wrap(np.asarray(a._host, dtype, order=order), a)
    return ndarray(np.array(a, dtype, order=order or "K"))


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """Memory that nobody has written: NaN or the largest integer, which shows where it is read."""
    return wrap(poisoned(np.empty(shape, dtype, order)))


def empty_like(a: ndarray, dtype: Any = None, order: str = "K") -> ndarray:
    return wrap(poisoned(np.empty_like(on_host(a), dtype, order)))


def poisoned(array: np.ndarray) -> np.ndarray:
    unwritten = {"f": np.nan, "c": np.nan, "b": True}.get(array.dtype.kind)
    array[...] = np.iinfo(array.dtype).max if unwritten is None else unwritten
    return array


def __getattr__(name: str) -> Any:
    """Any other name of CuPy's: a function, a dtype or a number."""
    value, parameters = getattr(np, name, None), API["functions"].get(name)
    if name not in API["names"] or (parameters is None and not isinstance(value, VALUES)):
        raise AttributeError(f"module 'cupy' has no attribute {name!r}")
    if parameters is None:
        return value
    return (ufunc if parameters == "ufunc" else Checked)(name, value, parameters)
