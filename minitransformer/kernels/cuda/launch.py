"""The one way from Python to a CUDA kernel: compile, check the arguments, launch.

CuPy checks nothing: a Python float for a `float` parameter arrives as 0.0, an array of another
dtype as garbage, and strides are ignored. So each kernel's parameters are read from its own
text, and every argument is held against them.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minitransformer.devices import cuda_module

OPTIONS = ("--std=c++17",)
WARP, MOST_THREADS = 32, 256  # threads that run in step; threads a block

TYPES = {
    "float": np.float32,
    "int": np.int32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
}
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
KERNEL = re.compile(r'extern "C" __global__ void (\w+)\(([^)]*)\)')
INCLUDE = re.compile(r'^#include "(\w+\.cu)"$', re.MULTILINE)


class Parameter(NamedTuple):
    """One parameter of a kernel: a pointer to numbers of this type, or one such number."""

    name: str
    type: Any
    pointer: bool


class Kernel:
    """The kernel `name` in `<family>.cu`: `kernel(grid, block, *arguments)` launches it.

    Grid and block are numbers or tuples; where the grid has a 0 there is nothing to do.
    Pointers take contiguous arrays of their type, other parameters Python numbers.

    Raises:
        TypeError: an argument is missing, or of the wrong kind or dtype; the message names the
            kernel and the parameter.
        ValueError: an array is not C-contiguous, or a number does not fit its type.
    """

    def __init__(self, family: str, name: str) -> None:
        self.family = family
        self.name = name

    def __call__(self, grid: Any, block: Any, *arguments: Any) -> None:
        grid, block = as_sizes(grid), as_sizes(block)
        parameters = parameters_of(self.family)[self.name]
        if len(arguments) != len(parameters):
            raise TypeError(
                f"{self.name}: expected {len(parameters)} arguments "
                f"({', '.join(p.name for p in parameters)}), got {len(arguments)}"
            )
        pairs = zip(parameters, arguments, strict=True)
        converted = tuple([self._convert(p, argument) for p, argument in pairs])
        if 0 not in grid:
            compiled(cuda_module(), self.family, self.name)(grid, block, converted)

    def _convert(self, parameter: Parameter, value: Any) -> Any:
        try:
            if parameter.pointer:
                return checked_array(parameter.type, value)
            return number(parameter.type, value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self.name}: {parameter.name} {error}") from error


def checked_array(dtype: Any, x: Any) -> Any:
    """`x` itself, once it is known to be a contiguous array of this dtype on the GPU."""
    if not isinstance(x, cuda_module().ndarray):
        raise TypeError(f"should be an array on the GPU, got {type(x).__name__}")
    if x.dtype != dtype:
        raise TypeError(f"should be {np.dtype(dtype)}, got {x.dtype}")
    if not x.flags.c_contiguous:
        raise ValueError(f"should be C-contiguous, got shape {x.shape} with strides {x.strides}")
    return x


def number(dtype: Any, x: Any) -> Any:
    """`x` as a number of exactly this type."""
    expected = (int, np.integer) if dtype is not np.float32 else (int, float, np.number)
    if not isinstance(x, expected):
        raise TypeError(f"should be a number for {np.dtype(dtype)}, got {x!r:.60}")
    try:
        return dtype(x)
    except OverflowError as error:
        raise ValueError(f"should fit {np.dtype(dtype)}, got {x}") from error


@cache
def compiled(module: Any, family: str, name: str) -> Any:
    """The kernel, ready to be launched; a family is compiled once for each device module."""
    return compiled_family(module, family).get_function(name)


@cache
def compiled_family(module: Any, family: str) -> Any:
    # CuPy writes the text to a file, in an encoding that may not know the comments' letters.
    code = source(family).encode("ascii", "replace").decode()
    return module.RawModule(code=code, options=OPTIONS)


@cache
def parameters_of(family: str) -> dict[str, list[Parameter]]:
    """The parameters of each kernel in `<family>.cu`, by the kernel's name."""
    text = COMMENT.sub("", source(family))
    return {name: parse(parameters) for name, parameters in KERNEL.findall(text)}


def parse(parameters: str) -> list[Parameter]:
    """What stands between a kernel's brackets: "const float* x, int columns"."""
    parsed = []
    for parameter in parameters.split(","):
        *kind, name = parameter.replace("*", " * ").split()
        words = [word for word in kind if word not in ("const", "*", "__restrict__")]
        parsed.append(Parameter(name, TYPES[" ".join(words)], "*" in kind))
    return parsed


@cache
def source(family: str) -> str:
    """The text of `<family>.cu`, with the files that it includes in their places."""
    folder = Path(__file__).parent
    text = (folder / f"{family}.cu").read_text(encoding="utf-8")
    return INCLUDE.sub(lambda match: (folder / match[1]).read_text(encoding="utf-8"), text)


def as_sizes(sizes: Any) -> tuple[int, ...]:
    return sizes if isinstance(sizes, tuple) else (sizes,)


def threads_for(columns: int) -> int:
    """Threads of the block that works on one row: whole warps, no more than are of use."""
    return min(-(-max(columns, 1) // WARP) * WARP, MOST_THREADS)


def blocks_for(size: int) -> int:
    """Blocks of MOST_THREADS with a thread for each of `size` elements."""
    return -(-size // MOST_THREADS)
