"""How a model is shown: `repr` draws a tree of its parts, `summary` prints a table."""

from itertools import groupby
from typing import TYPE_CHECKING

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


def print_summary(module: "Module") -> None:
    """A row for each part that holds parameters or buffers of its own, and the total."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_footer=True)
    rows, (size, megabytes) = summary_rows(module)
    for header, footer in (("name", "total"), ("layer", ""), ("shapes", "")):
        table.add_column(header, footer, overflow="fold")
    table.add_column("parameters", f"{size:,}", justify="right")
    table.add_column("MB", f"{megabytes:.2f}", justify="right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def summary_rows(module: "Module") -> tuple[list[tuple[str, ...]], tuple[int, float]]:
    """The table's rows, and the total number of parameters and megabytes (10⁶ bytes).

    A tied weight is counted where it comes first, and marked where it comes again.
    """
    seen: set[int] = set()
    rows: list[tuple[str, ...]] = []
    for path, part in module.named_modules():
        own = own_tensors(part)
        if not own:
            continue
        new = [(name, t) for name, t in own if id(t) not in seen]
        shapes = "\n".join(
            f"{name} {t.shape}" + ("" if id(t) not in seen else " (tied)") for name, t in own
        )
        count = sum(t.size for name, t in new if name not in part._buffers)
        size = sum(t.data.nbytes for _, t in new) / 1e6
        rows.append((path, type(part).__name__, shapes, f"{count:,}", f"{size:.2f}"))
        seen.update(id(t) for _, t in own)
    tensors = (*module.parameters(), *module.buffers())
    return rows, (module.num_parameters(), sum(t.data.nbytes for t in tensors) / 1e6)


def own_tensors(module: "Module") -> list[tuple[str, "Tensor"]]:
    """The parameters and buffers of this module itself."""
    from minitransformer.nn.parameter import Parameter

    return [
        (name, value)
        for name, value in vars(module).items()
        if isinstance(value, Parameter) or (name in module._buffers and value is not None)
    ]
