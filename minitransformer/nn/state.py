"""State dicts: all parameters and buffers of a module by name, out and in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minitransformer.devices import array_module, to_device
from minitransformer.graph import no_grad
from minitransformer.methods import data_of
from minitransformer.tensor import Tensor

if TYPE_CHECKING:
    from minitransformer.nn.module import Module


def state_dict(module: "Module") -> dict[str, Tensor]:
    """See `Module.state_dict`."""
    named = (*module.named_parameters(), *module.named_buffers())
    return {name: tensor.detach() for name, tensor in named}


def load_state_dict(
    module: "Module", given: Mapping[str, Any], strict: bool
) -> tuple[list[str], list[str]]:
    """See `Module.load_state_dict`: first everything is checked, then everything is copied."""
    names = names_of_each(module)
    values = {name: data_of(value) for name, value in given.items()}
    known = {name for _, aliases in names for name in aliases}
    missing = [aliases[0] for _, aliases in names if not any(n in values for n in aliases)]
    unexpected = [name for name in values if name not in known]
    problems = []
    if strict and missing:
        problems.append(f"missing: {', '.join(missing)}")
    if strict and unexpected:
        problems.append(f"unexpected: {', '.join(unexpected)}")
    problems += [
        problem for tensor, aliases in names for problem in misfits(tensor, aliases, values)
    ]
    if problems:
        raise ValueError(
            f"load_state_dict: the state does not fit {type(module).__name__}; "
            "nothing was changed\n  " + "\n  ".join(problems)
        )
    with no_grad():
        for tensor, aliases in names:
            for name in [n for n in aliases if n in values][:1]:
                tensor[...] = to_device(values[name], tensor.device)
    return missing, unexpected


def names_of_each(module: "Module") -> list[tuple[Tensor, list[str]]]:
    """Each parameter and buffer with all of its names; a tied weight has several."""
    names: dict[int, tuple[Tensor, list[str]]] = {}
    every = (*module.named_parameters(remove_duplicate=False), *module.named_buffers())
    for name, tensor in every:
        names.setdefault(id(tensor), (tensor, []))[1].append(name)
    return list(names.values())


def misfits(tensor: Tensor, aliases: list[str], values: Mapping[str, Any]) -> list[str]:
    """What is wrong with the values given for one parameter or buffer."""
    given = [name for name in aliases if name in values]
    wrong = [name for name in given if getattr(values[name], "shape", None) != tensor.shape]
    if wrong:
        return [f"wrong shape: {name} {_got(values[name], tensor.shape)}" for name in wrong]
    first = [values[name] for name in given[:1]]
    return [
        f"tied, but not equal: {given[0]} and {name}"
        for name in given[1:]
        if not bool(array_module(first[0]).array_equal(first[0], values[name]))
    ]


def _got(value: Any, shape: tuple[int, ...]) -> str:
    got = getattr(value, "shape", type(value).__name__)
    return f"should be {shape}, got {got}"
