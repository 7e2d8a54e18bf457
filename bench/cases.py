"""One call of every op that has a CPU kernel, at two sizes, and how to perform it.

The inputs are drawn from one seed, in float32. The same numbers in float64 through the
textbook op say what is right.
"""

from collections.abc import Iterator
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from minitransformer import ops
from minitransformer.devices import device_of, to_device
from minitransformer.graph import Node

ROWS, FEATURES = (256, 4096), 512
IMAGES = ((128, 1, 16, 28), (128, 16, 32, 14), (128, 32, 64, 7))  # batch, channels in, out, side
RECURRENT = ((8, 50, 64), (32, 200, 128))  # batch, length, features in and out
ATTENTION = ((2, 64, 4, 32), (4, 256, 8, 64))  # batch, length, heads, features of a head

TOLERANCE = 1e-4  # of the largest number in an array; float32 sums of thousands keep well below

ELEMENTWISE = ops.ReLU, ops.Sigmoid, ops.Tanh, ops.SiLU, ops.Softmax, ops.LogSoftmax
STEP = {"lr": 1e-3, "eps": 1e-8, "weight_decay": 0.1}
PATTERN = np.random.default_rng(8).standard_normal(1021, np.float32)  # of the arriving gradient


class Case(NamedTuple):
    """An op, its inputs and options; `flops` of its forward pass if it is made of products."""

    op: Any
    inputs: tuple[np.ndarray | None, ...]
    options: dict[str, Any]
    size: str
    flops: float = 0.0

    @property
    def name(self) -> str:
        return self.op.op_name + (" tanh" if self.options.get("approximate") == "tanh" else "")

    @property
    def updates(self) -> bool:
        """Whether it is an optimiser's update, whose results are its inputs, changed."""
        return self.op.family == "updates"


def cases() -> Iterator[Case]:
    """Every case: ops on rows, on images, recurrent layers, attention; small ones first in each."""
    draw = np.random.default_rng(7)
    for rows in ROWS:
        for op, inputs, options in rowwise(rows, draw):
            yield Case(op, inputs, options, f"{rows}×{FEATURES}")
        x, weight, bias = normal(draw, (rows, FEATURES), (FEATURES, FEATURES), (FEATURES,))
        size, flops = f"{rows}×{FEATURES}×{FEATURES}", 2.0 * rows * FEATURES**2
        yield Case(ops.Linear, (x, weight, bias), {}, size, flops)
        yield Case(ops.MatMul, (x, weight), {}, size, flops)
    for batch, inside, outside, side in IMAGES:
        yield from images(batch, inside, outside, side, draw)
    for batch, length, features in RECURRENT:
        for op in (ops.RNN, ops.LSTM, ops.GRU):
            yield recurrent(op, batch, length, features, draw)
    for batch, length, heads, features in ATTENTION:
        size = "×".join(map(str, (batch, length, heads, features)))
        flops = 2.0 * batch * heads * length**2 * features  # two products, half of each masked
        separate = normal(draw, *[(batch, heads, length, features)] * 3)
        packed = normal(draw, (batch, length, 3, heads, features))
        yield Case(ops.Attention, separate, {"is_causal": True}, size, flops)
        yield Case(ops.PackedAttention, packed, {"is_causal": True}, size, flops)


def rowwise(rows: int, draw: np.random.Generator) -> Iterator[tuple[Any, tuple, dict[str, Any]]]:
    """The ops that read and write rows, and do little else."""
    x, y, z = normal(draw, *[(rows, FEATURES)] * 3)
    weight, bias = normal(draw, (FEATURES,), (FEATURES,))
    classes = draw.integers(FEATURES, size=rows)
    yield ops.Add, (x, y), {}
    yield from ((op, (x,), {}) for op in ELEMENTWISE)
    yield from ((ops.GELU, (x,), {"approximate": form}) for form in ("none", "tanh"))
    yield ops.LayerNorm, (x, weight, bias), {}
    yield ops.RMSNorm, (x, weight), {}
    images = x.reshape(-1, 8, FEATURES)
    yield ops.BatchNorm, (images, weight[:8], bias[:8]), {}
    yield ops.Dropout, (x,), {"p": 0.1, "seed": 1}
    yield ops.Embedding, (x, draw.integers(rows, size=rows)), {}
    yield ops.CrossEntropy, (x, classes), {}
    square = z * z
    yield ops.SGDUpdate, (x, y, z), {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.1}
    yield ops.AdagradUpdate, (x, y, square), STEP
    yield ops.RMSpropUpdate, (x, y, square, None), {**STEP, "alpha": 0.9}
    yield ops.AdamUpdate, (x, y, z, square), {**STEP, "beta1": 0.9, "beta2": 0.99, "step": 3}


