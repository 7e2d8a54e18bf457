"""Every CPU kernel beside the textbook op that it stands for, and PyTorch's op if installed.

Each is first held against the textbook in float64, then they take turns, warm. NumPy's and
Numba's run in this process, PyTorch's in another. A kernel alone is timed, without the graph.
"""

import json
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import machine
from bench.cases import Case, Outcome, cases, largest_error, perform
from minitransformer import kernels
from minitransformer.function import ACCELERATED, load_kernels

TOLERANCE = 1e-4  # of the largest number in an array; float32 sums of thousands keep well below
TURN = 0.03  # seconds that one turn may take, with two repetitions at the least
REST = 0.03  # seconds until the threads of another engine's BLAS have gone to sleep


def run(rounds: int, json_file: Path | None) -> None:
    """Measure, print a table, and write all of it into `json_file`."""
    load_all()
    facts, peaks = machine.facts(), machine.peaks()
    rows = [
        measure(case, direction, rounds, peaks)
        for case in track(list(cases()), "kernels", transient=True)
        for direction in directions(case)
    ]
    console = Console()
    console.print(f"{facts['cpu']}, {facts['engine']['threads']} threads: ", end="")
    console.print(f"product {peaks['gflops']:.0f} GFLOP/s, copy {peaks['gbs']:.1f} GB/s")
    console.print(table_of(rows))
    if json_file:
        report = {"machine": facts, "peaks": peaks, "rounds": rounds, "kernels": rows}
        json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


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


def measure(case: Case, direction: str, rounds: int, peaks: dict[str, float]) -> dict[str, Any]:
    """One row: validate, which compiles too, then time in turns."""
    engines = {"textbook": case.op, "kernel": ACCELERATED[case.op, "cpu"]}
    expected = perform(case.op, case, direction, np.float64).results
    done = {name: perform(engine, case, direction) for name, engine in engines.items()}
    error = largest_error(done["kernel"].results, expected)
    if not error < TOLERANCE:
        raise RuntimeError(f"bench kernels: {case.name} {case.size} {direction}: error {error:.2g}")
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            times[name].append(take_turn(engine, case, direction))
    seconds = {name: median(taken) for name, taken in times.items()}
    return {
        "op": case.name,
        "size": case.size,
        "direction": direction,
        **{f"{name}_ms": 1000 * taken for name, taken in seconds.items()},
        "speedup": seconds["textbook"] / seconds["kernel"],
        **speed(case, direction, done["kernel"], seconds["kernel"], peaks),
        "error": error,
        "turns": times,
    }


def take_turn(engine: Any, case: Case, direction: str) -> float:
    """The median of as many repetitions as a turn has time for, after one to warm up."""
    if case.flops:
        sleep(REST)
    perform(engine, case, direction)
    seconds, begin = [], perf_counter()
    while len(seconds) < 2 or perf_counter() - begin < TURN:
        seconds.append(perform(engine, case, direction).seconds)
    return median(seconds)


def speed(
    case: Case, direction: str, done: Outcome, seconds: float, peaks: dict[str, float]
) -> dict[str, Any]:
    """Operations a second where products decide, bytes a second elsewhere, and of what peak.

    A backward pass has two products for each forward one; attention computes the scores
    again, which makes five for two. Small arrays stay in caches: they may pass the copy's peak.
    """
    if not case.flops:
        rate, unit, peak = done.moved / seconds / 1e9, "GB/s", peaks["gbs"]
    else:
        factor = {"linear": 2.0, "attention": 2.5}[case.op.family]
        flops = case.flops * (factor if direction == "backward" else 1.0)
        rate, unit, peak = flops / seconds / 1e9, "GFLOP/s", peaks["gflops"]
    return {"rate": rate, "unit": unit, "share_of_peak": rate / peak}


def table_of(rows: list[dict[str, Any]]) -> Table:
    table = Table("op", "size", "direction", title="CPU kernels, float32", title_justify="left")
    for column in ("textbook ms", "kernel ms", "speed-up", "rate", "of peak", "error"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            *(row["op"], row["size"], row["direction"]),
            f"{row['textbook_ms']:.3f}",
            f"{row['kernel_ms']:.3f}",
            f"{row['speedup']:.1f}",
            f"{row['rate']:.1f} {row['unit']}",
            f"{row['share_of_peak']:.0%}",
            f"{row['error']:.0e}",
        )
    return table
