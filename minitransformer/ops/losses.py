"""Losses. `reduction` is "mean" (over samples), "sum", or "none" (one loss a sample)."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node
from minitransformer.ops.activations import sigmoid
from minitransformer.ops.checks import check_floating, check_indices
from minitransformer.ops.softmax import log_sum_exp


class MSELoss(Function, name="mse_loss"):
    """The mean of (prediction - target)²: d/dprediction = 2 (prediction - target) / n."""

    @staticmethod
    def check(prediction: Any, target: Any, reduction: str = "mean") -> None:
        check_pair("mse_loss", prediction, target, reduction)

    @staticmethod
    def forward(ctx: Node, prediction: Any, target: Any, reduction: str = "mean") -> Any:
        error = prediction - target.astype(prediction.dtype, copy=False)
        ctx.save(error, reduction, target.dtype)
        return reduce(error * error, reduction)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        error, reduction, target_dtype = ctx.saved
        g = 2 * error * (dy / error.size if reduction == "mean" else dy)
        return g, (-g).astype(target_dtype) if ctx.needs[1] else None


class BCEWithLogits(Function, name="binary_cross_entropy_with_logits"):
    """-t log σ(x) - (1 - t) log(1 - σ(x)) = max(x, 0) - x t + log(1 + e^-|x|).

    d/dx = σ(x) - t, d/dt = -x.
    """

    @staticmethod
    def check(logits: Any, target: Any, reduction: str = "mean") -> None:
        check_pair(BCEWithLogits.op_name, logits, target, reduction)

    @staticmethod
    def forward(ctx: Node, logits: Any, target: Any, reduction: str = "mean") -> Any:
        xp = array_module(logits)
        t = target.astype(logits.dtype, copy=False)
        ctx.save(logits, t, reduction, target.dtype)
        loss = xp.maximum(logits, 0) - logits * t + xp.log1p(xp.exp(-abs(logits)))
        return reduce(loss, reduction)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        logits, t, reduction, target_dtype = ctx.saved
        g = dy / logits.size if reduction == "mean" else dy
        dt = (-logits * g).astype(target_dtype) if ctx.needs[1] else None
        return (sigmoid(logits) - t) * g, dt


class CrossEntropy(Function, name="cross_entropy", from_host=(1,)):
    """-Σ_c t_c log softmax(logits)_c, averaged over the samples that count.

    logits (N, C) or (N, C, ...); target: classes (N, ...), or probabilities of logits' shape.
    A class target is the one-hot row; `label_smoothing` ε mixes it with the uniform one,
    t = (1 - ε) onehot + ε / C. Samples of class `ignore_index` do not count.
    d/dlogits = (softmax(logits) Σ_c t_c - t) / n
    """

    @staticmethod
    def check(
        logits: Any,
        target: Any,
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
    ) -> None:
        name = "cross_entropy"
        check_reduction(name, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"{name}: label_smoothing should be in [0, 1], got {label_smoothing}")
        check_floating(name, logits, "logits")
        if logits.ndim == 0:
            raise ValueError(f"{name}: logits should have a class axis, got shape ()")
        axis = class_axis(logits)
        samples = logits.shape[:axis] + logits.shape[axis + 1 :]
        if target.dtype.kind == "f" and target.shape == logits.shape:
            if 0 in samples:
                raise ValueError(f"{name}: no samples, logits have shape {logits.shape}")
            return
        if target.shape != samples:
            raise ValueError(
                f"{name}: target {target.shape} does not fit logits {logits.shape}: expected "
                f"classes {samples} or probabilities {logits.shape}"
            )
        if target.dtype.kind not in "iu":
            raise TypeError(f"{name}: class targets should be integers, got {target.dtype}")
        counted = target[target != ignore_index]
        if counted.size == 0 and reduction == "mean":
            raise ValueError(f"{name}: no target counts: all {target.size} are {ignore_index}")
        check_indices(name, "target", counted, logits.shape[axis])

    @staticmethod
    def forward(
        ctx: Node,
        logits: Any,
        target: Any,
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
    ) -> Any:
        xp = array_module(logits)
        axis = class_axis(logits)
        log_p = logits - log_sum_exp(logits, axis)
        t, counts = target_rows(xp, log_p, target, axis, ignore_index, label_smoothing)
        n = counts.sum() if reduction == "mean" else 1
        ctx.save(log_p, t, n, axis, label_smoothing, reduction, target.dtype)
        # A class of weight 0 costs nothing, even at log 0.
        loss = -(t * xp.where(t == 0, 0, log_p)).sum(axis=axis)
        return loss if reduction == "none" else (loss.sum() / n).astype(logits.dtype)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        log_p, t, n, axis, label_smoothing, reduction, target_dtype = ctx.saved
        xp = array_module(log_p)
        g = xp.expand_dims(dy, axis) if reduction == "none" else (dy / n).astype(log_p.dtype)
        dlogits = (xp.exp(log_p) * t.sum(axis=axis, keepdims=True) - t) * g
        dtarget = -log_p * ((1 - label_smoothing) * g) if ctx.needs[1] else None
        return dlogits, None if dtarget is None else dtarget.astype(target_dtype)


def target_rows(
    xp: Any, log_p: Any, target: Any, axis: int, ignore_index: int, smoothing: float
) -> tuple[Any, Any]:
    """The target as probabilities, zeros where ignored, and which samples count."""
    classes = log_p.shape[axis]
    if target.shape == log_p.shape and target.dtype.kind == "f":
        counts = xp.ones(target.sum(axis=axis).shape, dtype=bool)
        t = target.astype(log_p.dtype, copy=False)
    else:
        counts = target != ignore_index
        one_hot = xp.arange(classes) == xp.where(counts, target, 0)[..., None]
        t = xp.moveaxis(one_hot, -1, axis).astype(log_p.dtype)
    if smoothing > 0:
        t = (1 - smoothing) * t + smoothing / classes
    return t * xp.expand_dims(counts, axis), counts


def class_axis(logits: Any) -> int:
    """Where the classes are: after the batch axis, as in PyTorch."""
    return 1 if logits.ndim > 1 else 0


def reduce(loss: Any, reduction: str) -> Any:
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def check_reduction(name: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{name}: reduction should be "mean", "sum" or "none", got {reduction!r}')


def check_pair(name: str, prediction: Any, target: Any, reduction: str) -> None:
    """Refuse shapes that differ: (N,) against (N, 1) would broadcast to N × N errors."""
    check_reduction(name, reduction)
    if prediction.shape != target.shape:
        raise ValueError(
            f"{name}: expected prediction and target of one shape, got {prediction.shape} "
            f"and {target.shape}"
        )
    check_floating(name, prediction, "prediction")
    if prediction.size == 0 and reduction == "mean":
        raise ValueError(f"{name}: expected at least one entry, got shape {prediction.shape}")