def images(
    batch: int, inside: int, outside: int, side: int, draw: np.random.Generator
) -> Iterator[Case]:
    """What the layers of a small convolutional network do: kernels of 3 × 3, windows of 2 × 2."""
    size = "×".join(map(str, (batch, inside, outside, side)))
    x, y, weight, bias = normal(
        draw,
        (batch, inside, side, side),
        (batch, outside, side, side),
        (outside, inside, 3, 3),
        (outside,),
    )
    flops = 2.0 * y.size * weight[0].size
    yield Case(ops.Conv2d, (x, weight, bias), {"padding": (1, 1)}, size, flops)
    larger = {"stride": (2, 2), "padding": (1, 1), "output_padding": (1, 1)}
    transposed = (y, weight, bias[:inside].copy())
    yield Case(ops.ConvTranspose2d, transposed, larger, size, flops)
    window = {"kernel_size": (2, 2), "stride": (2, 2)}
    yield from (Case(op, (y,), window, size) for op in (ops.MaxPool2d, ops.AvgPool2d))


def recurrent(op: Any, batch: int, length: int, features: int, draw: np.random.Generator) -> Case:
    """A recurrent layer from a state that is not zero; its weights neither explode nor vanish."""
    rows = op.gates * features
    start = normal(draw, *[(batch, features)] * len(op.states))
    weights = [w / features**0.5 for w in normal(draw, *[(rows, features)] * 2)]
    inputs = (*normal(draw, (batch, length, features)), *start, *weights)
    flops = 4.0 * batch * length * rows * features  # two products, one of them step by step
    size = "×".join(map(str, (batch, length, features)))
    return Case(op, (*inputs, *normal(draw, (rows,), (rows,))), {}, size, flops)


def normal(draw: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return tuple(draw.standard_normal(shape, np.float32) for shape in shapes)


class Outcome(NamedTuple):
    """What one pass took, what it gave, and the bytes it could not but read and write."""

    seconds: float
    results: tuple[np.ndarray, ...]
    moved: int


def perform(implementation: Any, case: Case, direction: str, dtype: Any = np.float32) -> Outcome:
    """One pass of the textbook (`case.op`) or of a kernel, on fresh copies of what it changes.

    Raises:
        RuntimeError: the kernel does not take this case.
    """
    inputs = tuple(cast(x, dtype, case.updates) for x in case.inputs)
    ctx = Node(case.op, tuple(x is not None and x.dtype.kind == "f" for x in inputs))
    begin = perf_counter()
    y = implementation.forward(ctx, *inputs, **case.options)
    seconds = perf_counter() - begin
    if y is NotImplemented:
        raise RuntimeError(f"bench kernels: {case.name} {case.size}: the kernel declined it")
    if direction == "forward":
        changed = [x for x in (inputs[0], *inputs[2:]) if x is not None]  # all but the gradient
        results = tuple(changed) if case.updates else (y,)
        return Outcome(seconds, results, count_bytes(inputs, results))
    dy = to_device(np.resize(PATTERN, y.shape).astype(dtype), device_of(y))
    saved = ctx.saved
    begin = perf_counter()
    grads = implementation.backward(ctx, dy)
    seconds = perf_counter() - begin
    results = tuple(g for g in grads if g is not None)
    return Outcome(seconds, results, count_bytes((dy,), saved, results))


def cast(x: np.ndarray | None, dtype: Any, copy: bool) -> np.ndarray | None:
    """Numbers in `dtype`; indices and an input left out as they are."""
    return x if x is None or x.dtype.kind != "f" else x.astype(dtype, copy=copy)


def count_bytes(*groups: tuple) -> int:
    return sum(x.nbytes for group in groups for x in group if hasattr(x, "nbytes"))


def largest_error(results: tuple[np.ndarray, ...], expected: tuple[np.ndarray, ...]) -> float:
    """The largest difference, as a share of the largest number in that array."""
    pairs = zip(results, expected, strict=True)
    return max(float(abs(r - e).max() / abs(e).max()) for r, e in pairs)
