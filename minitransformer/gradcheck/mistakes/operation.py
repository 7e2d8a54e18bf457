"""An entry of the bank: an op in bare NumPy, its right backward pass, and its wrong ones."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

OPERATIONS: dict[str, "Operation"] = {}


@dataclass(frozen=True)
class Operation:
    """`forward(*inputs)`, `backward(dy, *inputs)`, and `example(rng)`, inputs to try them on.

    Examples have distinct prime axis lengths, so that a factor names its axis.
    """

    name: str
    forward: Callable
    backward: Callable
    example: Callable[[np.random.Generator], tuple]
    mistakes: dict[str, tuple[Callable, str]] = field(default_factory=dict)

    def __post_init__(self):
        OPERATIONS[self.name] = self

    def mistake(self, message: str) -> Callable[[Callable], Callable]:
        """Enter a wrong backward pass, with what to tell the learner who wrote it.

        Its name is `<op>-<name of the function>`.
        """

        def enter(backward: Callable) -> Callable:
            name = f"{self.name}-{backward.__name__}".replace("_", "-")
            self.mistakes[name] = backward, message
            return backward

        return enter
