"""What every CPU kernel stands on: one thread pool, a compile cache, and a word when it compiles.

A kernel splits its rows into `chunks` and shares those among the threads of Numba's pool; so
its result depends on the number of threads, never on their timing.
"""

import hashlib
import inspect
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba import config
from numba.core import event

from minitransformer import threads
from minitransformer.kernels.cpu.pool import choose_layer

if config.DISABLE_JIT:
    raise ImportError("NUMBA_DISABLE_JIT is set")

# No more freedom for LLVM than this: infinities and NaNs keep their meaning, and sums the order
# in which they are written (see sums.py). Reciprocal estimates (arcp) would turn a division by
# infinity into NaN.
FASTMATH = {"contract", "nsz"}

FORGET_AFTER = 30 * 24 * 3600  # seconds; then compiled code of other sources is deleted

# Only kernels call helpers: they need no wrappers for Python and C.
INTERNAL = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# Fewer elements than this take less time than waking a second thread.
SERIAL_BELOW = 1 << 14

layer = choose_layer()
_kernels: set[Any] = set()
_lock = threading.RLock()


def kernel(function: Callable) -> Callable:
    """Compile a function whose `prange` runs over chunks, at its first call or from the cache."""
    return _launcher(_compile(function))


def strided_kernel(*writes: str) -> Callable:
    """A kernel for arrays of any memory layout, compiled once a dtype and not once a layout.

    Its loops cannot rely on dense rows: it is for kernels that leave most work to `gemm`.

    Args:
        writes: the arguments that it writes to; the others may be read-only arrays.
    """

    def decorate(function: Callable) -> Callable:
        compiled, known = _compile(function), set()
        launcher = _launcher(compiled)
        names = list(inspect.signature(function).parameters)

        def launch(*args: Any) -> None:
            if args[0].dtype not in known:
                with _lock:
                    compiled.disable_compile(False)
                    arguments = zip(names, map(numba.typeof, args), strict=True)
                    compiled.compile(tuple(_any_layout(t, name in writes) for name, t in arguments))
                    compiled.disable_compile()  # from here on, other layouts are cast to this one
                    known.add(args[0].dtype)
            launcher(*args)

        return launch

    return decorate


def _any_layout(kind: Any, writes: bool) -> Any:
    if not isinstance(kind, numba.types.Array):
        return kind
    return numba.types.Array(kind.dtype, kind.ndim, "A", readonly=not writes)


def helper(function: Callable) -> Callable:
    """Compile a function that kernels call inside their loops."""
    return numba.njit(fastmath=FASTMATH, error_model="numpy", **INTERNAL)(function)


@helper
def share(n, chunk, chunks):
    """The part of range(n) that belongs to chunk number `chunk` of `chunks`."""
    return range(n * chunk // chunks, n * (chunk + 1) // chunks)


@helper
def part(x, chunk, chunks):
    """The rows of `x` that belong to a chunk, as a view.

    Loops over a part start at 0, so that LLVM sees no negative, wrapped index, and vectorises.
    """
    return x[len(x) * chunk // chunks : len(x) * (chunk + 1) // chunks]


def chunks_for(work: int) -> int:
    """Into how many chunks to split `work`, in elements touched: 1, or one a thread."""
    return 1 if work < SERIAL_BELOW else threads.get_num_threads()


def _compile(function: Callable) -> Any:
    folder = cache_folder()
    # Numba reads the folder when it decorates; the user's own functions keep theirs.
    before, config.CACHE_DIR = config.CACHE_DIR, folder or config.CACHE_DIR
    options = {"parallel": True, "nogil": True, "cache": folder is not None}
    try:
        compiled = numba.njit(fastmath=FASTMATH, error_model="numpy", **options)(function)
    finally:
        config.CACHE_DIR = before
    _kernels.add(compiled)
    return compiled


def _launcher(compiled: Any) -> Callable:
    """The kernel itself, or, where two threads of Python must not use the pool at once, a guard."""
    if layer in ("tbb", "omp"):
        return compiled

    def launch(*args: Any) -> None:
        with _lock:
            compiled(*args)

    return launch


@cache
def cache_folder() -> str | None:
    """Where compiled kernels are kept; None where nothing can be written.

    Numba looks at the file that a kernel stands in, not at the helpers it calls: so the
    folder's name is a hash of all the sources that compiled code can come from.
    """
    package = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for folder in (package / "kernels" / "cpu", package / "ops"):
        for source in sorted(folder.glob("*.py")):
            digest.update(source.read_bytes())
    root = Path(config.CACHE_DIR) if config.CACHE_DIR else user_cache()
    folder = root / f"kernels-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()  # also tells when it was last used
        for other in root.glob("kernels-*"):
            if other.stat().st_mtime < time.time() - FORGET_AFTER:
                shutil.rmtree(other, ignore_errors=True)
    except OSError:
        return None
    return str(folder)


def user_cache() -> Path:
    """The platform's folder for what programs may forget."""
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches"
    else:
        root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "minitransformer"


class Announce(event.Listener):
    """Says on stderr which of our kernels is being compiled; a cached one makes no event."""

    def on_start(self, event: Any) -> None:
        dispatcher = event.data["dispatcher"]
        if dispatcher in _kernels:
            dtypes = [str(getattr(t, "dtype", t)) for t in event.data["args"]]
            real = next((name for name in dtypes if name.startswith("float")), "")
            again = "first run only" if cache_folder() else "no folder to cache it in"
            print(f"compiling {dispatcher.__name__} ({real}) ... {again}", file=sys.stderr)

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", Announce())
