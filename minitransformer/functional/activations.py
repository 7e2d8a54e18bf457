"""Activations, softmax and dropout."""

from minitransformer import ops, random
from minitransformer.functional.inputs import Input
from minitransformer.tensor import Tensor


def relu(x: Input) -> Tensor:
    """max(x, 0)."""
    return ops.ReLU.apply(x)


def leaky_relu(x: Input, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, else negative_slope · x."""
    return ops.LeakyReLU.apply(x, negative_slope=negative_slope)


def sigmoid(x: Input) -> Tensor:
    """1 / (1 + e^-x)."""
    return ops.Sigmoid.apply(x)


def tanh(x: Input) -> Tensor:
    """The hyperbolic tangent."""
    return ops.Tanh.apply(x)


def silu(x: Input) -> Tensor:
    """x sigmoid(x)."""
    return ops.SiLU.apply(x)


def gelu(x: Input, approximate: str = "none") -> Tensor:
    """x Φ(x), exactly ("none") or by a tanh ("tanh")."""
    return ops.GELU.apply(x, approximate=approximate)


def softmax(x: Input, axis: int = -1, *, dim: int | None = None) -> Tensor:
    """Exponentials along an axis, scaled to sum to one."""
    return ops.Softmax.apply(x, axis=axis if dim is None else dim)


def log_softmax(x: Input, axis: int = -1, *, dim: int | None = None) -> Tensor:
    """The logarithm of softmax, exact where softmax would round to 0."""
    return ops.LogSoftmax.apply(x, axis=axis if dim is None else dim)


def dropout(x: Input, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero each entry with probability p and scale the rest by 1 / (1 - p), while training."""
    ops.dropout.check_probability("dropout", p)
    if not training or p == 0:
        return x if isinstance(x, Tensor) else Tensor(x)
    return ops.Dropout.apply(x, p=p, seed=random.draw_seed())
