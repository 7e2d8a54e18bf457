"""A look-alike of `cupy.RawModule`: the same CUDA C++, built by g++ and run on the CPU.

Every launch is run in several orders of threads and blocks, which must leave the same bits
behind. Arguments are held against what the compiler says of the kernel's parameters, where CuPy
would read garbage; every launch is noted in `LAUNCHED`.
"""

import ctypes
from typing import Any

import numpy as np

from .compiler import SANITIZE, kernel_library
from .cuda_source import as_cpp, kernels_in

ORDERS = (0,) if SANITIZE else (0, 1, 2, 3)  # forwards, backwards, and two shuffles
LAUNCHED: set[str] = set()
WITHOUT_ASKING = 48 * 1024  # bytes of shared memory a kernel may have before its limit is raised


class OrderError(RuntimeError):
    """A kernel's results depend on which thread runs first."""


class BarrierError(RuntimeError):
    """Threads of a block miss each other at a barrier, or a warp's mask is wrong."""


class RawModule:
    """The kernels of a CUDA C++ text.

    Args: as CuPy's; `options` may define macros.
    """

    def __init__(
        self,
        *,
        code: str,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        name_expressions: tuple[str, ...] = (),
    ) -> None:
        self._doors = {name: name for name in kernels_in(code)}
        instances = [(f"instance{i}", e) for i, e in enumerate(name_expressions)]
        self._doors |= {expression: door for door, expression in instances}
        self._library = ctypes.CDLL(str(kernel_library(as_cpp(code, instances), options)))

    def get_function(self, name: str) -> "RawKernel":
        return RawKernel(name, self._library, self._doors[name])


class RawKernel:
    """One kernel: `kernel(grid, block, arguments, shared_mem=0)` runs it."""

    def __init__(self, name: str, library: ctypes.CDLL, door: str) -> None:
        self.name = name
        self.max_dynamic_shared_size_bytes = WITHOUT_ASKING
        self._launch = library[f"launch__{door}"]
        self._launch.restype = ctypes.c_char_p
        parameters = library[f"parameters__{door}"]
        parameters.restype = ctypes.c_char_p
        self.parameters = [p for p in parameters().decode().split(", ") if p]
        self.pointers = [p.endswith("*") for p in self.parameters]

    def __call__(self, grid: tuple, block: tuple, args: tuple, *, shared_mem: int = 0) -> None:
        """Launch.

        Raises:
            TypeError: an argument is not what the kernel's parameter takes.
            OrderError: threads in another order give other results.
            BarrierError: threads wait for others that do not come.
            RuntimeError: the sizes cannot be launched.
        """
        if len(args) != len(self.parameters):
            self._refuse(f"expected {len(self.parameters)} arguments, got {len(args)}")
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise RuntimeError(f"{self.name}: {shared_mem} bytes of shared memory were not allowed")
        places = enumerate(zip(self.parameters, args, strict=True), start=1)
        values = [self._checked(i, wanted, x) for i, (wanted, x) in places]
        LAUNCHED.add(self.name)
        pairs = zip(values, self.parameters, strict=True)
        written = [x for x, p in pairs if p.endswith("*") and not p.startswith("const")]
        before, first = [x.copy() for x in written], None
        for order in ORDERS:
            for x, old in zip(written, before, strict=True):
                x[...] = old
            self._run(grid, block, values, shared_mem, order)
            if first is None:
                first = [x.copy() for x in written]
            elif not all(map(same_bits, first, written)):
                raise OrderError(f"{self.name}: results depend on the order of threads")

    def _checked(self, place: int, wanted: str, x: Any) -> np.ndarray:
        """The argument as an array whose memory can be handed over."""
        if wanted.endswith("*"):
            array = getattr(x, "_host", x)
            if not isinstance(array, np.ndarray):
                self._refuse(f"argument {place} should be {wanted}, got {type(x).__name__}")
            if not array.flags.c_contiguous:
                self._refuse(f"argument {place} is not C-contiguous; CuPy ignores strides")
        else:
            array = np.asarray(x)  # a Python int becomes an int64, a float a float64, as in CuPy
            if array.ndim:
                self._refuse(f"argument {place} should be one {wanted}, got shape {array.shape}")
        if array.dtype.name != wanted.removeprefix("const ").removesuffix("*"):
            self._refuse(f"argument {place} should be {wanted}, got {array.dtype}")
        return array

    def _refuse(self, what: str) -> None:
        raise TypeError(f"{self.name}: {what}")

    def _run(self, grid: tuple, block: tuple, values: list, shared_mem: int, order: int) -> None:
        # As for CUDA, every argument goes by address: the number's, or that of the array's address.
        cells = [
            np.array(x.ctypes.data, np.uintp) if pointer else x
            for x, pointer in zip(values, self.pointers, strict=True)
        ]
        addresses = (ctypes.c_void_p * len(cells))(*[cell.ctypes.data for cell in cells])
        sizes = (ctypes.c_uint * 6)(*three(grid), *three(block))
        bytes_shared = ctypes.c_size_t(shared_mem)
        error = self._launch(addresses, sizes, bytes_shared, ctypes.c_int(order))
        if error:
            text = error.decode()
            kind = RuntimeError if text.startswith("cannot launch") else BarrierError
            raise kind(f"{self.name}: {text}")


def three(sizes: tuple) -> tuple:
    return (*sizes, 1, 1, 1)[:3]


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.tobytes() == b.tobytes()
