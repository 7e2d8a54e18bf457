"""Products of matrices."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node, unbroadcast
from minitransformer.ops.checks import check_dtypes


class MatMul(Function, name="matmul"):
    """y = a @ b over the last two axes; leading axes broadcast, vectors as in NumPy.

    a (..., M, K), b (..., K, N) -> y (..., M, N)
    da = dy bᵀ, db = aᵀ dy, each summed over the axes that were broadcast.
    """

    @staticmethod
    def check(a: Any, b: Any) -> None:
        check_dtypes("matmul", a=a, b=b)
        if a.ndim == 0 or b.ndim == 0:
            raise ValueError(f"matmul: expected at least one axis, got {a.shape} @ {b.shape}")
        k = b.shape[-2] if b.ndim > 1 else b.shape[0]
        if a.shape[-1] != k:
            raise ValueError(
                f"matmul: {a.shape} @ {b.shape} does not fit: the last axis of a has "
                f"{a.shape[-1]} entries, b expects {k}"
            )

    @staticmethod
    def forward(ctx: Node, a: Any, b: Any) -> Any:
        ctx.save(a, b)
        return a @ b

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        a, b = ctx.saved
        # A vector is a matrix of one row (left) or one column (right).
        rows = a[None, :] if a.ndim == 1 else a
        columns = b[:, None] if b.ndim == 1 else b
        if a.ndim == 1:
            dy = dy[..., None, :] if b.ndim > 1 else dy[..., None]
        if b.ndim == 1:
            dy = dy[..., None]
        da = db = None
        if ctx.needs[0]:
            da = unbroadcast(dy @ columns.swapaxes(-1, -2), rows.shape).reshape(a.shape)
        if ctx.needs[1]:
            db = unbroadcast(rows.swapaxes(-1, -2) @ dy, columns.shape).reshape(b.shape)
        return da, db


class Linear(Function, name="linear"):
    """y = x Wᵀ + bias, the layer of every network.

    x (..., in), weight (out, in), bias (out,) -> y (..., out)
    dx = dy W, dW = dyᵀ x, dbias = Σ dy; sums over all leading axes.
    """

    @staticmethod
    def check(x: Any, weight: Any, bias: Any = None) -> None:
        check_dtypes("linear", input=x, weight=weight, bias=bias)
        if weight.ndim != 2:
            raise ValueError(f"linear: weight should be (out, in), got shape {weight.shape}")
        if x.ndim == 0 or x.shape[-1] != weight.shape[1]:
            features = x.shape[-1] if x.ndim else 0
            raise ValueError(
                f"linear: input has {features} features (shape {x.shape}) but weight "
                f"{weight.shape} expects {weight.shape[1]}"
            )
        if bias is not None and bias.shape != weight.shape[:1]:
            raise ValueError(f"linear: bias should be {weight.shape[:1]}, got shape {bias.shape}")

    @staticmethod
    def forward(ctx: Node, x: Any, weight: Any, bias: Any = None) -> Any:
        ctx.save(x if ctx.needs[1] else None, weight, x.shape)
        y = x @ weight.T
        if bias is not None:
            y += bias
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        x, weight, shape = ctx.saved
        rows = dy.reshape(-1, weight.shape[0])
        dx = (rows @ weight).reshape(shape) if ctx.needs[0] else None
        dw = rows.T @ x.reshape(-1, weight.shape[1]) if ctx.needs[1] else None
        db = rows.sum(axis=0) if ctx.needs[2:] == (True,) else None
        return (dx, dw, db)[: len(ctx.needs)]


class Einsum(Function, name="einsum"):
    """Products summed over the letters that the result leaves out: "bij,bjk->bik".

    Each gradient is an einsum too: dy takes the place of the input it goes to. Letters
    that stood in that input alone were summed away; there the gradient is the same for all.
    """

    @staticmethod
    def check(*xs: Any, subscripts: str) -> None:
        terms, _, result = subscripts.replace(" ", "").partition("->")
        if "->" not in subscripts or "." in subscripts or len(terms.split(",")) != len(xs):
            raise ValueError(
                f'einsum: expected explicit subscripts for {len(xs)} inputs ("ij,jk->ik"), '
                f"got {subscripts!r}"
            )
        if any(len(set(term)) != len(term) for term in (*terms.split(","), result)):
            raise ValueError(f"einsum: a letter twice in one term is not supported: {subscripts!r}")
        check_dtypes("einsum", **{f"input {i}": x for i, x in enumerate(xs)})
        sizes: dict[str, int] = {}
        for term, x in zip(terms.split(","), xs, strict=True):
            if len(term) != x.ndim:
                raise ValueError(f"einsum: {term!r} does not fit an input of shape {x.shape}")
            for letter, n in zip(term, x.shape, strict=True):
                if sizes.setdefault(letter, n) != n:
                    raise ValueError(f"einsum: {letter!r} is both {sizes[letter]} and {n} long")

    @staticmethod
    def forward(ctx: Node, *xs: Any, subscripts: str) -> Any:
        terms, _, result = subscripts.replace(" ", "").partition("->")
        ctx.save(terms.split(","), result, *xs)
        return array_module(xs[0]).einsum(subscripts, *xs)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        terms, result, *xs = ctx.saved
        return tuple(
            Einsum.gradient(dy, xs, terms, result, i) if need else None
            for i, need in enumerate(ctx.needs)
        )

    @staticmethod
    def gradient(dy: Any, xs: list, terms: list[str], result: str, i: int) -> Any:
        """The gradient of input number i."""
        xp = array_module(dy)
        others = [j for j in range(len(xs)) if j != i]
        known = set(result).union(*(terms[j] for j in others))
        kept = "".join(letter for letter in terms[i] if letter in known)
        inputs = ",".join([result, *(terms[j] for j in others)])
        g = xp.einsum(f"{inputs}->{kept}", dy, *(xs[j] for j in others))
        for axis, letter in enumerate(terms[i]):
            if letter not in known:
                g = xp.expand_dims(g, axis)
        return xp.broadcast_to(g, xs[i].shape)
