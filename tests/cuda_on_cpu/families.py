"""The project's CUDA kernels, as the ladder sees them: files of CUDA C++, ops they stand in for."""

from pathlib import Path

from minitransformer import kernels
from minitransformer.function import ACCELERATED, load_kernels
from minitransformer.kernels.cuda import launch

from .cuda_source import kernels_in

OPTIONS = launch.OPTIONS
FOLDER = Path(kernels.__path__[0]) / "cuda"


def families() -> list[str]:
    """The files with kernels, by name; others are only included."""
    return [f.stem for f in sorted(FOLDER.glob("*.cu")) if kernels_in(f.read_text())]


def source(family: str) -> str:
    """The text that is compiled."""
    return launch.source(family)


def kernel_names(family: str) -> list[str]:
    return kernels_in(source(family))


def accelerated_ops() -> list[str]:
    """The names of the ops that have a CUDA kernel."""
    for file in sorted(FOLDER.glob("*.py")):
        load_kernels(file.stem, "cuda")
    return [op.op_name for op, device in ACCELERATED if device == "cuda"]
