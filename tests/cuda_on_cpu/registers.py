"""What each kernel takes of a GPU, by NVIDIA's assembler: registers, spills, shared memory.

    python -m tests.cuda_on_cpu.registers [sm_90 ...]

Needs nvcc. Spills are registers that did not fit and went to memory; there should be none.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from .families import families, source
from .nvrtc import ARCHITECTURES

KERNEL = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


def measured(family: str, architecture: str) -> list[tuple[str, int, int, int]]:
    """(kernel, registers, bytes spilled, bytes of shared memory) of each kernel in a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{family}.cu"
        file.write_text(source(family))
        command = ["nvcc", "-cubin", "-std=c++17", "-ftz=true", "-Xptxas=-v"]
        done = subprocess.run(
            [*command, f"-arch={architecture}", str(file), "-o", f"{folder}/out.cubin"],
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(done.stderr)
    parts = KERNEL.split(done.stderr)[1:]
    rows = []
    for name, text in zip(parts[0::3], parts[2::3], strict=True):
        spilled = sum(int(n) for n in SPILLS.search(text).groups())
        shared = SHARED.search(text)
        registers = int(USED.search(text)[1])
        rows.append((name, registers, spilled, int(shared[1]) if shared else 0))
    return sorted(rows)


def main(architectures: list[str]) -> None:
    titles = [f"{a:>8}" for a in architectures]
    print(f"{'registers (bytes spilled)':34}", *titles, "  shared bytes")
    for family in families():
        tables = [measured(family, a) for a in architectures]
        for rows in zip(*tables, strict=True):
            name, shared = f"{family}: {rows[0][0]}", rows[0][3]
            cells = [f"{r[1]}" + (f" ({r[2]})" if r[2] else "") for r in rows]
            print(f"{name:34}", *(f"{cell:>8}" for cell in cells), f"{shared:>8}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(ARCHITECTURES))
