"""The machine that a measurement was made on: its parts, its versions, and its measured peaks.

A result says little without them; every JSON that `python -m bench` writes carries them.
"""

import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from minitransformer import threads

PACKAGES = (
    *("numpy", "numba", "scipy", "tbb", "cupy-cuda12x", "cupy-cuda13x", "torch"),
    *("jax", "optax", "tinygrad", "mygrad", "autograd"),
)
MATRIX, COPIED = 1536, 1 << 28  # rows and columns; bytes, more than most caches hold
REPETITIONS = 7
LONG = 2.0  # seconds of products, so that a busy moment does not lower the peak


def facts() -> dict[str, Any]:
    """What the machine is and what computes on it, ready for JSON."""
    return {
        "cpu": cpu_model(),
        "cores": threads.usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := installed(name))},
        "engine": threads.report(),
        "peaks": peaks(),
    }


@cache
def peaks() -> dict[str, float]:
    """The best that this machine reaches: NumPy's product in GFLOP/s, copying in GB/s."""
    return {"gflops": gemm_gflops(), "gbs": copy_gbs(COPIED)}


def gemm_gflops() -> float:
    """One large float32 product, with every thread that NumPy's BLAS takes."""
    a, b, out = (np.ones((MATRIX, MATRIX), np.float32) for _ in range(3))
    return 2 * MATRIX**3 / shortest(lambda: np.matmul(a, b, out=out), LONG) / 1e9


@cache
def copy_gbs(moved: int) -> float:
    """Copying in one thread or a part a thread, whichever is faster; `moved` bytes in all.

    A byte counts as read and as written. Fewer bytes than caches hold are copied faster.
    """
    source, target = np.ones(moved // 8, np.float32), np.ones(moved // 8, np.float32)
    workers = threads.get_num_threads()
    parts = list(zip(np.array_split(target, workers), np.array_split(source, workers), strict=True))
    alone = shortest(lambda: np.copyto(target, source))
    with ThreadPoolExecutor(workers) as pool:
        together = shortest(lambda: list(pool.map(lambda pair: np.copyto(*pair), parts)))
    return moved / min(alone, together) / 1e9


def shortest(work: Callable[[], Any], at_least: float = 0.0) -> float:
    """Seconds of the fastest of several runs, `at_least` seconds of them, the first not counted."""
    work()
    seconds: list[float] = []
    while len(seconds) < REPETITIONS or sum(seconds) < at_least:
        begin = perf_counter()
        work()
        seconds.append(perf_counter() - begin)
    return min(seconds)


def memory_mb(which: str) -> float | None:
    """This process's memory in RAM, now ("VmRSS") or at its highest ("VmHWM"); on Linux alone."""
    file = Path("/proc/self/status")
    lines = file.read_text().splitlines() if file.exists() else []
    found = (int(line.split()[1]) / 1024 for line in lines if line.startswith(which))
    return next(found, None)


def peak_mb() -> float | None:
    """The highest since `forget_peak`, or since the process began."""
    return memory_mb("VmHWM")


def forget_peak() -> None:
    file = Path("/proc/self/clear_refs")
    if file.exists():
        file.write_text("5")


def cpu_model() -> str:
    """The processor's name, as far as the system tells it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
