"""What each kernel takes of a GPU, by NVIDIA's assembler: registers, spills, shared memory.

    python -m tests.cuda_on_cpu.registers [sm_90 ...]

Needs the NVRTC wheel. Spills are registers that did not fit and went to memory.
"""

import re
import sys
from typing import NamedTuple

from .families import OPTIONS, families, source
from .nvrtc import ARCHITECTURES, report_for

KERNEL = re.compile(r"Compiling entry function '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


class Use(NamedTuple):
    """What one kernel takes; spills and shared memory in bytes."""

    kernel: str
    registers: int
    spilled: int
    shared: int


def measured(family: str, architecture: str) -> list[Use]:
    """Of each kernel in a file."""
    _, *parts = KERNEL.split(report_for(architecture, source(family), OPTIONS))
    uses = []
    for kernel, text in zip(parts[0::2], parts[1::2], strict=True):
        registers = sum(map(int, USED.search(text).groups()))
        spilled = sum(map(int, SPILLS.search(text).groups()))
        shared = sum(map(int, SHARED.findall(text)))
        uses.append(Use(kernel, registers, spilled, shared))
    return sorted(uses)


def main(architectures: list[str]) -> None:
    titles = [f"{architecture:>8}" for architecture in architectures]
    print(f"{'registers (bytes spilled)':42}", *titles, "  shared bytes")
    for family in families():
        tables = [measured(family, architecture) for architecture in architectures]
        for uses in zip(*tables, strict=True):
            cells = [f"{u.registers}" + (f" ({u.spilled})" if u.spilled else "") for u in uses]
            name = f"{family}: {uses[0].kernel}"
            print(f"{name:42}", *(f"{cell:>8}" for cell in cells), f"{uses[0].shared:>8}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(ARCHITECTURES))
