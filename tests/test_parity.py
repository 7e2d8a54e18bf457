"""Every op against PyTorch's, forward and backward, on random cases in both dtypes.

`python tests/test_parity.py [cases]` prints the largest relative errors, op by op.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from strategies import examples

import minitransformer as mt
from minitransformer import functional as F
from minitransformer.function import OPS, Function
from minitransformer.tensor import Tensor

torch = pytest.importorskip("torch")
TF = torch.nn.functional
pack = torch.nn.utils.rnn.pack_padded_sequence
unpack = torch.nn.utils.rnn.pad_packed_sequence

QUIET = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
LIMIT = {"float32": 1e-5, "float64": 1e-13}  # relative to the largest value


def same(name: str) -> Callable:
    """The function that PyTorch calls by the same name."""
    return getattr(torch, name)


def reduction(name: str) -> Callable:
    def call(x, axis, keepdims, **options):
        if axis == ():  # all axes in PyTorch, none in NumPy
            return x * 0 if name == "var" else x * 1
        axes = tuple(range(x.ndim)) if axis is None else axis
        return getattr(torch, name)(x, dim=axes, keepdim=keepdims, **options)

    return call


def getitem(x, index):
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts):
        return None  # PyTorch has no negative steps
    return x[tuple(torch.tensor(p) if isinstance(p, np.ndarray) else p for p in parts)]


def pad(x, pad_width, value):
    return TF.pad(x, [n for pair in reversed(pad_width) for n in pair], value=value)


def attention(q, k, v, mask=None, dropout_p=0.0, is_causal=False, scale=None, seed=0):
    if dropout_p:
        return None  # PyTorch draws other masks
    if is_causal and mask is not None:  # refused by PyTorch; here both hold
        seen = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
        both = mask & seen if mask.dtype == torch.bool else mask.masked_fill(~seen, -torch.inf)
        return TF.scaled_dot_product_attention(q, k, v, both, scale=scale)
    return TF.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal, scale=scale)


def packed_attention(qkv, **options):
    y = attention(*qkv.permute(2, 0, 3, 1, 4).unbind(0), **options)
    return None if y is None else y.transpose(1, 2).flatten(2)


def layer_norm(x, weight=None, bias=None, eps=1e-5, normalized_ndim=1):
    return TF.layer_norm(x, x.shape[-normalized_ndim:], weight, bias, eps)


def rms_norm(x, weight=None, eps=1e-5, normalized_ndim=1):
    return TF.rms_norm(x, x.shape[-normalized_ndim:], weight, eps)


def batch_norm(x, weight=None, bias=None, eps=1e-5):
    return TF.batch_norm(x, None, None, weight, bias, training=True, eps=eps)


def masked_mean(x, mask):
    rows = zip(x, mask, strict=True)  # by boolean indexing
    return torch.stack([row[real].mean(0) for row, real in rows]) if len(x) else None


def rotary(x, base, start):
    """Pairs as complex numbers, multiplied by others of length 1."""
    t, d = x.shape[-2:]
    angle = torch.outer(
        torch.arange(start, start + t, dtype=torch.float64),
        base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d),
    )
    pairs = torch.view_as_complex(x.unflatten(-1, (d // 2, 2)))
    turn = torch.polar(torch.ones_like(angle), angle).to(pairs.dtype)
    return torch.view_as_real(pairs * turn).reshape(x.shape)


def cross_entropy(logits, target, **options):
    return TF.cross_entropy(logits, target, **options)


def recurrent(name: str, states: int) -> Callable:
    """One direction of PyTorch's layer, packed where there are lengths."""

    def call(x, *inputs, reverse):
        if len(x) == 0:
            return None  # PyTorch packs no empty batch
        start, weights, lengths = inputs[:states], inputs[states : states + 4], inputs[states + 4 :]
        weights = [w for w in weights if w is not None]
        hidden = weights[1].shape[1]
        zeros = x.new_zeros(len(x), hidden)
        first = [torch.stack([zeros if s is None else s] * 2)[: 1 + reverse] for s in start]
        options = (len(weights) == 4, 1, 0.0, True, reverse)  # biases, layers, dropout, training
        weights = [*[w.detach() for w in weights] * reverse, *weights]
        function = getattr(torch, name)
        first = first[0] if states == 1 else first
        if not lengths:
            y, *last = function(x, first, weights, *options, True)
        else:
            packed = pack(x, lengths[0], batch_first=True, enforce_sorted=False)
            order = packed.sorted_indices
            first = first[:, order] if states == 1 else [s[:, order] for s in first]
            y, *last = function(packed.data, packed.batch_sizes, first, weights, *options)
            y = torch.nn.utils.rnn.PackedSequence(y, *packed[1:])
            y, _ = unpack(y, batch_first=True, total_length=x.shape[1])
            last = [s[:, packed.unsorted_indices] for s in last]
        return torch.cat([y[..., -hidden:], *[s[-1][:, None] for s in last]], dim=1)

    return call


