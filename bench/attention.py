"""Causal self-attention over T: time and memory of a forward and backward pass, three engines.

Each engine and T has a process of its own; MB is by how much a pass raises the peak of resident
memory above what its inputs take. Outputs and gradients are compared before times are.
"""

from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console

from bench.peers.attention import HEAD_DIM, HEADS
from bench.record import save
from bench.tables import Table, milliseconds, ratios, spread
from bench.turns import Worker, in_turns

MATRIX_LIMIT = 1e9  # bytes of the T × T weights of all heads, up to which the textbook takes part
BUDGET = 0.2  # seconds a turn
TOLERANCE = 1e-4  # of the largest number
COLUMNS = ("case", "engine", "ms", "best", "PyTorch / it", "MB", "it / PyTorch")

log = Console(stderr=True, highlight=False)


def engines_for(batch: int, length: int) -> list[str]:
    textbook = 4 * batch * HEADS * length**2 <= MATRIX_LIMIT
    return ["ours", *["textbook"] * textbook, *["torch"] * bool(find_spec("torch"))]


def apart(samples: dict[str, Any]) -> float:
    """How far any engine is from ours in y, dq, dk or dv, relative to the largest number."""
    ours = samples["ours"]
    largest = [np.abs(x).max() for x in ours]
    differences = [
        np.abs(np.subtract(x, other)).max() / top
        for others in samples.values()
        for x, other, top in zip(ours, others, largest, strict=True)
    ]
    return float(np.max(differences))  # NaN if one is


def measure(batch: int, length: int, rounds: int) -> dict[str, Any]:
    """Seconds and MB of each engine at one T.

    Raises:
        RuntimeError: their results differ.
    """
    engines = engines_for(batch, length)
    workers = {e: Worker("bench.peers.attention", e, batch, length) for e in engines}
    first = {engine: worker.ask(0) for engine, worker in workers.items()}
    difference = apart({engine: answer["samples"] for engine, answer in first.items()})
    if not difference <= TOLERANCE:
        raise RuntimeError(f"bench attention: T = {length}: results differ by {difference:.2g}")
    answers = in_turns(workers, BUDGET, rounds)
    for worker in workers.values():
        worker.stop()
    return {
        "case": f"B = {batch}, T = {length}",
        "batch": batch,
        "T": length,
        "seconds": {e: [answer["seconds"] for answer in answers[e]] for e in engines},
        "best": {engine: min(answer["best"] for answer in answers[engine]) for engine in engines},
        "growth_mb": {engine: first[engine]["growth_mb"] for engine in engines},
        "apart": difference,
    }


def row(result: dict[str, Any], engine: str) -> list[str]:
    seconds, growth = result["seconds"], result["growth_mb"]
    speed = memory = ""
    if "torch" in seconds and engine != "torch":
        speed = spread(ratios(seconds["torch"], seconds[engine]))
        memory = f"{growth[engine] / growth['torch']:.2f}" if (growth["torch"] or 0) >= 1 else ""
    times = (milliseconds(time) for time in (median(seconds[engine]), result["best"][engine]))
    grown = "" if growth[engine] is None else f"{growth[engine]:.1f}"
    return [result["case"], engine, *times, speed, grown, memory]


def tables(results: list[dict[str, Any]]) -> list[Table]:
    rows: list[list[str]] = []
    for result in results:
        rows += [*(row(result, engine) for engine in result["seconds"]), []]
    title = f"causal attention, forward + backward, {HEADS} heads of {HEAD_DIM}"
    return [Table(title, COLUMNS, rows)]


def run(lengths: list[int], batch: int, rounds: int, file: Path | None) -> None:
    """Measure every T, print a table, and write the numbers to `file`."""
    results = []
    for length in lengths:
        log.print(f"T = {length}: {rounds} rounds")
        results.append(measure(batch, length, rounds))
    for shown in tables(results):
        shown.show()
    save(file, "attention", results)
