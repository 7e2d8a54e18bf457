"""CPU kernels against the textbook: across chunks, in both precisions, from several threads."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

pytest.importorskip("numba")

import minitransformer as mt
from minitransformer import function, ops, threads
from minitransformer import functional as F
from minitransformer.kernels.cpu import runtime
from minitransformer.tensor import Tensor

for family in {op.family for op in function.OPS.values()}:
    function.load_kernels(family, "cpu")
KERNELS = [op.op_name for op, device in function.ACCELERATED if device == "cpu"]

# How much farther from the truth than the textbook, both in float32, relative to the largest entry.
FLOAT32_ERROR = 1e-6


@pytest.fixture
def many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Split even the smallest arrays."""
    monkeypatch.setattr(runtime, "SERIAL_BELOW", 0)
    monkeypatch.setattr(threads, "_threads", 3)


def results(name: str, inputs: tuple, options: dict, which: str = "auto") -> list[np.ndarray]:
    """What an op gives, does to its inputs, and sends back for a fixed upstream gradient."""
    arrays = [x.copy(order="K") if isinstance(x, np.ndarray) else x for x in inputs]
    op = function.OPS[name]
    with mt.use_kernels(which):
        if op.backward is function.Function.backward:
            return [op.run(*arrays, **options), *(x for x in arrays if x is not None)]
        floats = [isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in arrays]
        tensors = [
            Tensor(x, requires_grad=f) if f else x for x, f in zip(arrays, floats, strict=True)
        ]
        y = op.apply(*tensors, **options)
        wave = np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)
        y.backward(wave)
        return [y.data, *(x.grad for x in tensors if isinstance(x, Tensor))]


def in_float64(inputs: tuple) -> tuple:
    return tuple(
        x.astype(np.float64) if getattr(x, "dtype", None) == np.float32 else x for x in inputs
    )


def assert_close(got: list, expected: list, relative: float) -> None:
    for g, e in zip(got, expected, strict=True):
        assert g.shape == e.shape
        assert distance(g, e) <= relative * np.abs(e).max(initial=1)


@pytest.mark.parametrize("name", KERNELS)
@given(data=st.data())
def test_chunks_do_not_show_in_float64(name, data, many_chunks):
    inputs, options = data.draw(examples(name, dtype="float64"))
    got, expected = results(name, inputs, options), results(name, inputs, options, "reference")
    assert_close(got, expected, 1e-12)


@pytest.mark.parametrize("name", KERNELS)
@given(data=st.data())
def test_float32_is_near_the_truth(name, data, many_chunks):
    inputs, options = data.draw(examples(name, dtype="float32"))
    got = results(name, inputs, options)
    assert all(g.dtype == np.float32 for g in got if g.dtype.kind == "f")
    truth = results(name, in_float64(inputs), options, "reference")
    textbook = results(name, inputs, options, "reference")
    for g, t, exact in zip(got, textbook, truth, strict=True):
        allowed = FLOAT32_ERROR * np.abs(exact).max(initial=1) + 2 * distance(t, exact)
        assert distance(g, exact) <= allowed


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max(initial=0))


def attention_inputs(rng, dtype, b=2, h=3, t=150, s=130, d=16) -> tuple:
    shapes = (b, h, t, d), (b, h, s, d), (b, h, s, d + 3)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


ATTENTION = {
    "plain": {},
    "causal": {"is_causal": True},
    "dropped": {"is_causal": True, "dropout_p": 0.3, "seed": (1 << 63) - 5},
}


@pytest.mark.parametrize("lengths", [(150, 130), (70, 200), (64, 64), (1, 65)], ids=str)
@pytest.mark.parametrize("case", ATTENTION)
def test_attention_over_several_blocks(rng, case, lengths, many_chunks):
    inputs = attention_inputs(rng, np.float64, t=lengths[0], s=lengths[1])
    name, options = "scaled_dot_product_attention", ATTENTION[case]
    got, expected = results(name, inputs, options), results(name, inputs, options, "reference")
    assert_close(got, expected, 1e-12)


@pytest.mark.parametrize("case", ATTENTION)
def test_blocks_of_one_head_are_shared_among_threads(rng, case, many_chunks):
    inputs = attention_inputs(rng, np.float64, b=1, h=1, t=200, s=190)
    name, options = "scaled_dot_product_attention", ATTENTION[case]
    got, expected = results(name, inputs, options), results(name, inputs, options, "reference")
    assert_close(got, expected, 1e-12)


