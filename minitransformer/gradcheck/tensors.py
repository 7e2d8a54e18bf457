"""`gradcheck`: the same check for a function of Tensors."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minitransformer.devices import to_device
from minitransformer.graph import no_grad, unbroadcast
from minitransformer.tensor import Tensor

from .check import examine
from .points import as_input, is_checked
from .report import GradcheckError, Report
from .trial import Trial
from .words import parameter_names, subject


def gradcheck(fn: Callable, *inputs: object, seed: int = 0, raises: bool = True) -> Report:
    """Check the gradients of `fn(*inputs)`, a Tensor of any shape, against finite differences.

    Args:
        fn: takes Tensors and returns a Tensor; it must compute the same every time.
        inputs: Tensors or arrays. Floats are copied to float64; integers, and Python numbers
            beside them, are passed on as they are. If any Tensor requires a gradient, only those
            that do are checked.
        seed: of the upstream gradients and the values drawn.
        raises: raise GradcheckError, which carries the report, if it is not ok.
    """
    names = parameter_names(fn, len(inputs))
    marked = any(isinstance(x, Tensor) and x.requires_grad for x in inputs)
    if not any(isinstance(x, Tensor | np.ndarray | list) for x in inputs):
        inputs = tuple(as_input(x) for x in inputs)
    arrays = [_as_array(x, marked) for x in inputs]
    device = next((x.device for x in inputs if isinstance(x, Tensor)), "cpu")
    report = examine(Trial(Graph(fn, device), names), arrays, subject(fn), {}, seed)
    if raises and not report.ok:
        raise GradcheckError(report)
    return report


class Graph:
    """A function of Tensors seen as one of arrays: see `trial.Bare`."""

    def __init__(self, fn: Callable, device: str):
        self.fn, self.device = fn, device

    def forward(self, *inputs: object) -> np.ndarray:
        with no_grad():
            return self._data(self.fn(*map(self._tensor, inputs)))

    def record(self, *inputs: object):
        tensors = [self._tensor(x) for x in inputs]
        y = self.fn(*tensors)
        return self._data(y), lambda dy: self._pull(y, tensors, to_device(dy, self.device))

    def _pull(self, y: Tensor, tensors: list, dy) -> tuple:
        if not y.requires_grad:
            return (None,) * len(tensors)
        try:
            y.backward(dy, retain_graph=True)
        except RuntimeError:
            # The engine refuses a gradient of the wrong shape; of a single op we can say why.
            gradients = _of_single_op(y, tensors, dy)
            if gradients is None:
                raise
        else:
            gradients = [getattr(x, "grad", None) for x in tensors]
        return tuple(None if g is None else to_device(g, "cpu") for g in gradients)

    def _tensor(self, x: object) -> object:
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
            return x
        return Tensor(to_device(x, self.device), requires_grad=True)

    def _data(self, y: object) -> np.ndarray:
        if not isinstance(y, Tensor):
            raise TypeError(f"fn returned a {type(y).__name__}; it should return a Tensor")
        return to_device(y.data, "cpu")


def _of_single_op(y: Tensor, tensors: list, dy) -> list | None:
    """What the op that made `y` returns, unchecked; None unless it took the inputs themselves."""
    node = y._node
    if node is None or not all(e is None or any(e is x for x in tensors) for e in node.edges):
        return None
    answer = node.implementation.backward(node, dy)
    if not isinstance(answer, tuple) or len(answer) != len(node.edges):
        return None
    gradients: list = [None] * len(tensors)
    for edge, g in zip(node.edges, answer, strict=True):
        for k, x in enumerate(tensors):
            if edge is x and g is not None:
                fits = node.op.broadcasts and g.shape != x.shape
                g = unbroadcast(g, x.shape) if fits else g
                gradients[k] = g if gradients[k] is None else gradients[k] + g
    return gradients


def _as_array(x: Any, marked: bool) -> object:
    """A float64 array for what is checked; a Tensor that is not stays one, in float64."""
    if isinstance(x, Tensor):
        if x.dtype.kind != "f":
            return x
        if marked and not x.requires_grad:
            return Tensor(x.data.astype(float))
        return as_input(to_device(x.data, "cpu"))
    if not isinstance(x, np.ndarray | list):
        return x
    array = as_input(x)
    constant = marked and is_checked(array)
    return Tensor(array) if constant else array
