"""What this machine has for the engine, what is missing, and how to mend it."""

import importlib
import importlib.util
import os
import platform
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from minitransformer.devices import cuda_module, why_no_cuda
from minitransformer.threads import blas_libraries, get_num_threads, owner_of

Finding = tuple[str, str, str]  # what, found, how to mend it


def examine() -> Table:
    """A table of findings: a row a part, and a last column that says what to do."""
    table = Table("part", title="minitransformer doctor", title_justify="left")
    for column in ("found", "to mend"):
        table.add_column(column, overflow="fold")
    for finding in (*machine(), *blas(), *kernels(), *gpu(), *optional()):
        table.add_row(*finding)
    return table


def machine() -> list[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = f"Python {platform.python_version()}, NumPy {np.__version__}"
    return [("machine", f"{platform.system()} {platform.machine()}, {cores} cores; {found}", "")]


def blas() -> list[Finding]:
    """Every BLAS that is loaded; NumPy's computes what has no kernel."""
    findings = []
    for library in blas_libraries():
        info = library.info()
        name = f"{info['internal_api']} {info['version'] or ''}".strip()
        core = info.get("architecture", "unknown core")
        found = f"{name} ({core}), {info['num_threads']} threads"
        findings.append((f"BLAS of {owner_of(library)}", found, ""))
    advice = "" if findings else "no BLAS was recognised: the textbook's products may be slow"
    return findings or [("BLAS", "unknown", advice)]


def kernels() -> list[Finding]:
    """Numba, its threads and the folder of compiled kernels."""
    if importlib.util.find_spec("numba") is None:
        return [("CPU kernels", "none: Numba is missing", "pip install numba")]
    try:
        runtime = importlib.import_module("minitransformer.kernels.cpu.runtime")
    except ImportError as error:
        return [("CPU kernels", f"Numba does not load: {error}", "pip install --upgrade numba")]
    advice = "" if runtime.layer == "tbb" else "pip install tbb (steadier), where it has wheels"
    threads = f"{runtime.layer}, {get_num_threads()} threads"
    return [
        ("CPU kernels", f"Numba {runtime.numba.__version__}, {vectors()}", ""),
        ("threads", threads, advice),
        kernel_cache(runtime.cache_folder()),
    ]


def vectors() -> str:
    """What the kernels' matrix products are computed in."""
    module = importlib.import_module("minitransformer.kernels.cpu.vectors")
    return f"products in {8 * module.VECTOR_BYTES}-bit vectors"


def kernel_cache(folder: str | None) -> Finding:
    if folder is None:
        return ("kernel cache", "none: no folder can be written", "set NUMBA_CACHE_DIR to one")
    compiled = len(list(Path(folder).rglob("*.nbc")))
    advice = "" if compiled else "minitransformer doctor --warm compiles them now"
    return ("kernel cache", f"{folder}: {compiled} compiled", advice)


def gpu() -> list[Finding]:
    reason = why_no_cuda()
    if reason is None:
        cupy = cuda_module()
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        return [("GPU", f"{name}, CuPy {cupy.__version__}", "")]
    what, _, advice = reason.partition(": ")
    return [("GPU", what, advice)]


def optional() -> list[Finding]:
    missing = [name for name in ("matplotlib", "torch") if importlib.util.find_spec(name) is None]
    uses = {"matplotlib": "pictures: pip install matplotlib", "torch": "parity tests only"}
    return [(name, "not installed", uses[name]) for name in missing]


def warm_up(console: Console) -> None:
    """Compile every kernel, so that no first step waits for it."""
    if importlib.util.find_spec("numba") is None:
        console.print("nothing to compile: Numba is missing")
        return
    begin = perf_counter()
    importlib.import_module("minitransformer.kernels.cpu.warm").compile_all()
    console.print(f"all kernels are compiled ({perf_counter() - begin:.0f} s)")
