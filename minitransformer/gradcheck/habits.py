"""Whether equal calls give equal answers: randomness, and state left from an earlier call."""

from collections.abc import Sequence

import numpy as np

from .evidence import Sample, agree
from .report import Cause
from .trial import Rejected, Trial

SAME = 1e-9


def unsteady(trial: Trial, sample: Sample, answers: Sequence) -> list[Cause]:
    """Compare three answers to one question.

    `sample` holds the first; the second repeats it at once, and for the third another forward
    pass ran between this call's forward and its backward.
    """
    first, again, swayed = answers
    name, index = trial.names[sample.index], sample.index
    if not _same(first, again):
        right = not sample.wrong.any()
        grown = again is not None and agree(again - first, sample.expected, sample.known)
        if right or grown:
            message = (
                "It is right the first time, and wrong when called again with the same arguments: "
                "it adds to, or changes, something that an earlier call left."
            )
            return [Cause("stale", index, name, message)]
        message = (
            "Two equal calls give different gradients: it draws random numbers. The backward pass "
            "must use the mask the forward pass drew, not a new one."
        )
        return [Cause("nondeterministic", index, name, message)]
    if not _same(first, swayed):
        message = (
            "It changes when another forward pass runs between its forward and its backward: it "
            "uses what the latest forward pass left (a global, an attribute), not its own inputs."
        )
        return [Cause("stale", index, name, message)]
    return []


def random_forward() -> Rejected:
    """Nothing can be measured of a forward pass that never says the same twice."""
    message = (
        "Two equal forward calls differ: it draws random numbers, or keeps state. Fix the seed, "
        "or make the mask one of the inputs."
    )
    return Rejected(Cause("nondeterministic", None, "", message))


def not_finite_forward(output: np.ndarray) -> Rejected:
    """Nothing can be measured where the output is not finite."""
    index = np.argwhere(~np.isfinite(output))[0].tolist()
    message = (
        f"The forward pass itself is not finite at these inputs: {output[tuple(index)]} at "
        f"{index} of its output, so there is no slope to compare with."
    )
    return Rejected(Cause("not-finite", None, "", message))


def _same(a, b) -> bool:
    if a is None or b is None:
        return a is b
    if a.shape != b.shape:
        return False
    both = np.isfinite(a) & np.isfinite(b)
    return bool(
        np.array_equal(np.isfinite(a), np.isfinite(b)) and agree(a[both], b[both], rtol=SAME)
    )
