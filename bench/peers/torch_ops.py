"""PyTorch's op for each case of `bench.cases`, in a process of its own.

Asked for [number of the case, direction], it takes one turn and answers with its seconds.
The first time it holds PyTorch's result against the textbook: both must mean the same op.
Times hold what PyTorch's autograd costs, some microseconds.
"""

from typing import Any

import numpy as np
import torch
from torch import from_numpy
from torch.nn import functional as F
from torch.optim import adagrad, adamw, rmsprop, sgd

from bench.cases import TOLERANCE, Case, cases, largest_error, perform
from bench.kernels import take_turn
from bench.turns import serve
from minitransformer.graph import Node
from minitransformer.threads import get_num_threads


def packed_self_attention(qkv: Any, is_causal: bool) -> Any:
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v, is_causal=is_causal).transpose(1, 2).flatten(2)


def recurrent(function: Any, states: int) -> Any:
    """PyTorch's layer, its outputs and last states in one array, as ours."""

    def run(x: Any, *inputs: Any) -> Any:
        start = [state[None] for state in inputs[:states]]
        options = True, 1, 0.0, True, False, True  # biases, layers, …, batch first
        first = start if states > 1 else start[0]
        y, *last = function(x, first, inputs[states:], *options)
        return torch.cat([y, *[state.transpose(0, 1) for state in last]], dim=1)

    return run


def sgd_update(p: Any, g: Any, velocity: Any, **options: Any) -> Any:
    flags = {"dampening": 0.0, "nesterov": False, "maximize": False}
    sgd.sgd([p], [g], [velocity], fused=True, **flags, **options)
    return p


def adagrad_update(p: Any, g: Any, total: Any, **options: Any) -> Any:
    steps = [torch.zeros(())]
    adagrad.adagrad([p], [g], [total], steps, fused=True, lr_decay=0.0, maximize=False, **options)
    return p


def rmsprop_update(p: Any, g: Any, square: Any, velocity: Any, **options: Any) -> Any:
    flags = {"momentum": 0.0, "centered": False}
    rmsprop.rmsprop([p], [g], [square], [], [], [torch.zeros(())], **flags, **options)
    return p


def adam_update(p: Any, g: Any, mean: Any, square: Any, step: int, **options: Any) -> Any:
    flags = {"fused": True, "amsgrad": False, "maximize": False}
    steps = [torch.tensor(step - 1.0)]  # it counts before it updates
    adamw.adamw([p], [g], [mean], [square], [], steps, **flags, **options)
    return p


OPS = {
    "add": torch.add,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "silu": F.silu,
    "gelu": F.gelu,
    "softmax": lambda x: x.softmax(-1),
    "log_softmax": lambda x: x.log_softmax(-1),
    "layer_norm": lambda x, weight, bias: F.layer_norm(x, weight.shape, weight, bias),
    "rms_norm": lambda x, weight: F.rms_norm(x, weight.shape, weight, 1e-5),
    "batch_norm": lambda x, *affine: F.batch_norm(x, None, None, *affine, training=True),
    "dropout": lambda x, p, seed: F.dropout(x, p),
    "embedding": lambda weight, indices: F.embedding(indices, weight),
    "conv2d": F.conv2d,
    "conv_transpose2d": F.conv_transpose2d,
    "max_pool2d": F.max_pool2d,
    "avg_pool2d": F.avg_pool2d,
    "linear": F.linear,
    "matmul": torch.matmul,
    "cross_entropy": F.cross_entropy,
    "scaled_dot_product_attention": F.scaled_dot_product_attention,
    "rnn": recurrent(torch.rnn_tanh, 1),
    "lstm": recurrent(torch.lstm, 2),
    "gru": recurrent(torch.gru, 1),
    "packed_self_attention": packed_self_attention,
    "sgd_update": sgd_update,
    "adagrad_update": adagrad_update,
    "rmsprop_update": rmsprop_update,
    "adam_update": adam_update,
}


class TorchOp:
    """PyTorch's op in a kernel's place: arrays in and out, over the same memory."""

    def __init__(self, case: Case) -> None:
        self.function = OPS[case.op.op_name]
        self.wants_graph = not case.updates

    def forward(self, ctx: Node, *arrays: Any, **options: Any) -> Any:
        inputs = [None if x is None else from_numpy(x) for x in arrays]
        wanted = [x for x, need in zip(inputs, ctx.needs, strict=True) if need]
        for x in wanted:
            x.requires_grad_(self.wants_graph)
        y = self.function(*inputs, **options)
        ctx.save(y, wanted)
        return y.detach().numpy()

    def backward(self, ctx: Node, dy: Any) -> tuple:
        y, wanted = ctx.saved
        return tuple(g.numpy() for g in torch.autograd.grad(y, wanted, from_numpy(dy)))


def main() -> None:
    torch.set_num_threads(get_num_threads())
    known, validated = list(cases()), set()

    def answer(request: list) -> list[float]:
        number, direction = request
        case = known[number]
        op = TorchOp(case)
        if (number, direction) not in validated:
            validated.add((number, direction))
            validate(op, case, direction)
        return take_turn(op, case, direction)

    serve(answer)


def validate(op: TorchOp, case: Case, direction: str) -> None:
    """Refuse another result than the textbook's; dropout draws a mask of its own."""
    results = perform(op, case, direction).results
    expected = perform(case.op, case, direction, np.float64).results
    if case.name != "dropout" and not (error := largest_error(results, expected)) < TOLERANCE:
        raise RuntimeError(f"bench kernels: {case.name} {direction}: PyTorch's error {error:.2g}")


if __name__ == "__main__":
    main()