@pytest.mark.parametrize("case", ATTENTION)
def test_packed_attention_over_several_blocks(rng, case, many_chunks):
    options = {key: value for key, value in ATTENTION[case].items() if key != "scale"}
    name, qkv = "packed_self_attention", (rng.standard_normal((2, 150, 3, 3, 8)),)
    got, expected = results(name, qkv, options), results(name, qkv, options, "reference")
    assert_close(got, expected, 1e-12)


@pytest.mark.parametrize("kind", [bool, np.float64])
def test_attention_masks_over_several_blocks(rng, kind, many_chunks):
    inputs = attention_inputs(rng, np.float64)
    mask = rng.standard_normal((2, 1, 150, 130))
    mask = mask > 0 if kind is bool else mask
    mask[1, :, 100] = False if kind is bool else -np.inf  # looks nowhere
    got, expected = (
        results("scaled_dot_product_attention", (*inputs, mask), {"is_causal": True}, which)[:4]
        for which in ("auto", "reference")
    )
    assert (got[0][1, :, 100] == 0).all()
    if kind is bool:
        assert_close(got, expected, 1e-12)
    else:
        assert_close(got[:1], expected[:1], 1e-12)


ODD = {
    "reversed": lambda x: x[..., ::-1, :],
    "one row repeated": lambda x: np.broadcast_to(x[..., :1, :], x.shape),
    "overlapping": lambda x: np.lib.stride_tricks.sliding_window_view(x[..., 0], 5, axis=-1),
    "every other column": lambda x: x[..., ::2],
}


@pytest.mark.parametrize("odd", ODD)
def test_attention_takes_rows_of_any_layout(rng, odd):
    q = ODD[odd](rng.standard_normal((2, 2, 9, 8)))
    name = "scaled_dot_product_attention"
    y = function.OPS[name].run(q, q, q)
    with mt.use_kernels("reference"):
        expected = function.OPS[name].run(q, q, q)
    assert_close([y], [expected], 1e-12)


def test_packed_heads_are_neither_copied_nor_mixed_up(rng, monkeypatch):
    """q, k, v cut from one projection go in as views, and their results join without a copy."""
    from minitransformer.kernels.cpu import rows

    monkeypatch.setattr(rows, "contiguous", None)  # would fail if it were called
    packed = rng.standard_normal((2, 70, 3, 4, 8))
    q, k, v = packed.transpose(2, 0, 3, 1, 4)
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True).permute(0, 2, 1, 3)
    assert np.shares_memory(y.reshape(2, 70, 32).data, y.data)
    with mt.use_kernels("reference"):
        expected = F.scaled_dot_product_attention(q, k, v, is_causal=True).permute(0, 2, 1, 3)
    np.testing.assert_allclose(y.data, expected.data, atol=1e-14)


def test_attention_memory_grows_with_the_length_not_its_square(rng):
    q = rng.standard_normal((1, 1, 4096, 8)).astype(np.float32)
    context = function.Node(ops.Attention, (True,) * 3)
    ops.Attention.implementation("cpu").forward(context, q, q, q, is_causal=True)
    saved = [x for x in context.saved if isinstance(x, np.ndarray)]
    assert sum(x.nbytes for x in saved) < 5 * q.nbytes


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 40])
def test_a_linear_layer_of_few_rows_and_of_many(rng, rows, many_chunks):
    inputs = [rng.standard_normal(shape) for shape in ((rows, 70), (45, 70), (45,))]
    got, expected = (results("linear", inputs, {}, which) for which in ("auto", "reference"))
    assert_close(got, expected, 1e-12)


@pytest.mark.parametrize("shape", [(300, 257), (1, 1000), (1000, 2)], ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "layer_norm", "gelu", "dropout"])
def test_rows_of_any_length(rng, name, shape, many_chunks):
    x = rng.standard_normal(shape)
    options = {"dropout": {"p": 0.3, "seed": 7}}.get(name, {})
    got, expected = results(name, (x,), options), results(name, (x,), options, "reference")
    assert_close(got, expected, 1e-12)


def test_a_row_used_many_times_gets_the_sum(rng, many_chunks):
    weight, indices = rng.standard_normal((5, 40)), rng.integers(5, size=(30, 20))
    got = results("embedding", (weight, indices), {})
    assert_close(got, results("embedding", (weight, indices), {}, "reference"), 1e-12)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_recurrent_layers_over_several_tiles(rng, name, reverse, padded, many_chunks):
    """More rows a thread than a tile has, and more features than a panel."""
    op, (batch, length, features, hidden) = function.OPS[name], (31, 6, 37, 45)
    rows = op.gates * hidden
    shapes = [(batch, length, features), *[(batch, hidden)] * len(op.states)]
    shapes += [(rows, features), (rows, hidden), (rows,), (rows,)]
    inputs = [0.3 * rng.standard_normal(shape) for shape in shapes]
    if padded:
        inputs.append(rng.integers(1, length + 1, size=batch))
    options = {"reverse": reverse}
    got, expected = (results(name, inputs, options, which) for which in ("auto", "reference"))
    assert_close(got, expected, 1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "layer_norm", "rms_norm", "gelu"])
