"""What to call the function under check and its inputs."""

import inspect
from collections.abc import Callable
from functools import partial


def parameter_names(function: Callable, count: int) -> tuple[str, ...]:
    """The parameters of `function`, for as many as there are inputs; of an op's, less its ctx."""
    op = getattr(function, "__self__", None)
    try:
        parameters = list(inspect.signature(getattr(op, "forward", function)).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    parameters = parameters[hasattr(op, "forward") :]
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in plain][:count]
    return (*names, *(f"input {k}" for k in range(len(names), count)))


def subject(function: Callable) -> str:
    """The headline's beginning, such as "backward of linear", from what the function is called."""
    while isinstance(function, partial):
        function = function.func
    op = getattr(function, "__self__", None)
    name = getattr(op, "op_name", "") or getattr(function, "__name__", "")
    for part in ("_forward", "forward_", "forward"):
        name = name.replace(part, "")
    return f"backward of {name}" if name.strip("_<>") not in ("", "lambda") else "backward"
