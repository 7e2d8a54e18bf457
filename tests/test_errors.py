"""What is refused, and in which words: the function's name, what was expected, what came."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn
from minitransformer.function import OPS, Function
from minitransformer.tensor import Tensor


def f32(*shape: int) -> Tensor:
    return mt.ones(shape)


def f64(*shape: int) -> Tensor:
    return mt.ones(shape, dtype=np.float64)


def ints(*values: int) -> np.ndarray:
    return np.array(values)


def leaf(*shape: int) -> Tensor:
    return mt.ones(shape, requires_grad=True)


# op: (call, exception, words of the message), at least one for every op in `OPS`.
TABLE = {
    "add": [
        (lambda: f32(2, 3) + f32(4), ValueError, ["(2, 3)", "(4,)"]),
        (lambda: f32(2) + "a", TypeError, ["expected a tensor, an array or a number", "str"]),
        (lambda: f32(2) + 1j, TypeError, ["complex"]),
    ],
    "sub": [(lambda: f32(2, 3) - f32(4), ValueError, ["(2, 3)", "(4,)"])],
    "mul": [(lambda: f32(2, 3) * f32(2), ValueError, ["(2, 3)", "(2,)"])],
    "div": [(lambda: 1 / f32(2) / f32(3), ValueError, ["(2,)", "(3,)"])],
    "pow": [
        (lambda: f32(2) ** f32(3), ValueError, ["(2,)", "(3,)"]),
        (lambda: mt.tensor([1, 2]) ** -1, ValueError, ["negative integer powers"]),
    ],
    "neg": [(lambda: -mt.tensor([True]), TypeError, ["boolean"])],
    "maximum": [(lambda: F.maximum(f32(2), f32(3)), ValueError, ["(2,)", "(3,)"])],
    "minimum": [(lambda: F.minimum(f32(2), f32(3)), ValueError, ["(2,)", "(3,)"])],
    "where": [(lambda: F.where([True, False], f32(3), 0.0), ValueError, ["(2,)", "(3,)"])],
    "clip": [(lambda: f32(2).clip(), ValueError, ["expected low, high or both"])],
    "exp": [(lambda: OPS["exp"].apply("a"), TypeError, ["str"])],
    "log": [(lambda: OPS["log"].apply(None), TypeError, ["None"])],
    "sqrt": [(lambda: OPS["sqrt"].apply({}), TypeError, ["dict"])],
    "abs": [(lambda: OPS["abs"].apply("a"), TypeError, ["str"])],
    "sin": [(lambda: OPS["sin"].apply("a"), TypeError, ["str"])],
    "cos": [(lambda: OPS["cos"].apply("a"), TypeError, ["str"])],
    "relu": [(lambda: F.relu("a"), TypeError, ["str"])],
    "sigmoid": [(lambda: F.sigmoid("a"), TypeError, ["str"])],
    "tanh": [(lambda: F.tanh("a"), TypeError, ["str"])],
    "silu": [(lambda: F.silu("a"), TypeError, ["str"])],
    "leaky_relu": [(lambda: F.leaky_relu(ints(1)), TypeError, ["floating-point", "int64"])],
    "gelu": [
        (lambda: F.gelu(f32(2), "erf"), ValueError, ['"none" or "tanh"', "'erf'"]),
        (lambda: F.gelu(ints(1)), TypeError, ["floating-point", "int64"]),
    ],
    "softmax": [
        (lambda: f32(2, 3).softmax(2), IndexError, ["axis 2", "(2, 3)"]),
        (lambda: f32(2, 0).softmax(), ValueError, ["(2, 0)"]),
        (lambda: F.softmax(3.0), TypeError, ["float"]),
    ],
    "log_softmax": [(lambda: f32(2, 3).log_softmax(dim=-3), IndexError, ["axis -3", "(2, 3)"])],
    "sum": [
        (lambda: f32(2, 3).sum(2), ValueError, ["(2, 3)", "got 2"]),
        (lambda: f32(2, 3).sum((0, -2)), ValueError, ["different axes", "got (0, -2)"]),
    ],
    "mean": [
        (lambda: f32(2, 0).mean(), ValueError, ["at least one entry", "(2, 0)"]),
        (lambda: f32().mean(0), ValueError, ["axes of shape ()", "got 0"]),
    ],
    "max": [(lambda: f32(0, 3).max(0), ValueError, ["at least one entry", "(0, 3)"])],
    "min": [(lambda: f32(2).min(1), ValueError, ["(2,)", "got 1"])],
    "var": [(lambda: f32(1).var(), ValueError, ["more than 1 entries", "got 1"])],
    "reshape": [(lambda: f32(2, 3).reshape(4, -1), ValueError, ["(2, 3)", "4"])],
    "permute": [(lambda: f32(2, 3).permute(0), ValueError, ["each of 2 axes once", "(0,)"])],
    "getitem": [
        (lambda: f32(2, 3)[2], IndexError, ["index 2", "(2, 3)"]),
        (lambda: f32(2, 3)[0.5], TypeError, ["expected integers", "0.5"]),
        (lambda: f32(2, 3)[[True]], IndexError, ["boolean", "(2, 3)"]),
        (lambda: f32(2)["a"], IndexError, ["(2,)"]),
    ],
    "concatenate": [
        (lambda: F.concatenate([]), ValueError, ["at least one"]),
        (lambda: F.concatenate([f32(2, 3), f32(2, 4)]), ValueError, ["(2, 3)", "(2, 4)"]),
        (lambda: F.concatenate([f32(2), f64(2)]), TypeError, ["one dtype", "float32", "float64"]),
        (lambda: F.concatenate([f32(2), f32(2)], dim=1), ValueError, ["axes", "got 1"]),
    ],
    "stack": [
        (lambda: F.stack([]), ValueError, ["at least one"]),
        (lambda: F.stack([f32(2), f32(3)]), ValueError, ["(2,)", "(3,)"]),
    ],
    "pad": [(lambda: F.pad(f32(2, 3), [(1, 1)]), ValueError, ["2 pairs", "((1, 1),)"])],
    "broadcast_to": [(lambda: f32(2).broadcast_to(3), ValueError, ["(2,)", "(3,)"])],
    "tril": [(lambda: OPS["tril"].apply("a"), TypeError, ["str"])],
    "to": [(lambda: f32(2).to("gpu"), ValueError, ['"cpu" or "cuda"', "'gpu'"])],
    "matmul": [
        (lambda: f32(2, 3) @ f32(4, 5), ValueError, ["(2, 3) @ (4, 5)", "3", "expects 4"]),
        (lambda: f32(2, 3) @ f64(3), TypeError, ["one dtype", "float32", "float64"]),
        (lambda: f32(2, 3) @ f32(), ValueError, ["at least one axis", "()"]),
        (lambda: f32(2, 3) @ 3, TypeError, ["expected an array for b", "int"]),
        (lambda: f32(2, 3, 4) @ f32(5, 4, 3), ValueError, ["(2, 3, 4)", "(5, 4, 3)"]),
    ],
    "linear": [
        (lambda: F.linear(f32(3, 2), f32(256, 784)), ValueError, ["2 features", "(256, 784)"]),
        (lambda: F.linear(f32(3, 2), f64(4, 2)), TypeError, ["float32", "weight float64"]),
        (lambda: F.linear(f32(3, 2), f32(2)), ValueError, ["(out, in)", "(2,)"]),
        (lambda: F.linear(f32(3, 2), f32(4, 2), f32(2)), ValueError, ["bias", "(4,)", "(2,)"]),
        (lambda: F.linear(f32(), f32(4, 2)), ValueError, ["0 features", "expects 2"]),
    ],
    "einsum": [
        (lambda: F.einsum("ij,jk", f32(2, 3), f32(3, 2)), ValueError, ["explicit", "'ij,jk'"]),
        (lambda: F.einsum("ij->i", f32(2), f32(2)), ValueError, ["2 inputs"]),
        (lambda: F.einsum("ij,jk->ik", f32(2, 3), f32(1, 2)), ValueError, ["'j'", "3 and 1"]),
        (lambda: F.einsum("ijk->i", f32(2, 3)), ValueError, ["'ijk'", "(2, 3)"]),
        (lambda: F.einsum("ii->i", f32(2, 2)), ValueError, ["letter twice"]),
        (lambda: F.einsum("i,i->", f32(2), f64(2)), TypeError, ["one dtype"]),
    ],
    "layer_norm": [
        (lambda: F.layer_norm(f32(2, 3), 4), ValueError, ["(4,)", "(2, 3)"]),
        (lambda: F.layer_norm(f32(2, 3), 3, f32(2)), ValueError, ["weight", "(3,)", "(2,)"]),
        (lambda: F.layer_norm(f32(2, 3), 3, None, f32(2)), ValueError, ["bias", "(3,)", "(2,)"]),
        (lambda: F.layer_norm(f32(2, 3), 3, f64(3)), TypeError, ["float32", "weight float64"]),
        (lambda: F.layer_norm(f32(2, 0), 0), ValueError, ["at least one entry", "(2, 0)"]),
        (lambda: F.layer_norm(np.ones((2, 3), int), 3), TypeError, ["floating-point", "int64"]),
    ],
    "rms_norm": [
        (lambda: F.rms_norm(f32(2, 3), (2, 2)), ValueError, ["(2, 2)", "(2, 3)"]),
        (lambda: F.rms_norm(f32(2, 3), 3, f32(2)), ValueError, ["weight", "(3,)", "(2,)"]),
    ],
    "batch_norm": [
        (lambda: batch_norm(f32(3)), ValueError, ["(B, C, ...)", "(3,)"]),
        (lambda: batch_norm(f32(1, 3)), ValueError, ["more than one entry", "(1, 3)"]),
        (lambda: batch_norm(f32(2, 3), f32(2)), ValueError, ["weight", "(3,)", "(2,)"]),
        (lambda: batch_norm(f32(2, 3), None, f64(3)), TypeError, ["float32", "bias float64"]),
        (lambda: batch_norm(np.ones((2, 3), int)), TypeError, ["floating-point", "int64"]),
        (lambda: F.batch_norm(f32(2, 3), None, None), ValueError, ["running_mean", "training"]),
        (lambda: F.batch_norm(f32(2, 3), f32(2), f32(3)), ValueError, ["running_mean", "(2,)"]),
        (
            lambda: F.batch_norm(f32(2, 3), f32(2), None, training=True),
            ValueError,
            ["running statistic should be (3,)", "(2,)"],
        ),
    ],
    "masked_mean": [
        (lambda: F.masked_mean(f32(2, 3), np.ones(2, bool)), ValueError, ["(B, T, D)", "(2, 3)"]),
        (lambda: F.masked_mean(f32(2, 3, 4), np.ones((3, 2), bool)), ValueError, ["(3, 2)"]),
        (lambda: F.masked_mean(f32(1, 2, 4), np.ones((1, 2))), TypeError, ["boolean", "float64"]),
        (
            lambda: F.masked_mean(f32(2, 1, 4), np.array([[True], [False]])),
            ValueError,
            ["real token in every row", "row 1 has none"],
        ),
    ],
    "rotary": [
        (lambda: F.rotary(f32(2, 3)), ValueError, ["even D", "(2, 3)"]),
        (lambda: F.rotary(f32(4)), ValueError, ["(..., T, D)", "(4,)"]),
        (lambda: F.rotary(f32(2, 4), start=-1), ValueError, ["start", "-1"]),
        (lambda: F.rotary(f32(2, 4), base=0.0), ValueError, ["base", "0.0"]),
        (lambda: F.rotary(ints(1)), TypeError, ["floating-point", "int64"]),
    ],
    "packed_self_attention": [
        (lambda: F.packed_self_attention(f32(2, 5, 12)), ValueError, ["(2, 5, 12)", "head_dim"]),
        (lambda: F.packed_self_attention(f32(2, 5, 2, 2, 4)), ValueError, ["(2, 5, 2, 2, 4)"]),
        (lambda: F.packed_self_attention(f32(2, 5, 3, 2, 4), 1.5), ValueError, ["1.5"]),
    ],
    "scaled_dot_product_attention": [
        (lambda: attend(k=f32(2, 5, 3)), ValueError, ["key (2, 5, 3)", "query (2, 4, 6)"]),
        (lambda: attend(v=f32(2, 4, 6)), ValueError, ["value (2, 4, 6)", "key (2, 5, 6)"]),
        (lambda: attend(q=f32(6)), ValueError, ["at least two axes", "(6,)"]),
        (lambda: attend(v=f64(2, 5, 6)), TypeError, ["query float32", "value float64"]),
        (lambda: attend(dropout_p=-0.1), ValueError, ["probability", "-0.1"]),
        (lambda: attend(dropout_p=float("nan")), ValueError, ["probability", "nan"]),
        (lambda: attend(attn_mask=np.ones((3, 5), bool)), ValueError, ["(3, 5)", "(2, 4, 5)"]),
        (lambda: attend(attn_mask=np.ones((4, 5), int)), TypeError, ["boolean", "int64"]),
    ],
    "rnn": [
        (lambda: recur(F.rnn, x=f32(2, 3)), ValueError, ["(B, T, D)", "(2, 3)"]),
        (lambda: recur(F.rnn, x=f32(2, 0, 3)), ValueError, ["at least one step", "(2, 0, 3)"]),
        (lambda: recur(F.rnn, weight_hh=f64(5, 5)), TypeError, ["float32", "weight_hh float64"]),
        (lambda: recur(F.rnn, weight_ih=f32(5, 4)), ValueError, ["weight_ih", "(5, 3)", "(5, 4)"]),
        (lambda: recur(F.rnn, h0=f32(5)), ValueError, ["h0", "(2, 5)", "(5,)"]),
        (lambda: recur(F.rnn, bias_hh=None), ValueError, ["bias_ih and bias_hh", "one of them"]),
        (lambda: recur(F.rnn, x=np.ones((2, 4, 3), int)), TypeError, ["floating", "int64"]),
    ],
    "lstm": [
        (lambda: recur(F.lstm, 4, c0=f32(2, 4)), ValueError, ["c0", "(2, 5)", "(2, 4)"]),
        (lambda: recur(F.lstm, 4, weight_hh=f32(5)), ValueError, ["weight_hh", "(20, 5)", "(5,)"]),
        (lambda: recur(F.lstm, 4, lengths=[4, 5]), ValueError, ["from 1 to 4", "got 5"]),
        (lambda: recur(F.lstm, 4, lengths=[0, 4]), ValueError, ["from 1 to 4", "got 0"]),
        (lambda: recur(F.lstm, 4, lengths=[4]), ValueError, ["lengths", "(2,)", "(1,)"]),
        (lambda: recur(F.lstm, 4, lengths=[1.0, 2.0]), TypeError, ["integers", "float64"]),
    ],
    "gru": [
        (lambda: recur(F.gru, 4), ValueError, ["weight_ih", "(15, 3)", "(20, 3)"]),
        (lambda: recur(F.gru, 3, bias_ih=f32(5)), ValueError, ["bias_ih", "(15,)", "(5,)"]),
    ],
    "embedding": [
        (lambda: F.embedding(ints(0, 5), f32(5, 2)), IndexError, ["from 0 to 4", "got 5"]),
        (lambda: F.embedding(ints(-1), f32(5, 2)), IndexError, ["from 0 to 4", "got -1"]),
        (lambda: F.embedding(np.ones(2), f32(5, 2)), TypeError, ["integers", "float64"]),
        (lambda: F.embedding([True], f32(5, 2)), TypeError, ["integers", "bool"]),
        (lambda: F.embedding(ints(0), f32(5)), ValueError, ["(V, D)", "(5,)"]),
    ],
    "dropout": [
        (lambda: F.dropout(f32(2), 1.5), ValueError, ["probability", "1.5"]),
        (lambda: F.dropout(f32(2), float("nan"), training=False), ValueError, ["nan"]),
        (lambda: F.dropout(ints(1, 2)), TypeError, ["floating-point", "int64"]),
    ],
    "mse_loss": [
        (lambda: F.mse_loss(f32(3, 1), f32(3)), ValueError, ["(3, 1)", "(3,)"]),
        (lambda: F.mse_loss(f32(3), f32(3), "avg"), ValueError, ['"mean"', "'avg'"]),
        (lambda: F.mse_loss(ints(1), ints(1)), TypeError, ["floating-point", "int64"]),
        (lambda: F.mse_loss(f32(0), f32(0)), ValueError, ["at least one entry", "(0,)"]),
    ],
    "binary_cross_entropy_with_logits": [
        (lambda: binary(f32(3, 1), f32(3)), ValueError, ["(3, 1)", "(3,)"]),
        (lambda: binary(ints(1), f32(1)), TypeError, ["floating-point", "int64"]),
    ],
    "cross_entropy": [
        (lambda: F.cross_entropy(f32(2, 5), ints(0, 5)), IndexError, ["from 0 to 4", "got 5"]),
        (lambda: F.cross_entropy(f32(2, 5), ints(0, -1)), IndexError, ["from 0 to 4", "got -1"]),
        (lambda: F.cross_entropy(f32(2, 5), ints(0)), ValueError, ["(1,)", "(2, 5)", "(2,)"]),
        (lambda: F.cross_entropy(f32(2, 5), np.zeros(2)), TypeError, ["integers", "float64"]),
        (lambda: F.cross_entropy(f32(1, 5), ints(-100)), ValueError, ["no target counts", "-100"]),
        (lambda: F.cross_entropy(f32(0, 5), ints()), (ValueError, TypeError), ["target"]),
        (lambda: F.cross_entropy(f32(), ints(0)), ValueError, ["class axis", "()"]),
        (lambda: F.cross_entropy(ints(1, 2), np.int64(0)), TypeError, ["floating", "int64"]),
        (lambda: smoothed(1.5), ValueError, ["label_smoothing", "[0, 1]", "1.5"]),
        (lambda: smoothed(float("nan")), ValueError, ["label_smoothing", "nan"]),
    ],
    "conv2d": [
        (lambda: conv(x=f32(4, 5, 5)), ValueError, ["(B, C, H, W)", "(4, 5, 5)"]),
        (lambda: conv(x=np.ones((2, 4, 5, 5), int)), TypeError, ["floating-point", "int64"]),
        (lambda: conv(weight=f64(6, 4, 3, 3)), TypeError, ["input float32", "weight float64"]),
        (lambda: conv(weight=f32(6, 4)), ValueError, ["(out, in / groups, K, L)", "(6, 4)"]),
        (lambda: conv(weight=f32(6, 4, 0, 3)), ValueError, ["(6, 4, 0, 3)"]),
        (lambda: conv(weight=f32(6, 3, 3, 3)), ValueError, ["4 channels", "expects 3"]),
        (lambda: conv(groups=2), ValueError, ["4 channels", "expects 8 in 2 groups"]),
        (lambda: conv(groups=4), ValueError, ["4 groups", "6 outputs"]),
        (lambda: conv(groups=0), ValueError, ["groups", "from 1", "got 0"]),
        (lambda: conv(bias=f32(4)), ValueError, ["bias", "(6,)", "(4,)"]),
        (lambda: conv(weight=f32(6, 4, 6, 3)), ValueError, ["(6, 3)", "larger", "(5, 5)"]),
        (lambda: conv(dilation=3, padding=0), ValueError, ["dilated to (7, 7)", "(5, 5)"]),
        (lambda: conv(stride=0), ValueError, ["stride", "from 1", "got 0"]),
        (lambda: conv(stride=(1, 2, 3)), ValueError, ["stride", "two", "(1, 2, 3)"]),
        (lambda: conv(padding=-1), ValueError, ["padding", "from 0", "got -1"]),
        (lambda: conv(padding="same"), ValueError, ["padding", "'same'"]),
        (lambda: conv(stride=1.0), ValueError, ["stride", "integer", "1.0"]),
    ],
    "conv_transpose2d": [
        (lambda: transposed(x=f32(5, 5)), ValueError, ["(B, C, H, W)", "(5, 5)"]),
        (lambda: transposed(x=f32(2, 5, 5, 5)), ValueError, ["5 channels", "expects 4"]),
        (lambda: transposed(weight=f32(4, 6, 3)), ValueError, ["(in, out, K, L)", "(4, 6, 3)"]),
        (lambda: transposed(bias=f32(4)), ValueError, ["bias", "(6,)", "(4,)"]),
        (lambda: transposed(output_padding=2, stride=2), ValueError, ["(2, 2)", "smaller"]),
        (lambda: transposed(padding=4), ValueError, ["(4, 4)", "leaves nothing", "(7, 7)"]),
        (lambda: transposed(stride=(2, 0)), ValueError, ["stride", "(2, 0)"]),
    ],
    "max_pool2d": [
        (lambda: F.max_pool2d(f32(5, 5), 2), ValueError, ["(B, C, H, W)", "(5, 5)"]),
        (lambda: F.max_pool2d(f32(1, 1, 5, 5), 6), ValueError, ["(6, 6)", "larger", "(5, 5)"]),
        (lambda: F.max_pool2d(f32(1, 1, 5, 5), 3, padding=2), ValueError, ["half", "(3, 3)"]),
        (lambda: F.max_pool2d(f32(1, 1, 5, 5), 0), ValueError, ["kernel_size", "got 0"]),
        (lambda: F.max_pool2d(f32(1, 1, 5, 5), 2, 0), ValueError, ["stride", "got 0"]),
    ],
    "avg_pool2d": [
        (lambda: F.avg_pool2d(f32(1, 1, 5, 5), (2, 6)), ValueError, ["(2, 6)", "(5, 5)"]),
        (lambda: F.avg_pool2d(f32(1, 1, 5, 5), 2, padding=2), ValueError, ["half", "(2, 2)"]),
    ],
    "upsample": [
        (lambda: F.upsample(f32(2, 3), 2), ValueError, ["(B, C, H, W)", "(2, 3)"]),
        (lambda: F.upsample(f32(1, 1, 2, 2), 1.5), ValueError, ["scale_factor", "1.5"]),
    ],
}

OTHERS = {
    "requires_grad": [
        (lambda: mt.tensor([1, 2], requires_grad=True), TypeError, ["floating", "int64"]),
        (lambda: setattr(leaf(2) * 2, "requires_grad", False), RuntimeError, ["leaves", "detach"]),
    ],
    "tensor": [
        (lambda: mt.tensor([[1, 2], [3]]), ValueError, ["equal rows", "[[1, 2], [3]]"]),
        (lambda: mt.tensor("word"), TypeError, ["numbers", "str"]),
        (lambda: mt.tensor(None), TypeError, ["numbers", "NoneType"]),
        (lambda: mt.tensor([1.0], device="tpu"), ValueError, ['"cpu" or "cuda"', "'tpu'"]),
    ],
    "backward": [
        (lambda: (leaf(3) * 2).backward(), RuntimeError, ["single element", "(3,)", "mean()"]),
        (lambda: f32().backward(), RuntimeError, ["does not require a gradient"]),
        (lambda: leaf(3).backward(np.ones(2)), ValueError, ["(3,)", "(2,)"]),
    ],
    "numpy": [(lambda: leaf(2).numpy(), RuntimeError, ["requires a gradient", "detach()"])],
    "item": [(lambda: f32(2).item(), ValueError, ["single element", "(2,)"])],
    "bool": [(lambda: bool(f32(2)), ValueError, ["single element", "(2,)"])],
    "len": [(lambda: len(f32()), TypeError, ["shape ()"])],
    "setitem": [
        (lambda: leaf(2).__setitem__(0, 1.0), RuntimeError, ["lose a gradient", "no_grad"]),
        (lambda: f32(2).__setitem__(0, leaf()), RuntimeError, ["lose a gradient"]),
        (lambda: f32(2).__setitem__(2, 1.0), IndexError, ["index 2", "(2,)"]),
        (lambda: f32(2).__setitem__(slice(2), f32(3)), ValueError, ["(3,)", "(2,)"]),
    ],
    "in-place add": [
        (lambda: leaf(2).__iadd__(1), RuntimeError, ["is a leaf", "no_grad()"]),
        (lambda: f32(2).__iadd__(leaf(3, 2)), ValueError, ["(2,)", "(3, 2)"]),
        (lambda: f32(2).__iadd__(f32(3)), ValueError, ["(2,)", "(3,)"]),
    ],
    "gather_positions": [
        (lambda: gather(f32(2, 3), np.ones(2, bool)), ValueError, ["(B, T, D)", "(2, 3)", "(2,)"]),
        (lambda: gather(f32(1, 2, 3), np.ones((1, 2))), TypeError, ["boolean", "float64"]),
    ],
    "key_padding_mask": [
        (lambda: nn.key_padding_mask(np.ones(3, bool)), ValueError, ["(B, T)", "(3,)"]),
        (lambda: nn.key_padding_mask(np.ones((1, 3))), TypeError, ["boolean", "float64"]),
    ],
    "transpose": [(lambda: f32(2, 3).transpose(0, 2), ValueError, ["(2, 3)", "0, 2"])],
    "squeeze": [(lambda: f32(2, 1).squeeze(0), ValueError, ["size 1", "0", "(2, 1)"])],
    "unsqueeze": [(lambda: f32(2).unsqueeze(3), ValueError, ["-2 to 1", "got 3"])],
    "split": [
        (lambda: f32(5).split([2, 2]), ValueError, ["add up to 5", "[2, 2]"]),
        (lambda: f32(5).split(0), ValueError, ["add up to 5", "got 0"]),
        (lambda: f32(5).split(2, axis=1), ValueError, ["(5,)", "got 1"]),
    ],
    "chunk": [(lambda: f32(5).chunk(0), ValueError, ["at least one", "got 0"])],
    "manual_seed": [(lambda: mt.manual_seed(-1), ValueError, ["non-negative integer", "-1"])],
    "use_kernels": [(lambda: mt.use_kernels("fast"), ValueError, ['"auto"', "'fast'"])],
}

CASES = [
    (name, *case) for table in (TABLE, OTHERS) for name, cases in table.items() for case in cases
]


def batch_norm(x: object, weight: object = None, bias: object = None) -> Tensor:
    return F.batch_norm(x, None, None, weight, bias, training=True)


gather = F.gather_positions


def attend(**changes: object) -> Tensor:
    inputs = {"q": f32(2, 4, 6), "k": f32(2, 5, 6), "v": f32(2, 5, 6)} | changes
    q, k, v = (inputs.pop(name) for name in "qkv")
    return F.scaled_dot_product_attention(q, k, v, **inputs)


def conv(**changes: object) -> Tensor:
    return F.conv2d(**{"x": f32(2, 4, 5, 5), "weight": f32(6, 4, 3, 3)} | changes)


def transposed(**changes: object) -> Tensor:
    return F.conv_transpose2d(**{"x": f32(2, 4, 5, 5), "weight": f32(4, 6, 3, 3)} | changes)


def recur(function: object, gates: int = 1, **changes: object) -> object:
    """A recurrent layer from 3 features to a state of 5, over 2 sequences of 4 steps."""
    states = {"h0": None, "c0": None} if function is F.lstm else {"h0": None}
    biases = {"bias_ih": f32(5 * gates), "bias_hh": f32(5 * gates)}
    weights = {"weight_ih": f32(5 * gates, 3), "weight_hh": f32(5 * gates, 5)}
    return function(**({"x": f32(2, 4, 3)} | states | weights | biases | changes))


def binary(logits: object, target: object) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target)


def smoothed(label_smoothing: float) -> Tensor:
    return F.cross_entropy(f32(1, 5), ints(0), label_smoothing=label_smoothing)


@pytest.mark.parametrize("kernels", ["reference", "auto"])
@pytest.mark.parametrize(
    ("name", "call", "kind", "words"),
    CASES,
    ids=[f"{case[0]} {i}" for i, case in enumerate(CASES)],
)
def test_bad_input_is_refused_by_name(name, call, kind, words, kernels):
    with mt.use_kernels(kernels), pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(f"{name}: "), message
    for word in words:
        assert word in message, message


def test_every_op_refuses_something():
    updates = {name for name, op in OPS.items() if op.backward is Function.backward}
    assert set(TABLE) == set(OPS) - updates
