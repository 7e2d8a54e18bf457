"""What the recurrent ops share: the walk along a padded batch, and the sums over its steps."""

from typing import Any, ClassVar

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.ops.checks import check_dtypes, check_floating


class Recurrent(Function):
    """A recurrent layer; `gates` is G, `states` the names of what it carries along."""

    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("h0",)

    @classmethod
    def check(cls, x: Any, *inputs: Any, reverse: bool = False) -> None:
        name, labels = cls.op_name, ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        arrays = dict(zip((*cls.states, *labels), inputs, strict=False))
        check_floating(name, x)
        check_dtypes(name, input=x, **arrays)
        if x.ndim != 3 or x.shape[1] == 0:
            got = f"got shape {x.shape}"
            raise ValueError(f"{name}: input should be (B, T, D) with at least one step, {got}")
        hidden = arrays["weight_hh"].shape[-1] if arrays["weight_hh"].ndim else 0
        rows = cls.gates * hidden
        shapes: dict[str, tuple] = dict.fromkeys(labels, (rows,))
        shapes |= {"weight_ih": (rows, x.shape[2]), "weight_hh": (rows, hidden)}
        for label, array in arrays.items():
            shape = shapes.get(label, (x.shape[0], hidden))
            if array is not None and array.shape != shape:
                raise ValueError(f"{name}: {label} should be {shape}, got shape {array.shape}")
        if (arrays.get("bias_ih") is None) != (arrays.get("bias_hh") is None):
            raise ValueError(f"{name}: expected bias_ih and bias_hh or neither, got one of them")
        if inputs[len(arrays) :] and inputs[-1] is not None:
            check_lengths(name, inputs[-1], x)


def check_lengths(name: str, lengths: Any, x: Any) -> None:
    """Refuse what is not one integer from 1 to T for each sequence of x (B, T, ...)."""
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"{name}: lengths should be integers, got {lengths.dtype}")
    if lengths.shape != x.shape[:1]:
        raise ValueError(f"{name}: lengths should be {x.shape[:1]}, got shape {lengths.shape}")
    if lengths.size == 0:
        return
    low, high = int(lengths.min()), int(lengths.max())
    if low < 1 or high > x.shape[1]:
        got = low if low < 1 else high
        raise ValueError(f"{name}: lengths should be from 1 to {x.shape[1]}, got {got}")


def without_padding(x: Any, lengths: Any) -> tuple[Any, Any]:
    """x with zeros beyond each sequence's end, and which steps are real, (B, T): None for all."""
    if lengths is None:
        return x, None
    xp = array_module(x)
    real = xp.arange(x.shape[1]) < lengths[:, None]
    return xp.where(real[..., None], x, x.dtype.type(0)), real


def where_real(real: Any, t: int, value: Any, other: Any) -> Any:
    """`value` in the rows whose step t is real, `other` in those that have ended."""
    return value if real is None else array_module(real).where(real[:, t, None], value, other)


def steps(x: Any, reverse: bool) -> range:
    """The steps in the order in which the state meets them."""
    return range(x.shape[1])[::-1] if reverse else range(x.shape[1])


def first_state(x: Any, state: Any, weight_hh: Any) -> Any:
    """The state given, or zeros."""
    if state is not None:
        return state
    return array_module(x).zeros((x.shape[0], weight_hh.shape[1]), x.dtype)


def results(x: Any, h: Any, extra: int) -> Any:
    """Room for the state of each step and `extra` more, (B, T + extra, H)."""
    return array_module(x).empty((x.shape[0], x.shape[1] + extra, h.shape[1]), x.dtype)


def affine(x: Any, weight: Any, bias: Any) -> Any:
    y = x @ weight.T
    return y if bias is None else y + bias


def gradients(
    needs: tuple, x: Any, weight_ih: Any, before: Any, da: Any, db: Any, *dstates: Any
) -> tuple:
    """The gradients of all inputs, from those of W_ih x + b_ih (da) and of W_hh h + b_hh (db).

    `before` (B, T, H) is the h that came to each step. Every step used the same weights: one
    product over all steps adds up what each of them says.
    """
    a, b = (d.reshape(-1, d.shape[-1]) for d in (da, db))
    after = needs[1 + len(dstates) :]
    dx = (a @ weight_ih).reshape(x.shape) if needs[0] else None
    dweight_ih = a.T @ x.reshape(-1, x.shape[-1]) if after[0] else None
    dweight_hh = b.T @ before.reshape(-1, before.shape[-1]) if after[1] else None
    dbias_ih, dbias_hh = (d.sum(axis=0) if any(after[2:]) else None for d in (a, b))
    return (dx, *dstates, dweight_ih, dweight_hh, dbias_ih, dbias_hh, None)[: len(needs)]
