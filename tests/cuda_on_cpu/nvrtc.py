"""NVIDIA's own compiler, from the wheel `nvidia-cuda-nvrtc==13.0.*`: no CuPy, no driver, no GPU."""

import ctypes
import importlib.util
from functools import cache
from pathlib import Path

# As CuPy compiles a RawModule, with the architecture for its last word.
CUPY_FLAGS = ("-ftz=true", "--device-as-default-execution-space", "-arch=")
ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_120")  # Turing, Ampere, Hopper, Blackwell


def why_no_nvrtc() -> str | None:
    """Why nothing can be compiled here, in words one can act on; None where it can."""
    return None if folder() else "no NVRTC here (pip install 'nvidia-cuda-nvrtc==13.0.*')"


def folder() -> Path | None:
    """Where the wheel put its libraries."""
    package = importlib.util.find_spec("nvidia")
    places = package.submodule_search_locations if package else None
    folders = [Path(place) / "cu13" / "lib" for place in places or ()]
    return next((f for f in folders if (f / "libnvrtc.so.13").exists()), None)


@cache
def library() -> ctypes.CDLL:
    found = folder()
    assert found is not None
    for builtins in found.glob("libnvrtc-builtins.so.*"):
        ctypes.CDLL(str(builtins), ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(found / "libnvrtc.so.13"))


def compile_for(architecture: str, code: str, options: tuple[str, ...] = ()) -> bytes:
    """The machine code of `code`, as CuPy would have it.

    Raises:
        ValueError: NVRTC refuses the code; the message is its log.
    """
    return compiled(architecture, code, options)[0]


def report_for(architecture: str, code: str, options: tuple[str, ...] = ()) -> str:
    """What the assembler says of each kernel: its registers, spills and shared memory."""
    return compiled(architecture, code, (*options, "--ptxas-options=-v"))[1]


def compiled(architecture: str, code: str, options: tuple[str, ...]) -> tuple[bytes, str]:
    """The machine code, and the log."""
    *flags, arch = CUPY_FLAGS
    words = [option.encode() for option in (*options, *flags, arch + architecture)]
    program = ctypes.c_void_p()
    nvrtc = library()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), code.encode(), b"kernel.cu", 0, None, None)
    failed = nvrtc.nvrtcCompileProgram(program, len(words), (ctypes.c_char_p * len(words))(*words))
    log = text_of(program, "ProgramLog").rstrip(b"\0").decode()
    if failed:
        raise ValueError(f"NVRTC for {architecture}:\n{log}")
    machine_code = text_of(program, "CUBIN")
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return machine_code, log


def text_of(program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(library(), f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(library(), f"nvrtcGet{what}")(program, buffer)
    return buffer.raw
