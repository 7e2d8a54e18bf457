"""How a model is shown: `repr` draws a tree of its parts, `summary` prints a table."""

from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitransformer.nn.module import Module
    from minitransformer.tensor import Tensor


def tree(module: "Module") -> str:
    """The module and its parts, one a line; equal neighbours share a line.

    Sequential
    ├─ 0: Linear(784, 256)
    └─ 1: ReLU
    """
    return "\n".join([title(module), *branches(module)])


def branches(module: "Module") -> list[str]:
    """The lines below a module's own."""
    parts = [(name, [title(child), *branches(child)]) for name, child in module.named_children()]
    groups = [(list(same), lines) for lines, same in groupby(parts, key=lambda part: part[1])]
    lines = []
    for i, (same, (first, *rest)) in enumerate(groups):
        last = i == len(groups) - 1
        name = same[0][0]
        if len(same) > 1:
            name, first = f"{name} … {same[-1][0]}", f"{len(same)} × {first}"
        lines.append(f"{'└─' if last else '├─'} {name}: {first}")
        lines += [f"{'   ' if last else '│  '}{line}" for line in rest]
    return lines


def title(module: "Module") -> str:
    """`Linear(784, 256)`."""
    extra = module.extra_repr()
    return f"{type(module).__name__}({extra})" if extra else type(module).__name__


def print_summary(module: "Module", *inputs: Any) -> None:
    """A row for each layer, and the total; with inputs also each layer's output shape."""
    from rich.console import Console
    from rich.table import Table

    outputs = output_shapes(module, *inputs) if inputs else None
    rows, (size, megabytes) = summary_rows(module, outputs)
    frozen = sum(p.size for p in module.parameters() if not p.requires_grad)
    table = Table(show_footer=True, caption=f"{frozen:,} of them are frozen" if frozen else None)
    headers = ["name", "layer", "output", "shapes"] if inputs else ["name", "layer", "shapes"]
    for header in headers:
        table.add_column(header, "total" if header == "name" else "", overflow="fold")
    table.add_column("parameters", f"{size:,}", justify="right")
    table.add_column("MB", f"{megabytes:.2f}", justify="right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def summary_rows(
    module: "Module", outputs: dict[int, str] | None = None
) -> tuple[list[tuple[str, ...]], tuple[int, float]]:
    """The table's rows, and the total number of parameters and megabytes (10⁶ bytes).

    A row is a part with tensors of its own, or without parts. A tied weight is counted where it
    comes first, and marked where it comes again.
    """
    seen: set[int] = set()
    rows: list[tuple[str, ...]] = []
    for path, part in module.named_modules():
        own = own_tensors(part)
        if not own and any(True for _ in part.children()):
            continue
        new = [(name, t) for name, t in own if id(t) not in seen]
        shapes = "\n".join(
            f"{name} {t.shape}" + ("" if id(t) not in seen else " (tied)") for name, t in own
        )
        count = sum(t.size for name, t in new if name not in part._buffers)
        size = sum(t.data.nbytes for _, t in new) / 1e6
        output = () if outputs is None else (outputs.get(id(part), ""),)
        rows.append((path, type(part).__name__, *output, shapes, f"{count:,}", f"{size:.2f}"))
        seen.update(id(t) for _, t in own)
    tensors = (*module.parameters(), *module.buffers())
    return rows, (module.num_parameters(), sum(t.data.nbytes for t in tensors) / 1e6)


def output_shapes(module: "Module", *inputs: Any) -> dict[int, str]:
    """What comes out of each part, by its id, when the module evaluates the inputs."""
    from minitransformer.graph import no_grad
    from minitransformer.nn.module import evaluating

    shapes: dict[int, str] = {}

    def recorded(part: "Module", forward: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            outputs = forward(*args, **options)
            shapes[id(part)] = shape_of(outputs)
            return outputs

        return call

    parts = list(module.modules())
    for part in parts:
        vars(part)["forward"] = recorded(part, part.forward)
    try:
        with no_grad(), evaluating(module):
            module(*inputs)
    finally:
        for part in parts:
            del vars(part)["forward"]
    return shapes


def shape_of(outputs: Any) -> str:
    """The shape of a Tensor, or of each in a tuple."""
    if isinstance(outputs, tuple | list):
        return "\n".join(shape_of(output) for output in outputs)
    return str(outputs.shape) if hasattr(outputs, "shape") else ""


def own_tensors(module: "Module") -> list[tuple[str, "Tensor"]]:
    """The parameters and buffers of this module itself."""
    from minitransformer.nn.parameter import Parameter

    return [
        (name, value)
        for name, value in vars(module).items()
        if isinstance(value, Parameter) or (name in module._buffers and value is not None)
    ]
