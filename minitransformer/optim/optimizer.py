"""Optimizer: groups of parameters, their options, and what is remembered of earlier steps."""

from collections.abc import Iterable, Mapping
from typing import Any

from minitransformer.devices import array_module, device_of, to_device
from minitransformer.methods import data_of
from minitransformer.tensor import Tensor


class Optimizer:
    """Changes parameters in the direction of their gradients.

    A subclass gives `update`, and in `memory` the names of the arrays that it remembers.
    Parameters whose `grad` is None stay as they are.

    Args:
        params: Tensors that require a gradient, or dicts, one a group: {"params": [...]} and
            any options of its own.
        defaults: the options of groups that do not say otherwise.

    Attributes:
        param_groups: dicts; their options (`group["lr"]`) may be changed between steps.
        state: for each parameter, by its number, what is remembered: arrays and numbers.

    Raises:
        ValueError: there is no parameter, one comes twice or needs no gradient, or an option
            is unknown or out of range.
    """

    memory: tuple[str, ...] = ()

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.name = type(self).__name__
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[int, dict[str, Any]] = {}
        for group in as_groups(self.name, params):
            unknown = sorted(group.keys() - defaults.keys() - {"params"})
            if unknown:
                raise ValueError(f"{self.name}: unknown option {unknown[0]!r} in a group")
            self.param_groups.append({**defaults, **group})
            self.check_options(self.param_groups[-1])
        self._check_parameters()

    def update(self, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change the array `p`, whose gradient is `g`, in place."""
        raise NotImplementedError

    def update_group(self, members: list[tuple], group: dict[str, Any]) -> None:
        """Update all of a group: for each its array, its gradient, what is remembered of it."""
        for p, g, state in members:
            self.update(p, g, state, group)

    def check_options(self, group: dict[str, Any]) -> None:
        """Refuse options that are out of range."""
        for option in ("lr", "eps", "weight_decay"):
            at_least_zero(self.name, option, group.get(option, 0.0))

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        index = 0
        for group in self.param_groups:
            members = []
            for p in group["params"]:
                if p.grad is not None:
                    members.append((p.data, p.grad, self.state.setdefault(index, {})))
                    p.mark_changed()
                index += 1
            self.update_group(members, group)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for p in self.parameters():
            p.grad = None

    def parameters(self) -> list[Tensor]:
        """All parameters, in the order of their numbers."""
        return [p for group in self.param_groups for p in group["params"]]

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, besides parameters and gradients.

        {"state": {number: {name: array or number}}, "param_groups": [options and numbers]}
        The arrays are the live ones; all the rest is ready for JSON.
        """
        groups, first = [], 0
        for group in self.param_groups:
            numbers = list(range(first, first + len(group["params"])))
            groups.append({**group, "params": numbers})
            first += len(numbers)
        return {"state": {i: dict(s) for i, s in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; its arrays are copied.

        Raises:
            ValueError: it belongs to other parameters; nothing was changed.
        """
        groups = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in groups]
        own = [len(group["params"]) for group in self.param_groups]
        if sizes != own:
            raise ValueError(
                f"{self.name}.load_state_dict: expected groups of {own} parameters, got {sizes}"
            )
        parameters = self.parameters()
        state = {
            int(i): {name: self._copied(parameters, int(i), name, x) for name, x in values.items()}
            for i, values in state_dict["state"].items()
        }
        for group, saved in zip(self.param_groups, groups, strict=True):
            group.update({name: value for name, value in saved.items() if name != "params"})
        self.state = state

    def _copied(self, parameters: list[Tensor], index: int, name: str, value: Any) -> Any:
        value = data_of(value)
        if not 0 <= index < len(parameters):
            raise ValueError(f"{self.name}.load_state_dict: there is no parameter {index}")
        p = parameters[index].data
        if name not in (*self.memory, "step"):
            raise ValueError(
                f"{self.name}.load_state_dict: {name} of parameter {index} is unknown; "
                f"expected {', '.join(self.memory) or 'nothing'}"
            )
        if name == "step":
            return int(value)
        if getattr(value, "shape", None) != p.shape:
            got = getattr(value, "shape", value)
            raise ValueError(
                f"{self.name}.load_state_dict: {name} of parameter {index} should be {p.shape}, "
                f"got {got}"
            )
        return array_module(p).array(to_device(value, device_of(p)), dtype=p.dtype)

    def _check_parameters(self) -> None:
        parameters = self.parameters()
        if not parameters:
            raise ValueError(f"{self.name}: expected at least one parameter, got none")
        for i, p in enumerate(parameters):
            if not isinstance(p, Tensor):
                raise TypeError(f"{self.name}: parameter {i} should be a Tensor, got {p!r:.60}")
            if not p.requires_grad or not p.is_leaf:
                what = "requires no gradient" if p.is_leaf else "is the result of an op, not a leaf"
                raise ValueError(f"{self.name}: parameter {i}, shape {p.shape}, {what}")
        if len({id(p) for p in parameters}) < len(parameters):
            raise ValueError(f"{self.name}: a parameter is there twice")


def remembered(state: dict[str, Any], name: str, p: Any) -> Any:
    """The array `state[name]`; before the first step zeros, in C order whatever that of p."""
    if name not in state:
        state[name] = array_module(p).zeros(p.shape, p.dtype)
    return state[name]


def as_groups(name: str, params: Any) -> list[dict[str, Any]]:
    """One dict a group, each with a list of parameters."""
    if isinstance(params, Tensor | Mapping):
        raise TypeError(f"{name}: expected a list of parameters or groups, got one alone")
    params = list(params)
    if params and all(isinstance(group, Mapping) for group in params):
        return [{**group, "params": list(group["params"])} for group in params]
    return [{"params": params}]


def at_least_zero(name: str, option: str, value: float) -> None:
    """Refuse a negative number, an infinity and NaN."""
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name}: {option} should be a number of at least 0, got {value}")


def fraction(name: str, option: str, value: float) -> None:
    """Refuse what is not in [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(f"{name}: {option} should be in [0, 1), got {value}")
