"""Which thread pool Numba uses: TBB where it is installed, else its own workqueue.

TBB is the steadiest beside other libraries' threads. OpenMP, which Numba would take next,
is the worst: its workers spin while others wait for the core.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path

import numba
from numba import config

LIBRARY = {"win32": "tbb12.dll", "darwin": "libtbb.12.dylib"}.get(sys.platform, "libtbb.so.12")
CHOICES = ("NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY")


def choose_layer() -> str:
    """Pick the layer before the first parallel kernel runs, never against what the user set."""
    try:
        return numba.threading_layer()  # a kernel of the user's has run: that settled it
    except ValueError:
        pass
    tbb = load_tbb()
    if config.THREADING_LAYER == "default" and not any(name in os.environ for name in CHOICES):
        config.THREADING_LAYER = "tbb" if tbb else "workqueue"
    return config.THREADING_LAYER


def load_tbb() -> bool:
    """Whether TBB works. Its wheel puts it where the loader does not look, so we load it."""
    for place in tbb_places():
        try:
            ctypes.CDLL(place, mode=ctypes.RTLD_GLOBAL)
            import_module("numba.np.ufunc.tbbpool")
        except (OSError, ImportError):
            continue
        return True
    return False


def tbb_places() -> Iterator[str]:
    """Where the library may be: where its wheel says, the environment, the loader's path."""
    try:
        for file in metadata.files("tbb") or ():
            if file.name == LIBRARY:
                yield str(Path(str(file.locate())).resolve())
    except metadata.PackageNotFoundError:
        pass
    for folder in ("lib", "Library/bin"):
        place = Path(sys.prefix, folder, LIBRARY)
        if place.exists():
            yield str(place)
    yield LIBRARY
