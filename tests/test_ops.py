"""Every op, on every device, in both dtypes: right forward, right backward, equal kernels.

The cases come from `strategies.py`. A new op fails here until it has a strategy; a new kernel
is tested by being registered.
"""

from pathlib import Path

import numpy as np
import pytest
from devices import available_devices
from hypothesis import given
from hypothesis import strategies as st
from strategies import STRATEGIES, examples

import minitransformer as mt
from minitransformer import function
from minitransformer.devices import to_device
from minitransformer.function import ACCELERATED, OPS, Function
from minitransformer.tensor import Tensor

DTYPES = ["float32", "float64"]
CLOSE = {"float32": 2e-5, "float64": 1e-12}  # largest error, relative to the largest value
DIFFERENTIABLE = [name for name, op in OPS.items() if op.backward is not Function.backward]


def every_kernel() -> list:
    """(op name, device) of every implementation that could be registered here."""
    for kind in ("cpu", "cuda"):
        for file in sorted((Path(function.__file__).parent / "kernels" / kind).glob("*.py")):
            if file.stem in {op.family for op in OPS.values()}:
                function.load_kernels(file.stem, kind)
    return [
        pytest.param(op.op_name, *where.values, marks=where.marks, id=f"{op.op_name}-{where.id}")
        for op, kind in ACCELERATED
        for where in available_devices(kind)
    ]


def floats(x: object) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def twin(x: np.ndarray) -> np.ndarray:
    """A copy that lies in memory as `x` does, strides and all."""
    if x.base is None:
        return x.copy(order="K")
    start = x.ctypes.data - x.base.ctypes.data
    return np.ndarray(x.shape, x.dtype, x.base.copy(), start, x.strides)


def apply(name: str, case: tuple, device: str = "cpu") -> tuple:
    """The op's result, and its inputs as Tensors of their own."""
    inputs, options = case
    tensors = [
        Tensor(to_device(twin(x), device), requires_grad=floats(x))
        if isinstance(x, np.ndarray)
        else x
        for x in inputs
    ]
    y = OPS[name].apply(*tensors, **options)
    return y, tensors


def everything(name: str, case: tuple, device: str, seed: int = 0) -> list[np.ndarray]:
    """Result, inputs afterwards, and gradients under a random upstream gradient."""
    y, tensors = apply(name, case, device)
    arrays = [y.data, *(x.data for x in tensors if isinstance(x, Tensor))]
    if name in DIFFERENTIABLE and y.requires_grad:
        dy = np.random.default_rng(seed).standard_normal(y.shape).astype(y.dtype)
        y.backward(to_device(dy, y.device))
        arrays += [x.grad for x in tensors if isinstance(x, Tensor) and x.requires_grad]
    return [to_device(x, "cpu") for x in arrays]


def assert_close(got: np.ndarray, expected: np.ndarray, relative: float) -> None:
    assert got.shape == expected.shape
    largest = np.abs(expected).max(initial=1.0)
    error = np.abs(got.astype(np.float64) - expected).max(initial=0.0)
    assert error <= relative * largest, f"{error / largest:.1e} of {largest:.1e}"


def test_every_op_has_a_strategy():
    assert set(STRATEGIES) == set(OPS)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("device", available_devices(), indirect=True)
@given(data=st.data())
def test_float32_equals_the_textbook_in_float64(name, device, data):
    inputs, options = case = data.draw(examples(name, "float32"))
    wide = tuple(x.astype(np.float64) if floats(x) else x for x in inputs)
    wide_options = {k: np.float64 if k == "dtype" else v for k, v in options.items()}
    with mt.use_kernels("reference"):
        expected = everything(name, (wide, wide_options), "cpu")
        got = everything(name, case, device)
    for narrow, exact in zip(got, expected, strict=True):
        assert narrow.dtype == (np.float32 if exact.dtype == np.float64 else exact.dtype)
        assert_close(narrow, exact, CLOSE["float32"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "device"), every_kernel(), indirect=["device"])
@given(data=st.data())
def test_kernels_equal_the_textbook(name, device, dtype, data):
    case = data.draw(examples(name, dtype))
    with mt.use_kernels("reference"):
        expected = everything(name, case, "cpu")
    for got, exact in zip(everything(name, case, device), expected, strict=True):
        assert got.dtype == exact.dtype
        assert_close(got, exact, CLOSE[dtype])


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(data=st.data())
def test_backward_equals_finite_differences(name, data):
    inputs, options = data.draw(examples(name))
    if not any(floats(x) and x.size for x in inputs):
        return
    with mt.use_kernels("reference"):
        report = mt.gradcheck(lambda *xs: OPS[name].apply(*xs, **options), *inputs)
    assert report.ok


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(data=st.data())
def test_gradients_are_arrays_of_their_own(name, data):
    case = data.draw(examples(name, data.draw(st.sampled_from(DTYPES))))
    with mt.use_kernels(data.draw(st.sampled_from(["reference", "auto"]))):
        y, tensors = apply(name, case)
        if not y.requires_grad:
            return
        before = [x.data.copy() for x in tensors if isinstance(x, Tensor)]
        dy = np.ones(y.shape, y.dtype)
        y.backward(dy)
    leaves = [x for x in tensors if isinstance(x, Tensor)]
    gradients = [x.grad for x in leaves if x.requires_grad]
    arrays = [*gradients, dy, y.data, *(x.data for x in leaves)]
    for i, g in enumerate(gradients):
        assert type(g) is np.ndarray and g.flags.writeable
        assert not any(np.may_share_memory(g, other) for other in arrays[:i] + arrays[i + 1 :])
    for x, g in zip([x for x in leaves if x.requires_grad], gradients, strict=True):
        assert (g.shape, g.dtype) == (x.shape, x.dtype)
    assert np.array_equal(dy, np.ones(y.shape))
    for x, old in zip(leaves, before, strict=True):
        assert np.array_equal(x.data, old)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(data=st.data())
def test_only_the_gradients_asked_for_are_computed(name, data):
    inputs, options = data.draw(examples(name))
    places = [i for i, x in enumerate(inputs) if floats(x)]
    wanted = data.draw(st.sampled_from(places)) if places else None
    tensors = [
        Tensor(x, i == wanted) if isinstance(x, np.ndarray) else x for i, x in enumerate(inputs)
    ]
    every = [
        Tensor(x, i in places) if isinstance(x, np.ndarray) else x for i, x in enumerate(inputs)
    ]
    for xs in (tensors, every):
        y = OPS[name].apply(*xs, **options)
        if y.requires_grad:
            y.backward(np.ones(y.shape))
    for i, x in enumerate(tensors):
        if isinstance(x, Tensor):
            assert (x.grad is None) == (i != wanted)
    if wanted is not None:
        assert_close(tensors[wanted].grad, every[wanted].grad, 1e-12)
