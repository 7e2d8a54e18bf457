"""Every CPU kernel beside the textbook op that it stands for, and PyTorch's op if installed.

Each is first held against the textbook in float64, then they take turns, warm. NumPy's and
Numba's run in this process, PyTorch's in another. A kernel alone is timed, without the graph.
Speed-up and rates come from the fastest repetitions: they are steadier on a shared machine.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import machine
from bench.cases import TOLERANCE, Case, cases, largest_error, perform
from bench.record import save
from bench.turns import Worker
from minitransformer import kernels
from minitransformer.function import ACCELERATED, load_kernels

TURN = 0.03  # seconds that one turn may take, with two repetitions at the least
REST = 0.03  # seconds until the threads of another engine's BLAS have gone to sleep
ENGINES = {"textbook": "textbook", "torch": "PyTorch", "kernel": "kernel"}

Turn = Callable[[], list[float]]  # seconds of one pass: the median, the least


def run(rounds: int, json_file: Path | None) -> None:
    """Measure, print a table, and write all of it into `json_file`."""
    load_all()
    peaks = machine.peaks()
    peer = Worker("bench.peers.torch_ops") if find_spec("torch") else None
    rows = []
    for number, case in enumerate(track(list(cases()), "kernels", transient=True)):
        for direction in directions(case):
            turns = engines(case, direction)
            if peer:
                turns["torch"] = partial(peer.ask, [number, direction])
            rows.append(measure(case, direction, turns, rounds))
    if peer:
        peer.stop()
    save(json_file, "kernels", rows)
    product, copy = f"{peaks['gflops']:.0f} GFLOP/s", f"{peaks['gbs']:.0f} GB/s"
    Console().print(f"{machine.cpu_model()}: product {product}, copy {copy}", highlight=False)
    Console().print(table_of(rows))


def load_all() -> None:
    """Import every CPU kernel, and see that each has a case here.

    Raises:
        RuntimeError: one has none, or there are no kernels.
    """
    for file in (Path(kernels.__path__[0]) / "cpu").glob("*.py"):
        load_kernels(file.stem, "cpu")
    accelerated = {op for op, device in ACCELERATED if device == "cpu"}
    missing = sorted(op.op_name for op in accelerated - {case.op for case in cases()})
    if missing or not accelerated:
        raise RuntimeError(f"bench kernels: no case for {', '.join(missing) or 'any kernel'}")


def directions(case: Case) -> list[str]:
    """The passes that the kernel does not leave to the textbook."""
    kernel = ACCELERATED[case.op, "cpu"]
    passes = [d for d in ("forward", "backward") if hasattr(kernel, d)]
    return [d for d in passes if getattr(kernel, d) is not getattr(case.op, d)]


def engines(case: Case, direction: str) -> dict[str, Turn]:
    """Those that take their turns in this process."""
    implementations = {"textbook": case.op, "kernel": ACCELERATED[case.op, "cpu"]}
    return {name: partial(take_turn, i, case, direction) for name, i in implementations.items()}


def measure(case: Case, direction: str, turns: dict[str, Turn], rounds: int) -> dict[str, Any]:
    """One row: validate, which compiles too, then time in turns."""
    done = perform(ACCELERATED[case.op, "cpu"], case, direction)
    expected = perform(case.op, case, direction, np.float64).results
    error = largest_error(done.results, expected)
    if not error < TOLERANCE:
        raise RuntimeError(f"bench kernels: {case.name} {case.size} {direction}: error {error:.2g}")
    times: dict[str, list[list[float]]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            times[name].append(turn())
    medians = {name: median(middle for middle, _ in taken) for name, taken in times.items()}
    best = {name: min(fastest for _, fastest in taken) for name, taken in times.items()}
    return {
        "op": case.name,
        "size": case.size,
        "direction": direction,
        "median_ms": {name: 1000 * seconds for name, seconds in medians.items()},
        "best_ms": {name: 1000 * seconds for name, seconds in best.items()},
        "speedup": best["textbook"] / best["kernel"],
        **speed(case, direction, done.moved, best["kernel"]),
        "error": error,
    }


def take_turn(engine: Any, case: Case, direction: str) -> list[float]:
    """Median and least of as many repetitions as there is time for, after one to warm up."""
    if case.flops:
        sleep(REST)
    perform(engine, case, direction)
    seconds, begin = [], perf_counter()
    while len(seconds) < 2 or perf_counter() - begin < TURN:
        seconds.append(perform(engine, case, direction).seconds)
    return [median(seconds), min(seconds)]


def speed(case: Case, direction: str, moved: int, seconds: float) -> dict[str, Any]:
    """Operations a second where products decide, bytes a second elsewhere, and of what peak.

    A backward pass has two products for each forward one; attention computes the scores
    again, which makes five for two. The peak of bytes is a copy that moves as many; an
    update in place may pass it, since it writes where it has read.
    """
    if not case.flops:
        rate, unit, peak = moved / seconds / 1e9, "GB/s", machine.copy_gbs(moved)
    else:
        factor = {"linear": 2.0, "attention": 2.5}[case.op.family]
        flops = case.flops * (factor if direction == "backward" else 1.0)
        rate, unit, peak = flops / seconds / 1e9, "GFLOP/s", machine.peaks()["gflops"]
    return {"rate": rate, "unit": unit, "share_of_peak": rate / peak}


def table_of(rows: list[dict[str, Any]]) -> Table:
    title = "CPU kernels, float32: median ms (best); speed-up over the textbook"
    table = Table(title=title, title_justify="left")
    for column in ("op", "size", "direction"):
        table.add_column(column, overflow="fold")
    for column in (*ENGINES.values(), "speed-up", "rate", "of peak", "error"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            *(row["op"], row["size"], row["direction"]),
            *(milliseconds(row, engine) for engine in ENGINES),
            f"{row['speedup']:.1f}",
            f"{row['rate']:.1f} {row['unit']}",
            f"{row['share_of_peak']:.0%}",
            f"{row['error']:.0e}",
        )
    return table


def milliseconds(row: dict[str, Any], engine: str) -> str:
    if engine not in row["median_ms"]:
        return ""
    return f"{row['median_ms'][engine]:.3f} ({row['best_ms'][engine]:.3f})"
