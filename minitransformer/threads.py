"""How many threads the engine computes with."""

import importlib
import os
from pathlib import Path
from typing import Any

_threads = 0


def get_num_threads() -> int:
    """The number of threads that kernels share their work among.

    At first, what `NUMBA_NUM_THREADS` says, else one for each core this process may use.
    """
    global _threads
    if not _threads:
        _threads = int(os.environ.get("NUMBA_NUM_THREADS") or usable_cores())
    return _threads


def set_num_threads(n: int) -> None:
    """Compute with `n` threads, in this process from now on: the kernels, and NumPy's BLAS.

    Results are reproducible to the bit for one number of threads; another one adds the same
    numbers in another order.

    Raises:
        ValueError: n is not a positive integer.
    """
    global _threads
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"set_num_threads: expected a positive integer, got {n!r}")
    _threads = n
    for library in blas_libraries():
        library.set_num_threads(n)


def report() -> dict[str, str]:
    """What computes here: threads, the pool that they live in, and each BLAS with its threads."""
    try:
        pool = importlib.import_module("minitransformer.kernels.cpu.runtime").layer
    except ImportError as error:
        pool = f"none ({error})"
    lines = {"threads": str(get_num_threads()), "thread pool of the kernels": pool}
    for library in blas_libraries():
        info = library.info()
        found = f"{info['internal_api']} {info['version']}, {info['num_threads']} threads"
        lines[f"BLAS of {owner_of(library)}"] = found
    return lines


def blas_libraries() -> list[Any]:
    """The BLAS libraries loaded in this process, as threadpoolctl sees them."""
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def owner_of(library: Any) -> str:
    """Who brought it: NumPy's computes the textbook's products, SciPy's none of ours."""
    return "SciPy" if "scipy" in Path(library.filepath).parent.name else "NumPy"


def usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
