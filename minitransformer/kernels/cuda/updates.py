"""Adam's update in one pass over memory, one launch a parameter."""

from typing import Any

from minitransformer import ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cuda.launch import MOST_THREADS, Kernel, blocks_for
from minitransformer.kernels.cuda.rows import contiguous, fits

adam = Kernel("updates", "adam")


@accelerates(ops.AdamUpdate, device="cuda")
class AdamUpdate:
    @staticmethod
    def forward(
        ctx: Node,
        p: Any,
        g: Any,
        mean: Any,
        square: Any,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        weight_decay: float,
        step: int,
        decoupled: bool = True,
    ) -> Any:
        in_place = p, mean, square
        if not fits(g, *in_place) or not all(x.flags.c_contiguous for x in in_place):
            return NotImplemented
        shrink = 1 - lr * weight_decay if decoupled else 1.0
        coupled = 0.0 if decoupled else weight_decay
        rate, correction = lr / (1 - beta1**step), 1 / (1 - beta2**step)
        numbers = beta1, 1 - beta1, beta2, 1 - beta2, eps, rate, correction, shrink, coupled
        arrays = p, contiguous(g), mean, square
        adam(blocks_for(p.size), MOST_THREADS, *arrays, p.size, *numbers)
        return p
