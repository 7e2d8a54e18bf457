"""A computation graph as text: Mermaid (for Markdown) and DOT (for Graphviz)."""

from typing import Any


def walk(root: Any) -> tuple[dict[int, str], list[tuple[int, int]]]:
    """The labels of the nodes and leaves that `root` stands on, and the arrows between them.

    Raises:
        RuntimeError: a backward pass has freed the graph.
    """
    start = root._node or root
    labels: dict[int, str] = {}
    arrows: list[tuple[int, int]] = []
    keep, numbers, waiting = [start], {id(start): 0}, [start]
    while waiting:
        here = waiting.pop()
        number = numbers[id(here)]
        op = getattr(here, "op", None)
        if op and here.saved is None:
            raise RuntimeError(
                "drawing: this graph was freed by a backward pass; draw it before backward, or "
                "pass retain_graph=True"
            )
        shape = "scalar" if here.shape == () else " × ".join(map(str, here.shape))
        labels[number] = f"{op.op_name if op else type(here).__name__.lower()}: {shape}"
        for edge in here.edges if op else ():
            if edge is None:
                continue
            if id(edge) not in numbers:
                numbers[id(edge)] = len(numbers)
                keep.append(edge)
                waiting.append(edge)
            arrows.append((numbers[id(edge)], number))
    return labels, arrows


def to_mermaid(root: Any) -> str:
    """The graph that made `root`, leaves first, as a Mermaid flow chart."""
    labels, arrows = walk(root)
    lines = [f'  n{n}["{label}"]' for n, label in sorted(labels.items())]
    return "\n".join(["graph TD", *lines, *(f"  n{a} --> n{b}" for a, b in arrows)])


def to_dot(root: Any) -> str:
    """The graph that made `root`, as DOT text for Graphviz."""
    labels, arrows = walk(root)
    lines = [f'  n{n} [label="{label}", shape=box];' for n, label in sorted(labels.items())]
    return "\n".join(["digraph {", *lines, *(f"  n{a} -> n{b};" for a, b in arrows), "}"])
