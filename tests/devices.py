"""The devices that tests run on.

cpu       NumPy, and Numba's kernels
strict    NumPy behind CuPy's rules, and the CUDA kernels built by g++ (cuda_on_cpu/README.md)
cuda      CuPy on a GPU, or on the CPU under `-p cuda_on_cpu.real_cupy`; marked gpu
"""

import pytest
from cuda_on_cpu.compiler import why_no_compiler

from minitransformer.devices import why_no_cuda


def needs(reason: str | None) -> pytest.MarkDecorator:
    """Skip where there is a reason to."""
    return pytest.mark.skipif(reason is not None, reason=str(reason))


DEVICES = {
    "cpu": [pytest.param("cpu", id="cpu")],
    "cuda": [
        pytest.param("strict", id="strict", marks=needs(why_no_compiler())),
        pytest.param("cuda", id="cuda", marks=[pytest.mark.gpu, needs(why_no_cuda())]),
    ],
}


def available_devices(*kinds: str) -> list:
    """Parameters for the fixture `device`: those of some kinds ("cpu", "cuda"), or all."""
    return [where for kind in kinds or DEVICES for where in DEVICES[kind]]
