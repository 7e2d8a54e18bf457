"""Compiles every kernel, by applying each accelerated op once, forward and backward."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minitransformer import ops
from minitransformer.function import ACCELERATED, load_kernels
from minitransformer.tensor import Tensor

Example = tuple[Any, tuple, dict[str, Any]]  # op, inputs, options

ELEMENTWISE = ops.ReLU, ops.SiLU, ops.Sigmoid, ops.Tanh, ops.Softmax, ops.LogSoftmax
STEP = {"lr": 0.1, "eps": 1e-8, "weight_decay": 0.1}


def examples(dtype: Any) -> Iterator[Example]:
    """Inputs for every accelerated op; large enough that no kernel is left out."""
    x, row = np.ones((6, 5), dtype), np.ones(5, dtype)
    heads, ids = np.ones((1, 2, 6, 5), dtype), np.zeros(6, np.int64)
    yield from ((op, (x,), {}) for op in ELEMENTWISE)
    yield from ((ops.GELU, (x,), {"approximate": form}) for form in ("none", "tanh"))
    yield ops.Add, (x, x), {}
    yield ops.MatMul, (x, x.T), {}
    yield ops.Linear, (x, np.ones((7, 5), dtype), np.ones(7, dtype)), {}
    yield ops.LayerNorm, (x, row, row), {}
    yield ops.RMSNorm, (x, row), {}
    yield ops.BatchNorm, (np.ones((2, 5, 6), dtype), row, row), {}
    image, kernels = np.ones((1, 5, 4, 4), dtype), np.ones((5, 5, 3, 3), dtype)
    yield from ((op, (image, kernels, row), {}) for op in (ops.Conv2d, ops.ConvTranspose2d))
    window = {"kernel_size": (2, 2), "stride": (2, 2)}
    yield from ((op, (image,), window) for op in (ops.MaxPool2d, ops.AvgPool2d))
    yield ops.Dropout, (x,), {"p": 0.5, "seed": 1}
    yield ops.Embedding, (x, ids), {}
    yield ops.CrossEntropy, (x, ids % 5), {}
    yield ops.PackedAttention, (np.ones((1, 6, 3, 2, 5), dtype),), {"is_causal": True}
    yield ops.Attention, (heads, heads, heads), {"is_causal": True}
    for op in (ops.RNN, ops.LSTM, ops.GRU):
        weights = np.ones((5 * op.gates, 5), dtype)
        yield op, (heads[0], *[heads[0, :, 0]] * len(op.states), weights, weights), {}


def updates(dtype: Any) -> Iterator[Example]:
    """The same for the optimisers' updates, which have no backward pass."""
    p, g, a, b = (np.ones((6, 5), dtype) for _ in range(4))
    momentum = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}
    yield ops.SGDUpdate, (p, g, a), momentum
    yield ops.AdagradUpdate, (p, g, a), STEP
    yield ops.RMSpropUpdate, (p, g, a, None), {**STEP, "alpha": 0.9}
    yield ops.SGDUpdate, (p, g, None), {"lr": 0.1}
    yield ops.AdamUpdate, (p, g, a, b), {**STEP, "beta1": 0.9, "beta2": 0.99, "step": 1}


def compile_all() -> set[Any]:
    """Compile for float32 and float64; the ops whose kernels are ready."""
    for file in Path(__file__).parent.glob("*.py"):
        load_kernels(file.stem, "cpu")
    ready = set()
    for dtype in (np.float32, np.float64):
        for op, inputs, options in examples(dtype):
            tensors = [Tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
            y = op.apply(*tensors, **options)
            y.backward(np.ones(y.shape, dtype))
            ready.add(op)
        for op, arrays, options in updates(dtype):
            op.run(*arrays, **options)
            ready.add(op)
    missing = {op for op, device in ACCELERATED if device == "cpu"} - ready
    if missing:
        raise RuntimeError(f"warm: no example for {', '.join(op.op_name for op in missing)}")
    return ready
