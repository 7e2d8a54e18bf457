"""Parameter: a Tensor that a Module counts among its own, and that an optimizer changes."""

from typing import Any

from minitransformer.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that requires a gradient and is found by `Module.parameters`.

    Args:
        data: floating-point array (its memory is shared), Tensor or list.
        requires_grad: False for a weight that stays as it is.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)