def test_nan_and_infinity_come_out_as_in_the_textbook(rng, name, bad):
    x = rng.standard_normal((3, 40)).astype(np.float32)
    x[1, 7] = bad
    with np.errstate(invalid="ignore"):
        got, expected = results(name, (x,), {})[0], results(name, (x,), {}, "reference")[0]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    assert np.isnan(got[1, 7]) or not np.isnan(bad)


def step(seed: int) -> list[np.ndarray]:
    """Every kind of kernel once, forward and backward, large enough to be split."""
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((4, 64, 96)), rng.standard_normal((96, 96))
    tensors = [Tensor(a.astype(np.float32), requires_grad=True) for a in (x, w, w[0], w[1])]
    x, w, gain, shift = tensors
    y = F.gelu(F.linear(F.layer_norm(x, 96, gain, shift), w, shift), approximate="tanh")
    heads = y.reshape(4, 64, 6, 16).permute(0, 2, 1, 3)
    y = F.scaled_dot_product_attention(heads, heads, heads, is_causal=True)
    y = y.permute(0, 2, 1, 3).reshape(256, 96)
    loss = F.cross_entropy(y, rng.integers(96, size=256))
    loss.backward()
    return [loss.data, *(t.grad for t in tensors)]


def test_the_same_bits_run_after_run():
    first = step(1)
    for _ in range(5):
        assert all(np.array_equal(a, b) for a, b in zip(first, step(1), strict=True))


def test_two_threads_at_once():
    expected, wrong = {seed: step(seed) for seed in (1, 2)}, []

    def work(seed: int) -> None:
        for _ in range(20):
            pairs = zip(expected[seed], step(seed), strict=True)
            if not all(np.array_equal(a, b) for a, b in pairs):
                wrong.append(seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    """A fresh process, in this folder, where the functions of this file can be imported."""
    everything = {**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=everything,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("layer", ["workqueue", "tbb"])
def test_threads_at_once_on_each_layer(layer):
    if layer == "tbb" and runtime.layer != "tbb":
        pytest.skip("no TBB here")
    code = (
        "import test_kernels as t, numba; t.test_two_threads_at_once(); "
        "t.test_the_same_bits_run_after_run(); print(numba.threading_layer())"
    )
    done = run(code, NUMBA_THREADING_LAYER=layer)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == layer


SOFTMAX = (
    "import numpy as np, minitransformer as mt, minitransformer.functional as F; "
    "print(F.softmax(np.ones((1, 4), 'f')).data.sum())"
)


def test_compiling_is_announced_once_and_cached(tmp_path):
    first = run(SOFTMAX, NUMBA_CACHE_DIR=str(tmp_path))
    second = run(SOFTMAX, NUMBA_CACHE_DIR=str(tmp_path))
    assert first.stdout == second.stdout == "1.0\n"
    assert first.stderr == "compiling softmax_rows (float32) ... first run only\n"
    assert second.stderr == ""


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").touch()
    done = run(SOFTMAX, NUMBA_CACHE_DIR=str(tmp_path / "file"))
    assert (done.stdout, done.returncode) == ("1.0\n", 0), done.stderr
    assert "no folder to cache it in" in done.stderr


def test_the_users_own_functions_keep_their_cache():
    assert "kernels-" not in runtime.config.CACHE_DIR


def test_set_num_threads_reaches_kernels_and_blas():
    before = [x.num_threads for x in threads.blas_libraries()]
    try:
        mt.set_num_threads(1)
        assert [x.num_threads for x in threads.blas_libraries()] == [1] * len(before)
        assert runtime.chunks_for(1 << 30) == 1
    finally:
        mt.set_num_threads(threads.usable_cores())
        for library, n in zip(threads.blas_libraries(), before, strict=True):
            library.set_num_threads(n)


def test_report_names_what_computes():
    found = threads.report()
    assert found["threads"] == str(threads.get_num_threads())
    assert found["thread pool of the kernels"] == runtime.layer
    assert found["BLAS of NumPy"]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2"])
def test_set_num_threads_refuses(wrong):
    with pytest.raises(ValueError, match="set_num_threads: expected a positive integer"):
        mt.set_num_threads(wrong)


def test_warming_up_reaches_every_accelerated_op():
    from minitransformer.kernels.cpu.warm import compile_all

    assert compile_all() >= {op for op, device in function.ACCELERATED if device == "cpu"}
