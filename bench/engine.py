"""What the engine itself costs: seconds a node, and the time to import it."""

import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import minitransformer as mt
from bench.record import save
from bench.tables import Table

NODES = 5000


def node_costs() -> tuple[float, float]:
    """Seconds a node, forward and backward, in a chain of additions.

    The time of the same additions on bare arrays is taken off the forward pass; the backward
    pass of an addition has no arithmetic.
    """
    leaf, array = mt.ones(1, requires_grad=True), np.ones(1, np.float32)
    begin = perf_counter()
    y = leaf
    for _ in range(NODES):
        y = y + 1.0
    forward = perf_counter() - begin
    begin = perf_counter()
    y.backward()
    backward = perf_counter() - begin
    begin = perf_counter()
    for _ in range(NODES):
        array = array + 1.0
    bare = perf_counter() - begin
    return (forward - bare) / NODES, backward / NODES


def import_seconds(module: str) -> float:
    """Seconds that `import module` takes in a fresh process."""
    code = f"from time import perf_counter as t; a = t(); import {module}; print(t() - a)"
    return float(subprocess.check_output([sys.executable, "-c", code], text=True))


def run(rounds: int, file: Path | None) -> None:
    """Measure, print a table, and write the numbers to `file`."""
    costs = [node_costs() for _ in range(rounds)]
    forward, backward = (list(column) for column in zip(*costs, strict=True))
    seconds = {"a node, forward": forward, "a node, backward": backward}
    for module in ("minitransformer", "numpy"):
        seconds[f"import {module}"] = [import_seconds(module) for _ in range(rounds)]
    best = {what: min(taken) for what, taken in seconds.items()}
    results = [{"case": "engine", "seconds": seconds, "best": best}]
    for shown in tables(results):
        shown.show()
    save(file, "engine", results)


def tables(results: list[dict[str, Any]]) -> list[Table]:
    (result,) = results
    rows = []
    for what, seconds in result["seconds"].items():
        factor, unit = (1e6, "µs") if what.startswith("a node") else (1e3, "ms")
        cells = (factor * median(seconds), factor * result["best"][what])
        rows.append([what, *(f"{cell:.2f} {unit}" for cell in cells)])
    return [Table("what the engine costs", ("what", "median", "best"), rows)]
