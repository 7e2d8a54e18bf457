"""What the causes look at: the truth and the answer for one input, at several points.

A cause is a hypothesis, and is believed only if it holds at every sample.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .mistakes import Operation
from .numeric import Jacobian
from .report import Cause
from .trial import Rejected, Trial

RTOL = 1e-6  # a right answer is this close to the truth
CLAIM = 1e-5  # and a cause must reproduce what came at least this well


@dataclass(frozen=True)
class Point:
    """Values of the inputs, the output there, and the Jacobian of each input that has one."""

    names: tuple[str, ...]
    inputs: tuple
    output: np.ndarray
    jacobians: dict[int, Jacobian]


@dataclass(frozen=True)
class Sample:
    """One backward call, seen from one input: `got` where `expected` was due.

    `known` marks the entries whose truth could be measured.
    """

    point: Point
    index: int
    dy: np.ndarray
    gradients: tuple

    @cached_property
    def expected(self) -> np.ndarray:
        return self.jacobian.gradient(self.dy)

    @cached_property
    def wrong(self) -> np.ndarray:
        """Which entries of the answer are wrong; all of them if its shape is."""
        if self.got.shape != self.expected.shape:
            return np.ones(self.expected.shape, bool)
        with np.errstate(invalid="ignore", over="ignore"):
            near = np.abs(self.got - self.expected) <= self.jacobian.tolerance(self.dy, RTOL)
        return self.known & ~near

    @property
    def got(self) -> np.ndarray:
        return self.gradients[self.index]

    @property
    def jacobian(self) -> Jacobian:
        return self.point.jacobians[self.index]

    @property
    def known(self) -> np.ndarray:
        return self.jacobian.known

    @property
    def x(self) -> np.ndarray:
        return self.point.inputs[self.index]

    @property
    def output(self) -> np.ndarray:
        return self.point.output

    @property
    def names(self) -> tuple[str, ...]:
        return self.point.names

    def truth_for(self, dy: np.ndarray) -> np.ndarray:
        """The gradient that would be right for another upstream gradient."""
        return self.jacobian.gradient(dy)

    @property
    def wrong_shape(self) -> bool:
        return self.got.shape != self.expected.shape


@dataclass(frozen=True)
class Evidence:
    """Everything known of one input's wrong gradient.

    `siblings` are the samples of every input, `operations` the ops of the bank that this one is,
    and `divisor` has been divided out of what came. With a list of `factors`, hypotheses need to
    hold only up to a constant, which is added to the list.
    """

    trial: Trial
    index: int
    name: str
    samples: tuple[Sample, ...]
    siblings: dict[int, tuple[Sample, ...]]
    known_mistakes: dict[str, tuple[Callable, str]]
    operations: tuple[Operation, ...] = ()
    divisor: float = 1.0
    factors: list[float] | None = None

    def cause(self, slug: str, message: str) -> Cause:
        return Cause(slug, self.index, self.name, message)

    def got(self, sample: Sample) -> np.ndarray:
        return sample.gradients[self.index] / self.divisor

    def divided_by(self, factor: float) -> "Evidence":
        return replace(self, divisor=self.divisor * factor)

    def up_to_a_factor(self) -> "Evidence":
        return replace(self, factors=[])

    @cached_property
    def first(self) -> Sample:
        return self.samples[0]

    @cached_property
    def shape_is_right(self) -> bool:
        return not any(sample.wrong_shape for sample in self.samples)

    @cached_property
    def complete(self) -> bool:
        return all(sample.jacobian.complete for sample in self.samples)

    @cached_property
    def rtol(self) -> float:
        """Tight enough to tell apart what came from the truth, and never looser than CLAIM."""
        if not self.shape_is_right:
            return CLAIM
        gaps = [relative_gap(s.got, s.expected, s.known) for s in self.samples]
        return float(np.clip(0.03 * max(gaps), 1e-8, CLAIM))

    def restored_by(self, repair: Callable[..., np.ndarray | None]) -> bool:
        """Whether `repair(sample, got)` is the truth at every sample."""
        if not any(s.expected.any() for s in self.samples):
            return False
        return self._all_equal((repair(s, self.got(s)), s.expected, s.known) for s in self.samples)

    def computed_by(self, mistake: Callable[..., np.ndarray | None]) -> bool:
        """Whether what came is `mistake(sample)`, a formula that is not the truth, everywhere."""
        made = [mistake(s) for s in self.samples]
        if any(m is None for m in made) or not any(np.any(m) for m in made):
            return False
        return self._all_equal(
            (self.got(s), m, s.known) for s, m in zip(self.samples, made, strict=True)
        )

    def _all_equal(self, triples: Iterable[tuple]) -> bool:
        """Whether a = b in all (a, b, known), or with `factors`, a = c·b for one constant c."""
        pairs = []
        for a, b, known in triples:
            if a is None or np.shape(a) != np.shape(b):
                return False
            fits = known.shape == np.shape(b)
            pairs.append((a[known], b[known]) if fits else (a, b))
            if self.factors is None and not agree(*pairs[-1], rtol=self.rtol):
                return False
        if self.factors is None:
            return True
        factor = common_factor(pairs, self.rtol)
        if factor is not None:
            self.factors.append(factor)
        return factor is not None

    def call(self, sample: Sample, dy=None, inputs=None) -> np.ndarray | None:
        """The learner's gradient for other arguments, None if their code refuses them."""
        dy = sample.dy if dy is None else dy
        try:
            gradients = self.trial.backward(dy, sample.point.inputs if inputs is None else inputs)
        except Rejected:
            return None
        gradient = gradients[self.index]
        return None if gradient is None else gradient / self.divisor


def agree(a: np.ndarray, b: np.ndarray, known: np.ndarray | None = None, rtol=CLAIM) -> bool:
    """Same shape, and nowhere further apart than `rtol` of the largest entry."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    return (
        relative_gap(a, b, known if known is not None and known.shape == b.shape else None) <= rtol
    )


def relative_gap(a: np.ndarray, b: np.ndarray, known: np.ndarray | None = None) -> float:
    """The largest distance between two arrays, relative to the largest entry of `b`."""
    if known is not None:
        a, b = a[known], b[known]
    if b.size == 0:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        distance = float(np.max(np.abs(a - b)))
    size = float(np.max(np.abs(b)))
    if not np.isfinite(distance):
        return np.inf
    return distance / size if size else (0.0 if distance == 0 else np.inf)


def common_factor(pairs: Sequence[tuple[np.ndarray, np.ndarray]], rtol: float) -> float | None:
    """The constant c with a = c·b in every pair, if there is one."""
    top = sum(float(np.vdot(b, a)) for a, b in pairs)
    bottom = sum(float(np.vdot(b, b)) for _, b in pairs)
    if not bottom or not np.isfinite(top):
        return None
    factor = top / bottom
    if factor and all(agree(a / factor, b, rtol=rtol) for a, b in pairs):
        return factor
    return None
