"""GELU, one pass each way; other elementwise functions are one CuPy kernel already."""

from typing import Any

from minitransformer import ops
from minitransformer.function import accelerates
from minitransformer.graph import Node
from minitransformer.kernels.cuda.launch import MOST_THREADS, Kernel, blocks_for
from minitransformer.kernels.cuda.rows import contiguous, empty, fits

FORWARD = {form: Kernel("activations", form) for form in ("gelu", "gelu_tanh")}
GRADIENT = {form: Kernel("activations", f"{form}_gradient") for form in FORWARD}


@accelerates(ops.GELU, device="cuda")
class GELU:
    @staticmethod
    def forward(ctx: Node, x: Any, approximate: str = "none") -> Any:
        if not fits(x):
            return NotImplemented
        form = "gelu_tanh" if approximate == "tanh" else "gelu"
        ctx.save(x, form)
        return elementwise(FORWARD[form], x)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        x, form = ctx.saved
        return (elementwise(GRADIENT[form], x, dy),)


def elementwise(kernel: Kernel, *arrays: Any) -> Any:
    """A new array like the first, filled by `kernel(*arrays, out, size)`, a thread an entry."""
    out = empty(arrays[0], arrays[0].shape)
    kernel(blocks_for(out.size), MOST_THREADS, *map(contiguous, arrays), out, out.size)
    return out
