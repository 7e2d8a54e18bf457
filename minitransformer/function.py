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

from minitransformer.devices import array_module, device_of
from minitransformer.graph import Node, setting, settings
from minitransformer.memory import is_own
from minitransformer.methods import OPS
from minitransformer.tensor import Tensor, as_array

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
    """

    op_name = "function"
    family = ""
    broadcasts = False
    views = False
    check: Callable[..., None] | None = None

    def __init_subclass__(
        cls, name: str | None = None, broadcasts: bool = False, views: bool = False
    ) -> None:
        """Describe the op.

        Args:
            name: enter the op in `OPS` under this name.
            broadcasts: its gradients may have the broadcast shape; the walk sums them.
            views: its result may share memory with its input.
        """
        cls.op_name = name or cls.__name__
        cls.broadcasts = broadcasts
        cls.views = views
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
        if True in needs:
            edges = tuple(
                [(x._node or x) if need else None for x, need in zip(inputs, needs, strict=True)]
            )
            ctx.record(implementation, edges, _versions(ctx.saved, inputs, out), y)
            out._node = ctx
            out._requires_grad = True
        if cls.views and isinstance(inputs[0], Tensor) and not is_own(y):
            out._share_version(inputs[0])
        return out

    @classmethod
    def run(cls, *arrays: Any, **options: Any) -> Any:
        """Run the forward pass on arrays, outside any graph."""
        return cls._forward(Node(cls, (False,) * len(arrays)), arrays, options)[0]

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
        device = _common_device(cls.op_name, arrays)
        try:
            if cls.check is not None:
                cls.check(*arrays, **options)
            implementation = cls.implementation(device)
            y = implementation.forward(ctx, *arrays, **options)
            if y is NotImplemented:
                implementation = cls
                y = cls.forward(ctx, *arrays, **options)
        except (ValueError, TypeError, IndexError) as error:
            raise _named(error, cls.op_name, arrays) from error
        if type(y) is not np.ndarray and isinstance(y, np.generic):
            y = np.asarray(y)
        if settings.anomaly:
            _report_anomaly(cls.op_name, arrays, y)
        return y, implementation


def as_operand(x: Any) -> Any:
    """An op's input as its forward pass takes it: array, Python number or None."""
    return as_array(x) if isinstance(x, list | tuple) else x


def _common_device(name: str, arrays: list | tuple) -> str:
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
            raise ValueError(
                f"{name}: expected all inputs on one device, got {device} and {here}; "
                f'move one with .to("{device}")'
            )
    return device or "cpu"


def _versions(saved: tuple | None, inputs: tuple, out: Tensor) -> tuple:
    """The version counts of the inputs and of the output whose memory was saved."""
    if not saved:
        return ()
    memories = {id(s) for s in saved} | {id(s.base) for s in saved if hasattr(s, "base")}
    memories.discard(id(None))
    return tuple(
        [
            (x._version, x._version.count)
            for x in (*inputs, out)
            if isinstance(x, Tensor) and (id(x._data) in memories or id(x._data.base) in memories)
        ]
    )


def _named(error: Exception, name: str, arrays: list | tuple) -> Exception:
    """The same error, naming the op and the shapes that it got."""
    if str(error).startswith(f"{name}:"):
        return error
    shapes = ", ".join(str(getattr(x, "shape", x)) for x in arrays)
    return type(error)(f"{name}: {error} (inputs: {shapes})")


def _report_anomaly(name: str, arrays: list | tuple, y: Any) -> None:
    def finite(x: Any) -> bool:
        if getattr(getattr(x, "dtype", None), "kind", "") != "f":
            return True
        return bool(array_module(x).isfinite(x).all())

    if not finite(y) and all(map(finite, arrays)):
        raise FloatingPointError(
            f"detect_anomaly: the forward pass of {name} made the first NaN or infinity, "
            f"shape {y.shape}"
        )
