"""From which size on a GPU is faster than the CPU, the way of the arrays counted and not.

Each op runs on the CPU with our kernels and on the GPU with CuPy's arrays, forward; the GPU is
idle before each reading of a clock. Both results must agree before they are timed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from bench.record import save
from bench.tables import Table, milliseconds
from minitransformer import ops
from minitransformer.devices import to_device, why_no_cuda

SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
REPETITIONS = 7
TOLERANCE = 1e-3  # of the largest number; a GPU adds long sums in another order
COLUMNS = ("op", "size", "CPU ms", "GPU ms", "GPU and transfers, ms", "GPU is faster")


def inputs(size: int) -> Iterator[tuple[Any, tuple[np.ndarray, ...], dict[str, Any]]]:
    """Ops on square matrices, and attention of that length."""
    normal = np.random.default_rng(7).standard_normal
    a, b = (normal((size, size), np.float32) for _ in range(2))
    yield ops.Linear, (a, b), {}
    yield ops.GELU, (a,), {"approximate": "tanh"}
    yield ops.Softmax, (a,), {}
    heads = tuple(normal((1, 8, size, 64), np.float32) for _ in range(3))
    yield ops.Attention, heads, {"is_causal": True}


def run(rounds: int, file: Path | None) -> None:
    """Measure, print a table, and write the numbers to `file`; say so where there is no GPU."""
    reason = why_no_cuda()
    results = [] if reason else [r for size in SIZES for r in measure(size, rounds)]
    if reason:
        print(f"no GPU: {reason}")
    for shown in tables(results):
        shown.show()
    save(file, "crossover", results, no_gpu=reason)


def measure(size: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Seconds of each op at one size: on the CPU, on the GPU, and there and back."""
    for op, arrays, options in inputs(size):
        there = tuple(to_device(x, "cuda") for x in arrays)
        check(op, size, op.run(*arrays, **options), op.run(*there, **options).get())
        ways = {
            "cpu": lambda op=op, arrays=arrays, options=options: op.run(*arrays, **options),
            "gpu": lambda op=op, there=there, options=options: op.run(*there, **options),
            "gpu and transfers": lambda op=op, arrays=arrays, options=options: op.run(
                *(to_device(x, "cuda") for x in arrays), **options
            ).get(),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, work in ways.items():
                taken[way].append(shortest(work))
        best = {way: min(seconds) for way, seconds in taken.items()}
        case = {"case": f"{op.op_name} {size}", "op": op.op_name, "size": size}
        yield {**case, "seconds": taken, "best": best}


def check(op: Any, size: int, expected: np.ndarray, got: np.ndarray) -> None:
    error = float(np.abs(expected - got).max() / np.abs(expected).max())
    if not error <= TOLERANCE:
        raise RuntimeError(f"bench crossover: {op.op_name} {size}: results differ by {error:.2g}")


def shortest(work: Callable[[], Any]) -> float:
    """Seconds of the fastest of several runs, the GPU idle at both ends; the first is not one."""
    from cupy.cuda import get_current_stream

    seconds = []
    for _ in range(REPETITIONS + 1):
        get_current_stream().synchronize()
        begin = perf_counter()
        work()
        get_current_stream().synchronize()
        seconds.append(perf_counter() - begin)
    return min(seconds[1:])


def tables(results: list[dict[str, Any]]) -> list[Table]:
    if not results:
        return []
    rows = [row(r) for r in sorted(results, key=lambda r: (r["op"], r["size"]))]
    return [Table("forward passes, float32, best", COLUMNS, rows)]


def row(result: dict[str, Any]) -> list[str]:
    cpu, gpu, whole = (result["best"][way] for way in ("cpu", "gpu", "gpu and transfers"))
    verdict = "with transfers" if whole < cpu else "on the GPU alone" if gpu < cpu else "no"
    times = [milliseconds(seconds) for seconds in (cpu, gpu, whole)]
    return [result["op"], str(result["size"]), *times, verdict]
