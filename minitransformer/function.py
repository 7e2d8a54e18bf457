"""Function: an op's forward pass and hand-written backward pass, and the door to both.

`apply` takes the arrays out of its Tensors, picks the implementation for their device, runs
it, and leaves a node in the graph. An implementation is the op itself (the textbook), or a
pair registered for it with `accelerates` (a kernel).
"""

import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minitransformer.devices import array_module, device_of, keep_array, to_device
from minitransformer.graph import Node, setting, settings
from minitransformer.methods import OPS, named
from minitransformer.tensor import Tensor, as_operand

ACCELERATED: dict[tuple[type, str], Any] = {}
_families: dict[tuple[str, str], bool] = {}
_warned: set[str] = set()


def accelerates(op: type["Function"], device: str) -> Callable[[type], type]:
    """Register a class with `forward` and `backward` as `op`'s implementation on `device`.

    Its forward pass may return `NotImplemented` (a dtype or an option that it does not
    know); the textbook then runs in its place.
    """

    def register(implementation: type) -> type:
        ACCELERATED[op, device] = implementation
        return implementation

    return register


def use_kernels(which: str) -> Any:
    """`with use_kernels("reference")`: the textbook ops only; `"auto"`: kernels where there are."""
    if which not in ("auto", "reference"):
        raise ValueError(f'use_kernels: expected "auto" or "reference", got {which!r}')
    return setting(kernels=which)


def load_kernels(family: str, device: str) -> bool:
    """Import `kernels/<device>/<family>.py`, if there is one; whether that worked."""
    file = Path(__file__).parent / "kernels" / device / f"{family}.py"
    if not file.exists():
        return False
    try:
        importlib.import_module(f"minitransformer.kernels.{device}.{family}")
    except ImportError as error:
        if device not in _warned:
            _warned.add(device)
            message = f"no {device} kernels ({error}); the textbook ops serve, slower"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        return False
    return True


class Function:
    """An op. Subclasses write `forward(ctx, *arrays, **options)` and `backward(ctx, dy)`.

    Both work on arrays. Positional arguments are the inputs (arrays, Python numbers, or None
    for one left out), keyword arguments are options. `forward` returns an array and saves
    what the other needs (`ctx.save(x, y)`); `backward` returns a tuple with the gradient of
    each input, of exactly its shape and dtype, or None where `ctx.needs[i]` is False.
    An optional `check(*arrays, **options)` refuses bad input before any backend sees it.
    The arrays that `backward` returns belong to the walk: the next call must make new ones.
    Integers at the places `from_host` (token ids) may be in the host's memory while the rest is
    on the GPU: `check` sees them there, which keeps nobody waiting, and then they are moved.
    """

    op_name = "function"
    family = ""
    broadcasts = False
    from_host: tuple[int, ...] = ()
    check: Callable[..., None] | None = None

    def __init_subclass__(
        cls, name: str | None = None, broadcasts: bool = False, from_host: tuple[int, ...] = ()
    ) -> None:
        """Describe the op.

        Args:
            name: enter the op in `OPS` under this name.
            broadcasts: its gradients may have the broadcast shape; the walk sums them.
            from_host: places of inputs, integers, that are moved from the host to the others.
        """
        cls.op_name = name or cls.__name__
        cls.broadcasts = broadcasts
        cls.from_host = from_host
        if name is not None:
            cls.family = cls.__module__.rpartition(".")[2]
            OPS[name] = cls

    @staticmethod
    def forward(ctx: Node, *arrays: Any, **options: Any) -> Any:
        raise NotImplementedError

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        raise NotImplementedError

    @classmethod
    def apply(cls, *inputs: Any, **options: Any) -> Tensor:
        """Run the op on Tensors, arrays and numbers; record it if a gradient is wanted."""
        arrays = [x._data if isinstance(x, Tensor) else as_operand(x) for x in inputs]
        wants = settings.grad
        needs = tuple([wants and isinstance(x, Tensor) and x._requires_grad for x in inputs])
        ctx = Node(cls, needs)
        y, implementation = cls._forward(ctx, arrays, options)
        out = Tensor._plain(y)
        if y.base is not None or id(y) in map(id, arrays):
            _share_version(out, inputs)
        if True in needs:
            edges = tuple(
                [x._node or x if need else None for x, need in zip(inputs, needs, strict=True)]
            )
            ctx.record(implementation, edges, _versions(ctx.saved, inputs, out), y)
            out._node = ctx
            out._requires_grad = True
        return out

    @classmethod
    def run(cls, *arrays: Any, **options: Any) -> Any:
        """Run the forward pass on arrays, outside any graph."""
        return cls._forward(Node(cls, (False,) * len(arrays)), arrays, options)[0]

    @classmethod
    def run_each(cls, calls: list[tuple], **options: Any) -> None:
        """`run` for each tuple of arrays, all at once where a kernel has `forward_each`.

        That returns whether it could; it is for ops that change their inputs in place.
        """
        implementation = cls.implementation(_common_device(calls[0]))
        together = getattr(implementation, "forward_each", None)
        if together is None or not together(calls, **options):
            for arrays in calls:
                cls.run(*arrays, **options)

    @classmethod
    def implementation(cls, device: str) -> Any:
        """The kernel registered for `device`, loading its family at first use; else the op."""
        if settings.kernels == "reference" or not cls.family:
            return cls
        key = cls.family, device
        if key not in _families:
            _families[key] = load_kernels(*key)
        return ACCELERATED.get((cls, device), cls)

    @classmethod
    def _forward(cls, ctx: Node, arrays: list | tuple, options: dict) -> tuple[Any, Any]:
        for key, value in options.items():
            if isinstance(value, np.generic):  # would promote like an array: 0.1 * float32
                options[key] = value.item()
        try:
            device = _common_device(arrays, cls.from_host)
            if cls.check is not None:
                cls.check(*arrays, **options)
            if device != "cpu" and cls.from_host:
                moving = enumerate(arrays)
                arrays = [to_device(x, device) if i in cls.from_host else x for i, x in moving]
            implementation = cls.implementation(device)
            y = implementation.forward(ctx, *arrays, **options)
            if y is NotImplemented:
                implementation = cls
                y = cls.forward(ctx, *arrays, **options)
            if type(y) is not np.ndarray:
                y = keep_array(y)
                if not hasattr(y, "base"):
                    got = type(y).__name__
                    raise TypeError(f"its forward pass should return an array, got {got}")
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            raise named(error, cls.op_name, arrays) from error
        if settings.anomaly:
            _report_anomaly(cls.op_name, (*arrays, *options.values()), y)
        return y, implementation


