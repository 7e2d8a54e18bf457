"""Rung 3: the kernels' own numbers, from the same text built by g++, in several thread orders."""

import numpy as np
import pytest
from devices import needs

from . import raw_module
from .cases import CASES
from .check import check, sanitized
from .compiler import why_no_compiler
from .families import accelerated_ops, families, kernel_names

pytestmark = needs(why_no_compiler())


def test_every_accelerated_op_has_cases():
    assert set(CASES) == set(accelerated_ops())


@pytest.mark.parametrize("name", accelerated_ops())
def test_equal_to_the_textbook_in_float64(name):
    check(name)


def test_every_kernel_was_run():
    raw_module.LAUNCHED.clear()
    for name in accelerated_ops():
        check(name)
    every = {kernel for family in families() for kernel in kernel_names(family)}
    assert every == raw_module.LAUNCHED


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_sanitizers_find_nothing(sanitizer):
    done = sanitized(sanitizer, accelerated_ops())
    assert done.returncode == 0 and "ERROR" not in done.stderr, done.stderr
    assert "WARNING: ThreadSanitizer" not in done.stderr, done.stderr
    assert len(done.stdout.splitlines()) == len(CASES)


# ---- the stand-in itself

SUM = """
extern "C" __global__ void sum(const float* x, float* y, int n) {
    __shared__ float parts[64];
    extern __shared__ float more[];
    int t = threadIdx.x;
    parts[t] = t < n ? x[t] : 0;
    more[t] = 0;
    __syncthreads();
    for (int half = 32; half > 0; half /= 2) {
        if (t < half) parts[t] += parts[t + half];
        __syncthreads();
    }
    if (t == 0) y[blockIdx.x] = parts[0] + more[63];
}
"""


def launch(code: str, *arguments: object, shared_mem: int = 256, grid: tuple = (2,)) -> None:
    raw_module.RawModule(code=code).get_function("sum")(
        grid, (64,), arguments, shared_mem=shared_mem
    )


@pytest.fixture
def x():
    return np.arange(50, dtype=np.float32)


@pytest.fixture
def y():
    return np.zeros(2, np.float32)


def test_a_sum_in_shared_memory(x, y):
    launch(SUM, x, y, np.int32(50))
    assert y.tolist() == [1225, 1225]


def test_memory_that_nobody_wrote_is_not_zero(x, y):
    with pytest.raises(raw_module.OrderError):  # NaN in one order, huge in the next
        launch(SUM.replace("more[t] = 0;", ""), x, y, np.int32(50))


def test_a_missing_barrier_shows_in_another_order(x, y):
    with pytest.raises(raw_module.OrderError):
        launch(
            SUM.replace("more[t] = 0;\n    __syncthreads();", "more[t] = 0;"), x, y, np.int32(50)
        )


MISSED = {
    "threads of a block wait at different barriers": "if (t < 40) __syncthreads();",
    "deadlock: some threads never reach a barrier": (
        "if (t >= 32) return; if (t < 16) __syncthreads(); else __syncwarp();"
    ),
    "the mask names a thread that is not there": "if (t > 40) return;\n __syncwarp();",
    "a thread is not in the mask it gives": "__shfl_xor_sync(1, t, 1);",
}


@pytest.mark.parametrize("message", MISSED)
def test_threads_that_miss_each_other(x, y, message):
    with pytest.raises(raw_module.BarrierError, match=message):
        launch(SUM.replace("more[t] = 0;", f"more[t] = 0;\n{MISSED[message]}"), x, y, np.int32(50))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, y), "expected 3 arguments, got 2"),
        (lambda x, y: (x, y, 50), "argument 3 should be int32, got int64"),
        (lambda x, y: (x, y, 50.0), "argument 3 should be int32, got float64"),
        (lambda x, y: (x.astype(np.float64), y, np.int32(50)), "argument 1 .* got float64"),
        (lambda x, y: (x[::2], y, np.int32(25)), "argument 1 is not C-contiguous"),
        (lambda x, y: (1.0, y, np.int32(50)), "argument 1 should be const float32\\*, got float"),
    ],
)
def test_arguments_that_cupy_would_let_pass(x, y, change, message):
    with pytest.raises(TypeError, match=message):
        launch(SUM, *change(x, y))


def test_sizes_that_no_gpu_takes(x, y):
    with pytest.raises(RuntimeError, match="65536 bytes of shared memory were not allowed"):
        launch(SUM, x, y, np.int32(50), shared_mem=1 << 16)
    with pytest.raises(RuntimeError, match="cannot launch a grid of 0 x 1 x 1 blocks"):
        launch(SUM, x, y, np.int32(50), grid=(0,))