# What PyTorch computes for an op's inputs and options; None for a case that it does not have.
PYTORCH = {
    **{name: same(name) for name in ("add", "sub", "mul", "div", "pow", "maximum", "minimum")},
    **{name: same(name) for name in ("where", "neg", "exp", "log", "sqrt", "abs", "sin", "cos")},
    **{name: same(name) for name in ("relu", "sigmoid", "tanh", "matmul", "tril", "broadcast_to")},
    **{name: reduction(name) for name in ("sum", "mean", "var")},
    **{name: getattr(TF, name) for name in ("silu", "gelu", "leaky_relu", "linear", "mse_loss")},
    "max": reduction("amax"),
    "min": reduction("amin"),
    "clip": lambda x, low, high: torch.clamp(x, low, high),
    "reshape": lambda x, shape: x.reshape(shape),
    "permute": lambda x, axes: x.permute(axes),
    "getitem": getitem,
    "concatenate": lambda *xs, axis: torch.cat(xs, axis),
    "stack": lambda *xs, axis: torch.stack(xs, axis),
    "pad": pad,
    "tril": lambda x, k: torch.tril(x, k),
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
    "to": lambda x, device, dtype: x.to(getattr(torch, str(dtype))),
    "einsum": lambda *xs, subscripts: torch.einsum(subscripts, *xs),
    "softmax": lambda x, axis: torch.softmax(x, axis),
    "log_softmax": lambda x, axis: torch.log_softmax(x, axis),
    "scaled_dot_product_attention": attention,
    "packed_self_attention": packed_attention,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "batch_norm": batch_norm,
    "masked_mean": masked_mean,
    "rotary": rotary,
    "rnn": recurrent("rnn_tanh", 1),
    "lstm": recurrent("lstm", 2),
    "gru": recurrent("gru", 1),
    "embedding": lambda weight, indices: TF.embedding(indices, weight),
    "dropout": lambda x, p, seed: TF.dropout(x, p) if p in (0, 1) else None,
    "binary_cross_entropy_with_logits": TF.binary_cross_entropy_with_logits,
    "cross_entropy": cross_entropy,
    **{name: getattr(TF, name) for name in ("conv2d", "conv_transpose2d")},
    **{name: getattr(TF, name) for name in ("max_pool2d", "avg_pool2d")},
    "upsample": lambda x, scale_factor: TF.interpolate(x, scale_factor=scale_factor),
}


@dataclass
class Parity:
    """The errors of one op in one dtype, one number a case."""

    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)


def relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    assert got.shape == expected.shape and got.dtype == expected.dtype
    largest = np.abs(expected).max(initial=1.0)
    return float(np.abs(got - expected).max(initial=0.0) / largest)


def parity(name: str, dtype: str, cases: int) -> Parity:
    """Compare `cases` random cases."""
    seen = Parity()

    @settings(QUIET, max_examples=cases)
    @given(case=examples(name, dtype))
    def compare(case):
        inputs, options = case
        floats = [isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in inputs]
        theirs = [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in map(plain, inputs)]
        ours = [
            Tensor(x, wants) if isinstance(x, np.ndarray) else x
            for x, wants in zip(inputs, floats, strict=True)
        ]
        for x, wants in zip(theirs, floats, strict=True):
            if wants:
                x.requires_grad_()
        expected = PYTORCH[name](*theirs, **options)
        if expected is None:
            return
        y = OPS[name].apply(*ours, **options)
        seen.forward.append(relative_error(y.data, expected.detach().numpy()))
        if not y.requires_grad:
            return
        dy = np.random.default_rng(y.size).standard_normal(y.shape).astype(dtype)
        y.backward(dy)
        expected.backward(torch.tensor(dy))
        for a, b, wants in zip(ours, theirs, floats, strict=True):
            if wants:  # PyTorch may leave out the gradient of an empty batch
                truth = np.zeros(a.shape, dtype) if b.grad is None else b.grad.numpy()
                seen.backward.append(relative_error(a.grad, truth))

    compare()
    return seen


