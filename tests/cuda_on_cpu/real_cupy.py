"""Real CuPy on the CPU: the ROCm wheel, its runtime a stand-in, its kernels built by g++.

Import it before CuPy, or give it to pytest, and tests for the GPU run here:

    PYTHONPATH=tests python -m pytest -p cuda_on_cpu.real_cupy -m gpu

It belongs in an environment of its own, with `cupy-rocm-7-0==14.2.0` (480 MB). CuPy's front end
is all there: Python, Cython, promotion, indexing, the marshalling of arguments, generated
kernels. Not there are its solvers, sorting and random numbers (an error, or for
`cupy.random.Generator` garbage).
"""

import ctypes
import hashlib
import os
import struct
import sysconfig
from pathlib import Path
from typing import Any

from . import compiler
from .cuda_source import as_cpp
from .fake_hip import build

SITE_PACKAGES = Path(sysconfig.get_path("platlib"))
COMPLEX = "#include <cupy/complex.cuh>\n"  # two seconds of every kernel, for the few that need it
HEADERS = "carray.cuh", "atomics.cuh", "math_constants.h", "hip_workaround.cuh"
# CuPy's headers open a namespace of Thrust's, which the ROCm toolkit would define.
THRUST = "#define THRUST_NAMESPACE_BEGIN namespace thrust {\n#define THRUST_NAMESPACE_END }\n"


def load() -> Any:
    """CuPy, importable from now on.

    Raises:
        ImportError: the ROCm wheel is not installed here.
    """
    if not (SITE_PACKAGES / "cupy").exists():
        raise ImportError("no CuPy here: pip install cupy-rocm-7-0==14.2.0, in a venv of its own")
    home = compiler.cache_folder() / f"fake-hip-{fingerprint()}"
    build.build(SITE_PACKAGES, home / "lib")
    thrust = home / "include" / "thrust" / "detail" / "config"
    thrust.mkdir(parents=True, exist_ok=True)
    (thrust / "namespace.h").write_text(THRUST)
    os.environ["ROCM_HOME"] = str(home)
    os.environ["CUPY_ACCELERATORS"] = ""
    # Once loaded, they are what CuPy's own files are linked with.
    for library in (home / "lib" / build.RUNTIME, *sorted((home / "lib").glob("*.so.*"))):
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    import cupy
    from cupy.cuda import compiler as cupys_compiler

    cupys_compiler._compile_with_cache_hip = Compiler(home / "include")
    return cupy


def fingerprint() -> str:
    """What the libraries are made of."""
    files = sorted(p for p in (Path(__file__).parent / "fake_hip").iterdir() if p.is_file())
    parts = [file.read_bytes() for file in files] + [str(SITE_PACKAGES).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


class Compiler:
    """In the place of CuPy's call of AMD's compiler: CUDA C++ text to a loaded module."""

    def __init__(self, thrust: Path) -> None:
        own = SITE_PACKAGES / "cupy" / "_core" / "include"
        self.flags = ["-fpermissive", f"-I{own}", f"-I{thrust}"]
        self.header = self._precompiled(thrust)

    def __call__(self, source: str, options: tuple, *_: Any, **settings: Any) -> Any:
        from cupy.cuda import function

        if "complex" not in source.replace(COMPLEX, ""):
            source = source.replace(COMPLEX, "")
        expressions = settings.get("name_expressions") or ()
        instances = [(f"instance{i}", e) for i, e in enumerate(expressions)]
        defines = [option for option in options if option.startswith("-D")]
        flags = [*self.flags, *defines, "-include", str(self.header)]
        library = compiler.shared_library(as_cpp(source, instances), flags).read_bytes()
        module = function.Module()
        module.load(b"CPUMOD\0\0" + struct.pack("<Q", len(library)) + library)
        module._set_mapping({expression: door for door, expression in instances})
        return module

    def _precompiled(self, folder: Path) -> Path:
        """cuda.h and CuPy's headers in one, read by g++ once."""
        text = f'#include "{compiler.HEADERS / "cuda.h"}"\n'
        text += "".join(f"#include <cupy/{name}>\n" for name in HEADERS)
        key = hashlib.sha256((text + compiler.header_text()).encode()).hexdigest()[:16]
        header = folder / f"kernel-{key}.h"
        precompiled = header.with_suffix(".h.gch")
        if not precompiled.exists():
            header.write_text(text)
            command = ["g++", *compiler.FLAGS, *self.flags, "-x", "c++-header", str(header)]
            compiler.run([*command, "-o", f"{precompiled}.{os.getpid()}"])
            Path(f"{precompiled}.{os.getpid()}").replace(precompiled)
        return header


load()
