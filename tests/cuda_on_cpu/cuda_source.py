"""CUDA C++ text to C++ text: shared arrays made visible, and a way in for every kernel.

`cpp/cuda.h` does the rest by macros; these three things macros cannot do.
"""

import re
from collections.abc import Iterable

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
KERNEL = re.compile(
    r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\('
)
ALIGNED = r"(?:__align__\(\d+\)\s*)?"
DYNAMIC = re.compile(rf"extern\s+__shared__\s+{ALIGNED}([\w :<>]+?)\s+(\w+)\s*\[\s*\]\s*;")
SHARED = re.compile(rf"__shared__\s+{ALIGNED}((?:unsigned |long )*\w+)\s+([^;=]+);")
ARRAY = re.compile(r"(\w+)((?:\s*\[[^\]]+\])*)")
WAITING = re.compile(r"__sync|__shfl|__ballot|__any_sync|__all_sync")

# What every kernel gets: `launch__NAME` runs a grid, `parameters__NAME` says what it takes.
DOORS = """
extern "C" const char* launch__{door}(
    void** args, const unsigned* sizes, size_t bytes, int order) {{
    return cuda_on_cpu::launch(&{kernel}, {waits}, args, sizes, bytes, order);
}}
extern "C" const char* parameters__{door}() {{ return cuda_on_cpu::parameters(&{kernel}); }}
"""


def kernels_in(code: str) -> list[str]:
    """The names of the kernels that CuPy can find in `code`: those that are `extern "C"`."""
    return KERNEL.findall(without_comments(code))


def as_cpp(code: str, instances: Iterable[tuple[str, str]] = ()) -> str:
    """`code` as C++ for g++, to be compiled with `cpp/cuda.h` before it; lines keep their numbers.

    Args:
        code: CUDA C++.
        instances: (name, expression) of kernels that are templates: ("f0", "f<float>").
    """
    text = without_comments(code)
    doors = [(name, name) for name in kernels_in(code)] + list(instances)
    waits = "true" if WAITING.search(text) else "false"
    text = DYNAMIC.sub(r"auto* \2 = (\1*)cuda_on_cpu::dynamic_shared;", text)
    text = SHARED.sub(shared_arrays, text)
    ends = [DOORS.format(door=door, kernel=kernel, waits=waits) for door, kernel in doors]
    return '#line 1 "kernel.cu"\n' + text + "".join(ends)


def shared_arrays(declaration: re.Match) -> str:
    """`__shared__ float a[32], b;` as references to memory that `execution.h` looks after."""
    kind, names = declaration.groups()
    return " ".join(
        f"auto& {name} = cuda_on_cpu::shared<{kind}{sizes}>([] {{}});"
        for name, sizes in ARRAY.findall(names)
    )


def without_comments(code: str) -> str:
    return COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), code)
