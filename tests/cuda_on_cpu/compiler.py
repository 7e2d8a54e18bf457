"""g++, with everything that it built kept in a cache folder under the hash of what it was made of.

CUDA_ON_CPU_CACHE       the folder; by default one in the temporary folder
CUDA_ON_CPU_SANITIZE    "address" or "thread": kernels under that sanitizer
"""

import getpass
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

HEADERS = Path(__file__).parent / "cpp"
SANITIZE = os.environ.get("CUDA_ON_CPU_SANITIZE", "")
# One rounding an operation: fused multiply-adds would hide which kernel rounds how.
FLAGS = ["-std=c++17", "-O1", "-fPIC", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-w"]
SANITIZERS = {
    "": [],
    "address": ["-g", "-fsanitize=address"],
    "thread": ["-g", "-fsanitize=thread"],
}


def why_no_compiler() -> str | None:
    """Why kernels cannot be built here, in words one can act on; None where they can."""
    return None if shutil.which("g++") else "no g++ here (apt-get install g++)"


@cache
def cache_folder() -> Path:
    default = Path(tempfile.gettempdir()) / f"cuda-on-cpu-{getpass.getuser()}"
    folder = Path(os.environ.get("CUDA_ON_CPU_CACHE", default))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def header_text() -> str:
    return "".join(file.read_text() for file in sorted(HEADERS.glob("*.h")))


def shared_library(cpp: str, flags: list[str]) -> Path:
    """The library built from C++ text, from the cache if it is there.

    Raises:
        RuntimeError: g++ refuses the text; the message has its errors.
    """
    command = ["g++", *FLAGS, *flags, "-shared"]
    key = hashlib.sha256("\0".join([cpp, header_text(), *command]).encode()).hexdigest()[:24]
    library = cache_folder() / f"{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
            source, built = Path(folder) / "kernel.cpp", Path(folder) / "kernel.so"
            source.write_text(cpp)
            run([*command, str(source), "-o", str(built)])
            built.replace(library)  # whole or not at all, whoever else builds it
    return library


def run(command: list[str]) -> str:
    """What a command prints.

    Raises:
        RuntimeError: it fails; the message has the errors it printed.
    """
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        raise RuntimeError("\n".join(errors[:8]) or done.stderr)
    return done.stdout


def kernel_library(cpp: str, options: tuple[str, ...] = ()) -> Path:
    """The library of a text from `cuda_source.as_cpp`, sanitized if the environment says so."""
    defines = [option for option in options if option.startswith(("-D", "-I"))]
    include = ["-include", str(HEADERS / "cuda.h")]
    return shared_library(cpp, [*SANITIZERS[SANITIZE], *include, *defines])
