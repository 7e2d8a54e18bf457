"""The backward pass: from the result back to the leaves, through the nodes that ops left behind.

A node stands for one call of an op. It keeps what the op saved for its backward pass and
one edge an input: the node that made the input, the input itself if it is a leaf, or None
where no gradient is wanted. Activations are kept alive by being saved, never by the graph.
"""

import inspect
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any

from minitransformer.devices import array_module, device_of, keep_array
from minitransformer.drawing import to_dot, to_mermaid
from minitransformer.memory import add, is_own
from minitransformer.methods import data_of

__all__ = ["Node", "backward", "detect_anomaly", "no_grad", "to_dot", "to_mermaid", "unbroadcast"]

_order = itertools.count()


class Settings(threading.local):
    """What holds for this thread alone."""

    grad = True
    anomaly = False
    kernels = "auto"


settings = Settings()


@contextmanager
def setting(**values: Any) -> Iterator[None]:
    """Change settings of this thread inside a `with` block or a decorated function."""
    before = {key: getattr(settings, key) for key in values}
    settings.__dict__.update(values)
    try:
        yield
    finally:
        settings.__dict__.update(before)


def no_grad() -> Any:
    """`with no_grad():` or `@no_grad()`: ops leave no nodes, and in-place changes are free."""
    return setting(grad=False)


def detect_anomaly() -> Any:
    """`with detect_anomaly():` name the op that first makes a NaN, forward or backward."""
    return setting(anomaly=True)


class Node:
    """One call of an op, and the `ctx` that its forward and backward passes share."""

    __slots__ = (
        *("op", "implementation", "needs", "saved", "edges", "versions", "order"),
        *("shape", "dtype", "retained", "__weakref__"),
    )

    def __init__(self, op: Any, needs: tuple[bool, ...]) -> None:
        self.op = op
        self.needs = needs
        self.saved: Any = ()
        self.retained: Any = None

    def save(self, *values: Any) -> None:
        """Keep `values` for the backward pass: arrays (not in lists), shapes, options."""
        self.saved = values

    def record(self, implementation: Any, edges: tuple, versions: tuple, y: Any) -> None:
        """Become part of the graph, as the node that made the array `y`."""
        self.implementation = implementation
        self.edges = edges
        self.versions = versions
        self.shape = y.shape
        self.dtype = y.dtype
        self.order = next(_order)

    def gradients(self, dy: Any) -> tuple:
        """Run the op's backward pass and check what it returns, one gradient an edge."""
        name = self.op.op_name
        if self.saved is None:
            raise RuntimeError(
                f"backward of {name}: its saved arrays were freed by an earlier backward pass; "
                "pass retain_graph=True to that one to go through the graph twice"
            )
        for version, count in self.versions:
            if version.count != count:
                raise RuntimeError(
                    f"backward of {name}: an array that it saved was changed in place after the "
                    "forward pass; make a new Tensor instead (x = x + 1, not x += 1)"
                )
        grads = self.implementation.backward(self, dy)
        if not isinstance(grads, tuple) or len(grads) != len(self.edges):
            got = f"{len(grads)} gradients" if isinstance(grads, tuple) else type(grads).__name__
            raise RuntimeError(
                f"backward of {name}: expected a tuple of {len(self.edges)} gradients, got {got}"
            )
        edges = enumerate(zip(self.edges, grads, strict=True))
        return tuple([None if edge is None else self._fit(g, edge, i) for i, (edge, g) in edges])

    def _fit(self, g: Any, edge: Any, i: int) -> Any:
        """The gradient of input number i, of exactly that input's shape and dtype."""
        shape, dtype = edge.shape, edge.dtype
        known = hasattr(g, "dtype")
        if known and self.op.broadcasts:
            if g.shape != shape:
                g = unbroadcast(g, shape)
            if g.dtype != dtype:
                g = g.astype(dtype)
        if not known or g.shape != shape or g.dtype != dtype:
            got = f"{g.shape} {g.dtype}" if known else type(g).__name__
            raise RuntimeError(
                f"backward of {self.op.op_name}: the gradient of {argument(self.op, i)} "
                f"should be {shape} {dtype}, got {got}"
            )
        if settings.anomaly and not bool(array_module(g).isfinite(g).all()):
            raise FloatingPointError(
                f"detect_anomaly: the backward pass of {self.op.op_name} made the first NaN or "
                f"infinity, in the gradient of {argument(self.op, i)}, shape {shape}"
            )
        return keep_array(g)


