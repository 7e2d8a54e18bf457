"""The CUDA kernels on the CPU against the textbook in float64; a script for the sanitizers.

python -m tests.cuda_on_cpu.check                          every op that has a kernel
python -m tests.cuda_on_cpu.check softmax --sanitize thread
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import minitransformer as mt
from minitransformer import devices
from minitransformer.function import OPS, Function
from minitransformer.tensor import Tensor

from . import strict_cupy
from .cases import Case, cases
from .compiler import run
from .families import accelerated_ops

CLOSE = 2e-5  # the largest error, relative to the largest value: float32's own
RUNTIMES = {"address": "libasan.so", "thread": "libtsan.so"}
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0", "TSAN_OPTIONS": "report_signal_unsafe=0:exitcode=66"}


class ValueDiffers(AssertionError):
    """A kernel's result is not the textbook's."""


@contextmanager
def strict_device() -> Iterator[None]:
    """`strict_cupy` in CuPy's place."""
    devices.provide_cuda(strict_cupy, strict_cupy.special)
    try:
        yield
    finally:
        devices.provide_cuda(None)


def everything(name: str, case: Case, device: str) -> list[np.ndarray]:
    """Result, inputs afterwards, and gradients under a random upstream gradient."""
    inputs, options = case
    op = OPS[name]
    tensors = [
        Tensor(devices.to_device(x.copy(), device), requires_grad=x.dtype.kind == "f" and i < 3)
        for i, x in enumerate(inputs)  # the fourth is a mask
    ]
    y = op.apply(*tensors, **options)
    arrays = [y.data, *(x.data for x in tensors)]
    if op.backward is not Function.backward:
        dy = np.random.default_rng(0).standard_normal(y.shape).astype(y.dtype)
        y.backward(devices.to_device(dy, device))
        arrays += [x.grad for x in tensors if x.requires_grad]
    return [devices.to_device(x, "cpu") for x in arrays]


def check(name: str) -> None:
    """Run an op's cases on the strict device.

    Raises:
        ValueDiffers: the numbers are wrong; other errors are the stand-ins' own.
    """
    for case in cases(name):
        wide = tuple(x.astype(np.float64) if x.dtype == np.float32 else x for x in case[0])
        with mt.use_kernels("reference"):
            expected = everything(name, (wide, case[1]), "cpu")
        with strict_device():
            got = everything(name, case, "cuda")
        for mine, exact in zip(got, expected, strict=True):
            error = np.abs(mine.astype(np.float64) - exact).max(initial=0)
            # NaN is no error less than anything.
            if not error <= CLOSE * np.abs(exact).max(initial=1):
                raise ValueDiffers(f"{name}{case[1]}: off by {error:.1e}")


def sanitized(sanitizer: str, names: list[str], package: str = "") -> subprocess.CompletedProcess:
    """This script in a process of its own under "address" or "thread"; its errors tell.

    Args:
        package: the folder with the `minitransformer` to check, if not the usual one.
    """
    runtime = run(["g++", f"-print-file-name={RUNTIMES[sanitizer]}"]).strip()
    environment = {
        **os.environ,
        **OPTIONS,
        "LD_PRELOAD": runtime,
        "CUDA_ON_CPU_SANITIZE": sanitizer,
        "PYTHONPATH": os.pathsep.join([package, str(Path(__file__).parents[1]), *sys.path]),
        "MINITRANSFORMER_THREADS": "1",
    }
    # Without randomised addresses: ThreadSanitizer's shadow has fixed places.
    command = ["setarch", "-R", sys.executable, "-m", "cuda_on_cpu.check", *names]
    return subprocess.run(
        command, cwd=package or None, env=environment, capture_output=True, text=True, timeout=600
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ops", nargs="*")
    parser.add_argument("--sanitize", choices=RUNTIMES)
    arguments = parser.parse_args()
    names = arguments.ops or accelerated_ops()
    if arguments.sanitize:
        done = sanitized(arguments.sanitize, names)
        sys.exit(print(done.stdout, done.stderr) or done.returncode)
    accelerated_ops()
    for name in names:
        check(name)
        print(f"{name}: equal to the textbook")


if __name__ == "__main__":
    main()
