"""How long it takes to begin: import, and the first training step from the process's start.

Every number comes from a fresh process. A cold start compiles what the step needs into an empty
folder, a warm one finds it there.
"""

from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from bench.engine import import_seconds
from bench.record import save
from bench.tables import Table
from bench.turns import Worker


def first_step(engine: str, size: str, **variables: str) -> float:
    """Seconds from the start of a process to the end of its first training step."""
    begin = perf_counter()
    worker = Worker("bench.peers.worker", engine, size, **variables)
    worker.ask({"steps": 1, "seconds": 0})
    seconds = perf_counter() - begin
    worker.stop()
    return seconds


def cold_and_warm(size: str) -> tuple[float, float]:
    """The first step twice, over a folder of compiled kernels that is empty at first."""
    with TemporaryDirectory() as folder:
        cold = first_step("ours", size, NUMBA_CACHE_DIR=folder)
        return cold, first_step("ours", size, NUMBA_CACHE_DIR=folder)


def one_round(size: str) -> dict[str, float]:
    """Seconds of everything, once; PyTorch's beside ours if it is installed."""
    seconds = {f"import {name}": import_seconds(name) for name in ("numpy", "minitransformer")}
    seconds["first step, cold"], seconds["first step, warm"] = cold_and_warm(size)
    if find_spec("torch"):
        seconds["import torch"] = import_seconds("torch")
        seconds["first step of PyTorch"] = first_step("torch", size)
    return seconds


def run(size: str, rounds: int, file: Path | None) -> None:
    """Measure, print a table, and write the numbers to `file`."""
    found = [one_round(size) for _ in range(rounds)]
    seconds = {what: [each[what] for each in found] for what in found[0]}
    best = {what: min(taken) for what, taken in seconds.items()}
    results = [{"case": size, "seconds": seconds, "best": best}]
    for shown in tables(results):
        shown.show()
    save(file, "startup", results)


def tables(results: list[dict[str, Any]]) -> list[Table]:
    shown = []
    for result in results:
        best = result["best"]
        pairs = result["seconds"].items()
        rows = [[what, f"{median(taken):.2f}", f"{best[what]:.2f}"] for what, taken in pairs]
        title = f"fresh processes, a step of {result['case']}"
        shown.append(Table(title, ("what", "median s", "best s"), rows))
    return shown