def argument(op: Any, i: int) -> str:
    """How the op's forward pass calls its input number `i`."""
    names = list(inspect.signature(op.forward).parameters.values())[1:]
    if i < len(names) and names[i].kind is not names[i].VAR_POSITIONAL:
        return f"`{names[i].name}`"
    return f"input {i}"


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum `g` over the axes that broadcasting `shape` to `g.shape` had repeated.

    What was copied in the forward pass adds up in the backward pass.
    """
    if g.ndim > len(shape):
        g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(axis=axes, keepdims=True) if axes else g


def backward(root: Any, gradient: Any = None, retain_graph: bool = False) -> None:
    """Add d(root)/d(leaf), weighted by `gradient`, to `.grad` of every leaf of the graph.

    A node is younger than its inputs, so taking the youngest first meets each node after
    all of its consumers. Nothing is written to `.grad` unless the whole walk succeeds.

    Args:
        root: Tensor to start from.
        gradient: array or Tensor of root's shape; may be left out for a single element.
        retain_graph: keep the saved arrays, for a second walk.

    Raises:
        RuntimeError: root needs no gradient, has several elements and no `gradient`, the
            graph was freed, or a saved array was changed in place.
        ValueError: `gradient` has another shape.
    """
    total: dict[Any, Any] = {}  # the gradient that has come to each node and leaf so far
    ours: set[Any] = set()  # those whose total only the walk knows, and may add into
    kept: list[tuple[Any, Any]] = []  # what `retain_grad` asked for
    heap: list[tuple[int, Node]] = []

    def arrive(edge: Any, g: Any, private: bool) -> None:
        if edge in ours:
            total[edge] += g
        elif edge in total:
            total[edge] = keep_array(add(total[edge], g))
            ours.add(edge)
        elif isinstance(edge, Node):
            total[edge] = g
            heappush(heap, (-edge.order, edge))
        elif private:
            total[edge] = g
        else:
            total[edge] = g.copy()
            ours.add(edge)

    arrive(root._node or root, _start(root, gradient), private=False)
    while heap:
        node = heappop(heap)[1]
        dy = total.pop(node)
        if node.retained is not None and (tensor := node.retained()) is not None:
            kept.append((tensor, dy.copy()))
        grads = node.gradients(dy)
        for edge, g in zip(node.edges, grads, strict=True):
            if edge is not None:
                arrive(edge, g, isinstance(edge, Node) or is_private(g, dy, grads, node.saved))
        if not retain_graph:
            node.saved = None
            node.edges = (None,) * len(node.edges)
        del dy, grads, g
    for leaf, g in (*kept, *total.items()):
        leaf.grad = g if leaf.grad is None else keep_array(add(leaf.grad, g))


def is_private(g: Any, dy: Any, grads: tuple, saved: Any) -> bool:
    """Whether a leaf may keep `g` as its own: it is no view, and nothing else will use it."""
    if not is_own(g) or g is dy or any(g is s or g is getattr(s, "base", None) for s in saved):
        return False
    return sum(g is other for other in grads) == 1


def _start(root: Any, gradient: Any) -> Any:
    if not root.requires_grad:
        raise RuntimeError(
            "backward: this Tensor does not require a gradient, and nothing that made it does"
        )
    xp = array_module(root.data)
    if gradient is None:
        if root.size != 1:
            raise RuntimeError(
                f"backward: expected a single element to start from, got shape {root.shape}; "
                "reduce it first (loss.mean()) or pass gradient="
            )
        return xp.ones(root.shape, root.dtype)
    gradient = data_of(gradient)
    if device_of(gradient) not in ("cpu", root.device):
        raise ValueError(f"backward: expected a gradient on {root.device}, got one on the GPU")
    g = xp.asarray(gradient, dtype=root.dtype)
    if g.shape != root.shape:
        raise ValueError(f"backward: expected a gradient of shape {root.shape}, got {g.shape}")
    return g
