"""Module: a part of a model, with parameters and with parts of its own.

A Module keeps its parameters, buffers and parts as ordinary attributes; everything else
(lists of parameters, state dicts, moving to a device) is a walk over those attributes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from minitransformer.devices import check_device, to_device
from minitransformer.nn import state
from minitransformer.nn.display import print_summary, tree
from minitransformer.nn.parameter import Parameter
from minitransformer.tensor import Tensor


class Module:
    """Subclasses call `super().__init__()`, assign parameters and modules, define `forward`.

    Attributes:
        training: True until `eval()`; dropout looks at it.
    """

    training: bool = True

    def __init__(self) -> None:
        self._buffers: set[str] = set()

    def _without_forward(self, *inputs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: expected a method `forward`, found none")

    forward: Callable[..., Any] = _without_forward

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self.forward(*inputs, **options)

    def __setattr__(self, name: str, value: Any) -> None:
        where = f"{type(self).__name__}.{name}"
        if isinstance(value, Parameter | Module) and "_buffers" not in vars(self):
            raise AttributeError(f"{where}: call super().__init__() before assigning layers")
        if isinstance(value, list | tuple) and any(
            isinstance(v, Parameter | Module) for v in value
        ):
            raise TypeError(
                f"{where}: a plain {type(value).__name__} hides its layers from parameters(); "
                "expected nn.ModuleList or nn.Sequential"
            )
        replaced = vars(self).get(name)
        if isinstance(replaced, Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(
                f"{where}: expected a Parameter or None in place of a Parameter, "
                f"got {type(value).__name__}"
            )
        object.__setattr__(self, name, value)

    def register_buffer(self, name: str, value: Any) -> None:
        """Keep a Tensor that is saved and moved with the module, but not trained."""
        if "_buffers" not in vars(self):
            raise AttributeError(f"{type(self).__name__}.{name}: call super().__init__() first")
        self._buffers.add(name)
        setattr(self, name, value if isinstance(value, Tensor) else Tensor(value))

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The direct parts, in the order in which they were assigned."""
        return ((name, v) for name, v in vars(self).items() if isinstance(v, Module))

    def children(self) -> Iterator["Module"]:
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module and all parts below it, each once, by dotted path."""
        return unique(self._paths(prefix))

    def modules(self) -> Iterator["Module"]:
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters by dotted path, a shared one under its first path only.

        `remove_duplicate=False` gives a shared one under each of its paths.
        """
        found = (
            (join(path, name), value)
            for path, module in self._paths(prefix)
            for name, value in vars(module).items()
            if isinstance(value, Parameter) and name not in module._buffers
        )
        return unique(found) if remove_duplicate else found

    def parameters(self) -> Iterator[Parameter]:
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """All buffers by dotted path, a shared one once."""
        return unique(
            (join(path, name), value)
            for path, module in self._paths(prefix)
            for name, value in vars(module).items()
            if name in getattr(module, "_buffers", ()) and value is not None
        )

    def buffers(self) -> Iterator[Tensor]:
        return (buffer for _, buffer in self.named_buffers())

    def _paths(self, prefix: str) -> Iterator[tuple[str, "Module"]]:
        """Every path to every module, so that a shared module comes several times."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child._paths(join(prefix, name))

    def num_parameters(self) -> int:
        """How many numbers the parameters hold, shared ones counted once."""
        return sum(parameter.size for parameter in self.parameters())

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters and buffers by dotted path, outside the graph; the memory is shared."""
        return state.state_dict(self)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> tuple[list[str], list[str]]:
        """Copy Tensors or arrays into the parameters and buffers of these names.

        Args:
            state_dict: as from `state_dict` or `mt.load`. Values are cast to the parameter's
                dtype. A shared parameter may stand under any of its names.
            strict: refuse missing and unexpected names. Wrong shapes are always refused.

        Returns:
            The missing and the unexpected names (empty lists if strict).

        Raises:
            ValueError: lists all that does not fit; nothing was changed.
        """
        return state.load_state_dict(self, state_dict, strict)

    def train(self, mode: bool = True) -> Self:
        """Switch to training, or with False to evaluation, here and in all parts."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation: dropout lets everything through."""
        return self.train(False)

    def to(self, target: Any) -> Self:
        """Move to a device ("cpu", "cuda") or a floating dtype, in place.

        Make optimizers afterwards: what they remember does not move along.
        """
        convert = conversion(target)
        for tensor in (*self.parameters(), *self.buffers()):
            tensor.data = convert(tensor.data)
            tensor.grad = None if tensor.grad is None else convert(tensor.grad)
        return self

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Train all parameters, or with False freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def summary(self, *inputs: Any) -> None:
        """Print a table of the layers: shapes, numbers of parameters, megabytes.

        With `inputs`, which `forward` is called with, also the shape that comes out of each layer.
        """
        print_summary(self, *inputs)

    def extra_repr(self) -> str:
        """What `repr` shows in brackets: the layer's arguments."""
        return ""

    def __repr__(self) -> str:
        return tree(self)


class evaluating:
    """`with evaluating(model):` evaluation mode; afterwards each part is as it was.

    A module that is in evaluation mode is left alone, with whatever its parts were set to.
    One that is made once may be entered again and again: it walks the model only once.
    """

    def __init__(self, module: Module) -> None:
        self.module, self.parts = module, list(module.modules())

    def __enter__(self) -> None:
        self.modes = [part.training for part in self.parts] if self.module.training else []
        for part, _ in zip(self.parts, self.modes, strict=False):
            vars(part)["training"] = False

    def __exit__(self, *error: Any) -> None:
        for part, mode in zip(self.parts, self.modes, strict=False):
            vars(part)["training"] = mode


def join(prefix: str, name: str) -> str:
    """A dotted path."""
    return f"{prefix}.{name}" if prefix else name


def unique(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The pairs whose object did not come before."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


def conversion(target: Any) -> Callable[[Any], Any]:
    """What moves an array to a device, or a floating one to a dtype."""
    if isinstance(target, str) and target in ("cpu", "cuda"):
        device = check_device(target, "to")
        return lambda array: to_device(array, device)
    try:
        dtype = np.dtype(target)
    except TypeError:
        dtype = None
    if dtype is None or dtype.kind != "f":
        raise ValueError(f'to: expected "cpu", "cuda" or a floating dtype, got {target!r}')
    return lambda array: array.astype(dtype) if array.dtype.kind == "f" else array
