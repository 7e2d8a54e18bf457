"""An entry of the bank: an op in bare NumPy, its right backward pass, and its wrong ones."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

OPERATIONS: dict[str, "Operation"] = {}


@dataclass(frozen=True)
class Operation:
    """`forward(*inputs)`, `backward(dy, *inputs)`, and `example(rng)`, inputs to try them on.

    Axis lengths are distinct primes, so that a factor names its axis. Where a mistake shows only
    among equal lengths (P for Pᵀ), the example has those, and `primes` is another without.
    """

    name: str
    forward: Callable
    backward: Callable
    example: Callable[[np.random.Generator], tuple]
    primes: Callable[[np.random.Generator], tuple] | None = None
    mistakes: dict[str, tuple[Callable, str]] = field(default_factory=dict)

    def __post_init__(self):
        OPERATIONS[self.name] = self

    def distinct(self, rng: np.random.Generator) -> tuple:
        """Inputs whose axis lengths differ as far as the op allows."""
        return (self.primes or self.example)(rng)

    def mistake(self, message: str) -> Callable[[Callable], Callable]:
        """Enter a wrong backward pass, with what to tell the learner who wrote it.

        Its name is `<op>-<name of the function>`.
        """

        def enter(backward: Callable) -> Callable:
            name = f"{self.name}-{backward.__name__}".replace("_", "-")
            self.mistakes[name] = backward, message
            return backward

        return enter