def plain(x: object) -> object:
    """What PyTorch takes: no negative strides, no 32-bit indices."""
    if not isinstance(x, np.ndarray):
        return x
    return (
        np.ascontiguousarray(x)
        .reshape(x.shape)
        .astype(np.int64 if x.dtype.kind == "i" else x.dtype)
    )


def test_every_op_is_compared():
    updates = {name for name, op in OPS.items() if op.backward is Function.backward}
    assert set(PYTORCH) == set(OPS) - updates


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("name", PYTORCH)
def test_equals_pytorch(name, dtype):
    seen = parity(name, dtype, settings().max_examples)
    assert len(seen.forward) >= settings().max_examples // 4
    assert max(seen.forward) < LIMIT[dtype]
    assert max(seen.backward) < LIMIT[dtype]


def both(array: np.ndarray) -> tuple:
    return mt.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)


@pytest.mark.parametrize("name", ["max", "min"])
def test_ties_share_as_amax_does(name):
    x, t = both(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]))
    getattr(x, name)(axis=1).backward([6.0, 6.0])
    getattr(torch, f"a{name}")(t, 1).backward(torch.tensor([6.0, 6.0]).double())
    assert np.array_equal(x.grad, t.grad.numpy())


def test_pooling_sends_a_tie_to_the_first_and_keeps_nan():
    array = np.maximum(np.random.default_rng(0).standard_normal((2, 3, 8, 9)), 0)
    array[0, 0, 3, 3] = np.nan
    x, t = both(array)
    y, ty = F.max_pool2d(x, 3, 2, 1), TF.max_pool2d(t, 3, 2, 1)
    assert np.array_equal(y.data, ty.detach().numpy(), equal_nan=True)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    y.backward(dy)
    ty.backward(torch.tensor(dy))
    assert np.allclose(x.grad, t.grad.numpy())


@pytest.mark.parametrize("name", ["relu", "abs"])
def test_the_slope_at_a_kink(name):
    x, t = both(np.zeros(1))
    OPS[name].apply(x).backward()
    getattr(torch, name)(t).backward()
    assert x.grad == t.grad.numpy()


@pytest.mark.parametrize("value", [-0.7, 0.7])
def test_the_slope_at_a_bound(value):
    x, t = both(np.array([value]))
    x.clip(-0.7, 0.7).backward()
    t.clamp(-0.7, 0.7).backward()
    assert x.grad == t.grad.numpy()


@pytest.mark.parametrize("x", [-1e4, -90.0, -20.0, -1e-8, 0.0, 1e-8, 20.0, 90.0, 1e4])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "silu", "exp", "softmax"])
def test_extreme_values(name, x):
    ours, theirs = both(np.array([x, 0.5], np.float32))
    with np.errstate(over="ignore"):
        y = getattr(F, name, lambda z: z.exp())(ours)
        y.backward(np.ones(2))
    function = getattr(TF, name, None) or getattr(torch, name)
    t = function(theirs, dim=0) if name == "softmax" else function(theirs)
    t.backward(torch.ones(2))
    assert np.allclose(y.data, t.detach().numpy(), rtol=1e-5, atol=1e-30)
    assert np.allclose(ours.grad, theirs.grad.numpy(), rtol=1e-5, atol=1e-12)


def test_a_row_that_may_look_nowhere_gives_zeros():
    mask = np.array([[True, True], [False, False]])
    q, tq = both(np.random.default_rng(0).standard_normal((2, 3)))
    y = F.scaled_dot_product_attention(q, q, q, mask)
    t = TF.scaled_dot_product_attention(tq, tq, tq, torch.tensor(mask))
    assert np.allclose(y.data, t.detach().numpy()) and not y.data[1].any()
    y.sum().backward()
    assert np.isfinite(q.grad).all()


def main(cases: int) -> None:
    torch.set_num_threads(1)
    print(
        f"{'op':34}{'cases':>6}" + 2 * f"{'forward':>12}{'backward':>10}" + "  (float32, float64)"
    )
    worst = {dtype: Parity([0.0], [0.0]) for dtype in LIMIT}
    total = 0
    for name in PYTORCH:
        row, count = "", 0
        for dtype in LIMIT:
            seen = parity(name, dtype, cases)
            count += len(seen.forward)
            row += f"{max(seen.forward):12.1e}{max(seen.backward):10.1e}"
            worst[dtype].forward += seen.forward
            worst[dtype].backward += seen.backward
        total += count
        print(f"{name:34}{count:6}{row}")
    row = "".join(f"{max(w.forward):12.1e}{max(w.backward):10.1e}" for w in worst.values())
    print(f"{f'all {len(PYTORCH)} ops':34}{total:6}{row}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
