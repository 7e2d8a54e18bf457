"""A kernel gives the same bits in the process that compiles it as in one that loads it.

This file is also the program that both processes run: it prints a hash of every result.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from minitransformer import ops, threads
from minitransformer.function import ACCELERATED
from minitransformer.kernels.cpu import runtime
from minitransformer.kernels.cpu.warm import compile_all
from minitransformer.tensor import Tensor

# Vector registers hold 4 to 16 numbers, and loops are unrolled: with and without a remainder.
COLUMNS = 5, 37, 64, 1037
ROWS = 40

Call = tuple[Any, list, dict[str, Any]]  # op, inputs, options


@pytest.mark.slow
def test_a_loaded_kernel_gives_the_bits_of_the_compiled_one(tmp_path):
    compiled, loaded = (hashes(NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert any("compiling" in line for line in compiled.stderr.splitlines())
    assert "compiling" not in loaded.stderr
    first, second = json.loads(compiled.stdout), json.loads(loaded.stdout)
    assert first.keys() == second.keys()
    assert {name for name in first if first[name] != second[name]} == set()


def hashes(**environment: str) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done


def calls(dtype: Any, columns: int, rng: np.random.Generator) -> Iterator[Call]:
    """Every accelerated op on random rows."""

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(dtype)

    x, row = normal(ROWS, columns), normal(columns)
    for op in (ops.ReLU, ops.SiLU, ops.Sigmoid, ops.Tanh, ops.Softmax, ops.LogSoftmax):
        yield op, [4 * x], {}
    for form in ("none", "tanh"):
        yield ops.GELU, [4 * x], {"approximate": form}
    yield ops.Add, [x, row], {}
    yield ops.MatMul, [x, normal(columns, 53)], {}
    yield ops.MatMul, [normal(2, 3, 7, columns), normal(3, columns, 19)], {}
    yield ops.Linear, [x, normal(53, columns), normal(53)], {}
    yield ops.Linear, [x[:3], normal(53, columns), normal(53)], {}
    yield ops.LayerNorm, [x, row, normal(columns)], {}
    yield ops.RMSNorm, [x, row], {}
    yield ops.BatchNorm, [normal(3, 5, columns), normal(5), normal(5)], {}
    yield from image_calls(normal, min(columns, 37))
    yield ops.Dropout, [x], {"p": 0.3, "seed": 1}
    yield ops.Embedding, [normal(17, columns), rng.integers(17, size=ROWS)], {}
    target = rng.integers(columns, size=ROWS)
    yield ops.CrossEntropy, [4 * x, target], {}
    yield ops.CrossEntropy, [4 * x, target], {"ignore_index": 2, "label_smoothing": 0.1}
    yield from attention_calls(normal, min(columns, 131))
    yield from recurrent_calls(normal, min(columns, 131))
    yield from update_calls(normal, columns)


def image_calls(normal: Any, size: int) -> Iterator[Call]:
    images, bias = normal(3, 4, size, size + 2), normal(38)
    yield ops.Conv2d, [images, normal(38, 4, 3, 3), bias], {"padding": (1, 1)}
    strided = {"stride": (2, 3), "padding": (2, 1), "dilation": (2, 1), "groups": 2}
    yield ops.Conv2d, [images, normal(38, 2, 3, 2), bias], strided
    options = {"stride": (2, 2), "padding": (1, 1)}
    yield ops.ConvTranspose2d, [images, normal(4, 38, 4, 4), bias], options
    for op in (ops.MaxPool2d, ops.AvgPool2d):
        yield op, [images], {"kernel_size": (3, 2), "stride": (2, 2), "padding": (1, 1)}


def attention_calls(normal: Any, length: int) -> Iterator[Call]:
    yield ops.PackedAttention, [normal(2, length, 3, 3, 21)], {"is_causal": True}
    yield ops.PackedAttention, [normal(1, length, 3, 2, 8)], {"dropout_p": 0.2, "seed": 1}
    q, k, v = normal(2, 3, length, 37), normal(2, 3, length + 3, 37), normal(2, 3, length + 3, 5)
    yield ops.Attention, [q, k, v], {}
    yield ops.Attention, [q, k, v], {"attn_mask": normal(length, length + 3)}
    yield ops.Attention, [q, k, v], {"is_causal": True, "dropout_p": 0.2, "seed": 1}


def recurrent_calls(normal: Any, hidden: int) -> Iterator[Call]:
    batch, features = 5, 37
    for op in (ops.RNN, ops.LSTM, ops.GRU):
        rows = op.gates * hidden
        start = [normal(batch, hidden) for _ in op.states]
        weights = [normal(rows, features), normal(rows, hidden), normal(rows), normal(rows)]
        inputs = [normal(batch, 4, features), *start, *weights]
        yield op, inputs, {}
        yield op, [*inputs, np.array([4, 1, 3, 4, 2])], {"reverse": True}


def update_calls(normal: Any, columns: int) -> Iterator[Call]:
    p, g, velocity = (normal(ROWS, columns) for _ in range(3))
    square = normal(ROWS, columns) ** 2
    common = {"lr": 0.1, "weight_decay": 0.1}
    rates = {**common, "eps": 1e-8}
    beta = {"beta1": 0.9, "beta2": 0.99, "step": 3}
    yield ops.SGDUpdate, [p, g, None], common
    for nesterov in (False, True):
        yield ops.SGDUpdate, [p, g, velocity], {**common, "momentum": 0.9, "nesterov": nesterov}
    yield ops.AdagradUpdate, [p, g, square], rates
    yield ops.RMSpropUpdate, [p, g, square, None], {**rates, "alpha": 0.9}
    for decoupled in (False, True):
        state = [p, g, velocity, square]
        yield ops.AdamUpdate, state, {**rates, **beta, "decoupled": decoupled}


def results(op: Any, inputs: list, options: dict[str, Any]) -> dict[str, Any]:
    """What an op returns or changes, and its gradients for a fixed upstream gradient."""
    arrays = [None if x is None else x.copy() for x in inputs]
    if op.family == "updates":
        op.run(*arrays, **options)
        return {f"input {i}": x for i, x in enumerate(arrays) if x is not None}
    tensors = [Tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
    y = op.apply(*tensors, **options)
    y.backward(np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype))
    gradients = {f"gradient {i}": x.grad for i, x in enumerate(tensors) if x.requires_grad}
    return {"output": y.data, **gradients}


def all_hashes() -> dict[str, str]:
    compile_all()
    runtime.SERIAL_BELOW = 0  # split even the smallest arrays
    found, ran = {}, set()
    for n_threads in (1, 2):
        threads.set_num_threads(n_threads)
        for dtype in ("float32", "float64"):
            for columns in COLUMNS:
                rng = np.random.default_rng(0)
                for number, call in enumerate(calls(np.dtype(dtype), columns, rng)):
                    ran.add(call[0])
                    for what, x in results(*call).items():
                        name = f"{number} {call[0].op_name} {what}, {columns} columns"
                        digest = hashlib.sha256(np.ascontiguousarray(x)).hexdigest()
                        found[f"{name}, {dtype}, {n_threads} threads"] = digest
    missing = {op for op, device in ACCELERATED if device == "cpu"} - ran
    assert not missing, missing
    return found


if __name__ == "__main__":
    json.dump(all_hashes(), sys.stdout)
