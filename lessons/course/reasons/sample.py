"""What a reason is judged by: right answers beside the learner's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minitransformer.gradcheck.evidence import agree

ENOUGH = 4  # with fewer numbers than this, any answer would look like something

Reason = tuple[str, str]  # slug, message


@dataclass(frozen=True)
class Sample:
    """One call: the inputs, the answer that is right, and the one that came.

    `right` is the function that gives the right answer, for other inputs too.
    """

    names: Sequence[str]
    inputs: tuple
    expected: np.ndarray
    got: np.ndarray
    right: Callable[..., Any]

    def without_infinities(self) -> "Sample":
        """Zeros for what is not finite, so that the rest can be reasoned about."""
        expected, got = (np.where(np.isfinite(x), x, 0.0) for x in (self.expected, self.got))
        return replace(self, expected=expected, got=got)

    def right_for(self, *inputs: Any) -> np.ndarray | None:
        """The right answer for other inputs, None if there is none."""
        try:
            with np.errstate(all="ignore"):
                return np.asarray(self.right(*inputs), dtype=float)
        except Exception:  # they need not make sense
            return None


def explains(samples: Sequence[Sample], repair: Callable[[Sample], Any], rtol: float) -> bool:
    """Whether what came is `repair(sample)` at every sample, and that is not simply right."""
    for s in samples:
        with np.errstate(all="ignore"):
            made = repair(s)
        if made is None or np.shape(made) != s.got.shape or not agree(s.got, made, rtol=rtol):
            return False
    return True


def shape_of(x: Any) -> tuple[int, ...]:
    """An array's shape; nothing else has one: a list may be ragged."""
    return x.shape if isinstance(x, np.ndarray) else ()