def _common_device(arrays: list | tuple, from_host: tuple[int, ...] = ()) -> str:
    device = None
    for x in arrays:
        if type(x) is np.ndarray:
            here = "cpu"
        elif x is None or isinstance(x, int | float | np.generic):
            continue
        else:
            here = device_of(x)
        if device is None:
            device = here
        elif here != device:
            if from_host:
                numbers = [x for i, x in enumerate(arrays) if i in from_host]
                if all(type(x) is np.ndarray and x.dtype.kind in "iu" for x in numbers):
                    return _common_device([x for i, x in enumerate(arrays) if i not in from_host])
            raise ValueError(
                f"expected all inputs on one device, got {device} and {here}; "
                f'move one with .to("{device}")'
            )
    return device or "cpu"


def _share_version(out: Tensor, inputs: tuple) -> None:
    """Let a result that looks into an input's memory share the input's version count."""
    y, base = out._data, out._data.base
    for x in inputs:
        if isinstance(x, Tensor) and (
            x._data is y or x._data is base or (base is not None and x._data.base is base)
        ):
            out._share_version(x)


def _versions(saved: tuple | None, inputs: tuple, out: Tensor) -> tuple:
    """The version counts of the inputs and of the output whose memory was saved."""
    if not saved:
        return ()
    memories = {id(s) for s in saved}
    memories |= {id(base) for s in saved if (base := getattr(s, "base", None)) is not None}
    memories.discard(id(None))
    noted = []
    for x in (*inputs, out):
        if isinstance(x, Tensor) and (id(x._data) in memories or id(x._data.base) in memories):
            noted.append((x._version, x._version.count))
    return tuple(noted)


def _report_anomaly(name: str, inputs: tuple, y: Any) -> None:
    """Refuse a NaN or an infinity that no input of the op held already."""
    for what, test in (("NaN", "isnan"), ("infinity", "isinf")):
        if _any(test, y) and not any(_any(test, x) for x in inputs):
            raise FloatingPointError(
                f"detect_anomaly: the forward pass of {name} made the first {what}, shape {y.shape}"
            )


def _any(test: str, x: Any) -> bool:
    floating = isinstance(x, float) or getattr(getattr(x, "dtype", None), "kind", "") == "f"
    return floating and bool(getattr(array_module(x), test)(x).any())
