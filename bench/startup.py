"""How long it takes to begin: import, and the first training step from the process's start.

Every number comes from a fresh process. A cold start compiles what the step needs into an empty
folder, a warm one finds it there.
"""

from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.console import Console
from rich.table import Table

from bench.engine import import_seconds
from bench.record import save
from bench.turns import Worker


def first_step(engine: str, size: str, **variables: str) -> float:
    """Seconds from the start of a process to the end of its first training step."""
    begin = perf_counter()
    worker = Worker("bench.peers.worker", engine, size, **variables)
    worker.ask(1)
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
    results = [{"what": what, "seconds": [each[what] for each in found]} for what in found[0]]
    table = Table("what", "median s", "best s", title=f"fresh processes, a step of {size}")
    for result in results:
        seconds = result["seconds"]
        table.add_row(result["what"], f"{median(seconds):.2f}", f"{min(seconds):.2f}")
    Console().print(table)
    save(file, "startup", [{"size": size, **result} for result in results])
