"""Products: matmul, linear, einsum."""

from minitransformer import ops
from minitransformer.functional.inputs import Input
from minitransformer.tensor import Tensor


def matmul(a: Input, b: Input) -> Tensor:
    """a @ b over the last two axes; leading axes broadcast."""
    return ops.MatMul.apply(a, b)


def linear(x: Input, weight: Input, bias: Input | None = None) -> Tensor:
    """x weightᵀ + bias: x (..., in), weight (out, in), bias (out,) -> (..., out)."""
    if bias is None:
        return ops.Linear.apply(x, weight)
    return ops.Linear.apply(x, weight, bias)


def einsum(subscripts: str, *xs: Input) -> Tensor:
    """Products summed over the letters that the result leaves out: einsum("ij,jk->ik", a, b)."""
    return ops.Einsum.apply(*xs, subscripts=subscripts)
