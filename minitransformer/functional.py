"""The plain function for each op, with PyTorch's names and arguments.

Inputs may be Tensors or arrays. Ids, targets and masks need no gradient; NumPy ones are
moved to the device of the tensor that they go with. The range of ids is checked first, on the
host: ids that are on the GPU already make the step wait until they were looked at there.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitransformer import ops, random
from minitransformer.devices import array_module, device_of, to_device
from minitransformer.methods import data_of
from minitransformer.tensor import Tensor

Input = Any  # Tensor, array, or number


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


def maximum(a: Input, b: Input) -> Tensor:
    """The larger of two, elementwise."""
    return ops.Maximum.apply(a, b)


def minimum(a: Input, b: Input) -> Tensor:
    """The smaller of two, elementwise."""
    return ops.Minimum.apply(a, b)


def where(condition: Input, a: Input, b: Input) -> Tensor:
    """`a` where the condition holds, else `b`."""
    return ops.Where.apply(_beside(condition, a if hasattr(a, "shape") else b), a, b)


def concatenate(xs: Sequence[Input], axis: int = 0, *, dim: int | None = None) -> Tensor:
    """Tensors end to end along an axis."""
    return ops.Concatenate.apply(*xs, axis=axis if dim is None else dim)


def stack(xs: Sequence[Input], axis: int = 0, *, dim: int | None = None) -> Tensor:
    """Tensors of one shape along a new axis."""
    return ops.Stack.apply(*xs, axis=axis if dim is None else dim)


def pad(x: Input, pad_width: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """`value` around the edges: (before, after) for each axis."""
    return ops.Pad.apply(x, pad_width=tuple(map(tuple, pad_width)), value=value)


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


def scaled_dot_product_attention(
    query: Input,
    key: Input,
    value: Input,
    attn_mask: Input | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale · query keyᵀ + mask) value.

    Args:
        query: (..., T, D), in a transformer (B, n_head, T, head_dim).
        key: (..., S, D).
        value: (..., S, Dv).
        attn_mask: boolean, True where a query may look, or floating, added to the scores.
        dropout_p: probability with which a weight is zeroed. Always applied: pass 0 to evaluate.
        is_causal: query i sees keys 0 to i. With an attn_mask, both hold.
        scale: 1 / √D by default.

    Returns:
        (..., T, Dv); a query that may look nowhere gets zeros.
    """
    options = {"dropout_p": dropout_p, "is_causal": is_causal, "scale": scale}
    if dropout_p > 0:
        options["seed"] = random.draw_seed()
    if attn_mask is None:
        return ops.Attention.apply(query, key, value, **options)
    mask = _beside(attn_mask, query)
    return ops.Attention.apply(query, key, value, mask, **options)


def packed_self_attention(qkv: Input, dropout_p: float = 0.0, is_causal: bool = False) -> Tensor:
    """Attention among all positions, from one projection: the quick way for self-attention.

    Args:
        qkv: (B, T, 3, n_head, head_dim): queries, keys and values side by side.
        dropout_p, is_causal: as in `scaled_dot_product_attention`.

    Returns:
        (B, T, n_head · head_dim), the heads joined again.
    """
    options: dict[str, Any] = {"dropout_p": dropout_p, "is_causal": is_causal}
    if dropout_p > 0:
        options["seed"] = random.draw_seed()
    return ops.PackedAttention.apply(qkv, **options)


def layer_norm(
    x: Input,
    normalized_shape: int | Sequence[int],
    weight: Input | None = None,
    bias: Input | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / √(variance + eps) · weight + bias over the last axes, `normalized_shape`."""
    ndim = _normalized_ndim("layer_norm", x, normalized_shape)
    return ops.LayerNorm.apply(x, weight, bias, eps=eps, normalized_ndim=ndim)


def rms_norm(
    x: Input,
    normalized_shape: int | Sequence[int],
    weight: Input | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """x / √(mean(x²) + eps) · weight over the last axes, `normalized_shape`."""
    ndim = _normalized_ndim("rms_norm", x, normalized_shape)
    return ops.RMSNorm.apply(x, weight, eps=eps, normalized_ndim=ndim)


def embedding(indices: Input, weight: Input) -> Tensor:
    """Rows of `weight` (V, D): integer indices (...) -> (..., D).

    Raises:
        TypeError: the indices are not integers.
        IndexError: an index is negative or not below V.
    """
    indices = _index_array("embedding", "indices", indices)
    return ops.Embedding.apply(weight, indices)


def dropout(x: Input, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero each entry with probability p and scale the rest by 1 / (1 - p), while training."""
    ops.dropout.check_probability("dropout", p)
    if not training or p == 0:
        return x if isinstance(x, Tensor) else Tensor(x)
    return ops.Dropout.apply(x, p=p, seed=random.draw_seed())


def mse_loss(prediction: Input, target: Input, reduction: str = "mean") -> Tensor:
    """The mean of (prediction - target)²; the shapes must be equal."""
    return ops.MSELoss.apply(prediction, _beside(target, prediction), reduction=reduction)


def binary_cross_entropy_with_logits(
    logits: Input, target: Input, reduction: str = "mean"
) -> Tensor:
    """-t log σ(x) - (1 - t) log(1 - σ(x)), for logits x and targets t of one shape."""
    target = _beside(target, logits)
    return ops.BCEWithLogits.apply(logits, target, reduction=reduction)


def cross_entropy(
    logits: Input,
    target: Input,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """-log softmax(logits)[target], averaged over the targets that are not `ignore_index`.

    Args:
        logits: (N, C) or (N, C, ...).
        target: classes (N, ...), or probabilities of logits' shape.

    Raises:
        IndexError: a class is negative (and not `ignore_index`) or not below C.
        ValueError: shapes do not fit, or no target counts.
    """
    floating = getattr(data_of(target), "dtype", np.dtype(int)).kind == "f"
    return ops.CrossEntropy.apply(
        logits,
        _beside(target, logits) if floating else _index_array("cross_entropy", "target", target),
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


def _index_array(name: str, label: str, x: Any) -> Any:
    x = data_of(x)
    if not hasattr(x, "dtype"):
        x = np.asarray(x, dtype=None if np.size(x) else np.int64)
    if x.dtype.kind not in "iu":
        raise TypeError(f"{name}: {label} should be integers, got {x.dtype}")
    return x


def _beside(x: Any, tensor: Any) -> Any:
    """A NumPy array on the device of the tensor that it goes with; a Tensor as it is."""
    if isinstance(x, Tensor):
        return x
    x = x if hasattr(x, "dtype") else np.asarray(x)
    like = data_of(tensor)
    return x if array_module(like) is np else to_device(x, device_of(like))


def _normalized_ndim(name: str, x: Any, normalized_shape: int | Sequence[int]) -> int:
    if isinstance(normalized_shape, int | np.integer):
        normalized_shape = (int(normalized_shape),)
    shape = tuple(normalized_shape)
    got = data_of(x).shape
    if not shape or got[-len(shape) :] != shape:
        raise ValueError(f"{name}: expected the last axes to be {shape}, got input shape {got}")
    return len(shape)
