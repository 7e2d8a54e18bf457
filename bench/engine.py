"""What the engine itself costs: microseconds a node, and the time to import it."""

import subprocess
import sys
from statistics import median
from time import perf_counter

import numpy as np
from rich.console import Console

import minitransformer as mt

NODES = 5000


def node_costs() -> tuple[float, float]:
    """Microseconds a node, forward and backward, in a chain of additions.

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
    return (forward - bare) / NODES * 1e6, backward / NODES * 1e6


def import_seconds(module: str) -> float:
    """Seconds that `import module` takes in a fresh process."""
    code = f"from time import perf_counter as t; a = t(); import {module}; print(t() - a)"
    return float(subprocess.check_output([sys.executable, "-c", code], text=True))


def run(rounds: int) -> None:
    costs = [node_costs() for _ in range(rounds)]
    forward, backward = (median(column) for column in zip(*costs, strict=True))
    ours = median(import_seconds("minitransformer") for _ in range(rounds))
    numpy = median(import_seconds("numpy") for _ in range(rounds))
    Console().print(
        f"a node: {forward:.2f} µs forward, {backward:.2f} µs backward (medians of {rounds})\n"
        f"import minitransformer: {ours:.3f} s, of which NumPy {numpy:.3f} s",
        highlight=False,
    )
