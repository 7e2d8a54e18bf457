"""Every CPU kernel beside the textbook op that it stands for, PyTorch's op, and CuPy's on a GPU.

Each is first held against the textbook in float64, then they take turns, warm. NumPy's and
Numba's run in this process, the others in one each. A kernel alone is timed, without the graph.
Speed-up and rates come from the fastest repetitions: they are steadier on a shared machine.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from bench import machine
from bench.cases import TOLERANCE, Case, cases, largest_error, perform
from bench.operations import count
from bench.record import save
from bench.tables import Table, milliseconds
from bench.turns import Worker
from minitransformer import kernels
from minitransformer.devices import why_no_cuda
from minitransformer.function import ACCELERATED, load_kernels

TURN = 0.03  # seconds that one turn may take, with two repetitions at the least
REST = 0.03  # seconds until the threads of another engine's BLAS have gone to sleep
ENGINES = {"textbook": "textbook", "torch": "PyTorch", "cupy": "CuPy", "kernel": "kernel"}

Turn = Callable[[], list[float]]  # seconds of one pass: the median, the least


def run(rounds: int, json_file: Path | None) -> None:
    """Measure, print a table, and write all of it into `json_file`."""
    load_all()
    compiling = compile_times()
    torch = Worker("bench.peers.torch_ops") if find_spec("torch") else None
    cupy = None if why_no_cuda() else Worker("bench.peers.cupy_ops")
    results = []
    for number, case in enumerate(track(list(cases()), "kernels", transient=True)):
        for direction in directions(case):
            turns, request = engines(case, direction), [number, direction]
            if torch:
                turns["torch"] = partial(torch.ask, request)
            result = {"compile_s": compiling[f"{case.name} {direction}"]}
            if cupy:
                turns["cupy"] = lambda request=request: cupy.ask(request)["turn"]
                result["transfer_s"] = min(cupy.ask(request)["transfer"] for _ in range(rounds))
            results.append(measure(case, direction, turns, rounds) | result)
    for worker in filter(None, (torch, cupy)):
        worker.stop()
    peaks = machine.peaks()
    product, copy = f"{peaks['gflops']:.0f} GFLOP/s", f"{peaks['gbs']:.0f} GB/s"
    Console().print(f"{machine.cpu_model()}: product {product}, copy {copy}", highlight=False)
    for shown in tables(results):
        shown.show()
    save(json_file, "kernels", results)


def compile_times() -> dict[str, float]:
    """Seconds of each kernel's compilation, in a process that finds nothing compiled."""
    with TemporaryDirectory() as folder:
        worker = Worker("bench.peers.compile", NUMBA_CACHE_DIR=folder)
        found = worker.ask(None)["compiling"]
        worker.stop()
    return found


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
    best = {name: min(fastest for _, fastest in taken) for name, taken in times.items()}
    return {
        "case": f"{case.name} {case.size} {direction}",
        "op": case.name,
        "size": case.size,
        "direction": direction,
        "seconds": {name: [middle for middle, _ in taken] for name, taken in times.items()},
        "best": best,
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
    """Operations and bytes a second, and of which peak: of products, or of memory elsewhere.

    The peak of bytes is a copy that moves as many; an update in place may pass it, since it
    writes where it has read.
    """
    flops = count(case, direction)
    gflops, gbs = flops / seconds / 1e9, moved / seconds / 1e9
    of_peak = gflops / machine.peaks()["gflops"] if case.flops else gbs / machine.copy_gbs(moved)
    return {
        "flops": flops,
        "bytes": moved,
        "gflops": gflops,
        "gbs": gbs,
        "made_of_products": bool(case.flops),
        "share_of_peak": of_peak,
    }


def tables(results: list[dict[str, Any]]) -> list[Table]:
    engines = [engine for engine in ENGINES if any(engine in r["seconds"] for r in results)]
    on_gpu = ["transfer ms"] * ("cupy" in engines)
    columns = ("op", "size", "direction", *(ENGINES[engine] for engine in engines))
    columns += ("speed-up", "GFLOP/s", "GB/s", "of peak", "error", "compile s", *on_gpu)
    title = "CPU kernels, float32: median ms (best); speed-up over the textbook"
    return [Table(title, columns, [row(result, engines) for result in results])]


def row(result: dict[str, Any], engines: list[str]) -> list[str]:
    cells = [result["op"], result["size"], result["direction"]]
    for engine in engines:
        middle, best = median(result["seconds"][engine]), result["best"][engine]
        cells.append(f"{milliseconds(middle)} ({milliseconds(best)})")
    cells += [f"{result['speedup']:.1f}", f"{result['gflops']:.1f}", f"{result['gbs']:.1f}"]
    peak = "product" if result["made_of_products"] else "copy"
    cells += [f"{result['share_of_peak']:.0%} {peak}", f"{result['error']:.0e}"]
    cells.append(f"{result['compile_s']:.1f}")
    if "transfer_s" in result:
        cells.append(milliseconds(result["transfer_s"]))
    return cells
