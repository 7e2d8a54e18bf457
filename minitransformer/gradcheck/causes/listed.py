"""Known mistakes: what came is what a listed wrong backward pass of this op computes."""

import numpy as np

from ..evidence import Evidence, Sample, agree
from ..report import Cause


def is_known(evidence: Evidence) -> Cause | None:
    """The listed mistake whose gradient for this input is the one that came.

    Several may share it (q's gradient, of attention's many); the one that also explains the
    gradients of the other inputs is meant.
    """
    fits = {
        name: sum(_explains(backward, samples) for samples in evidence.siblings.values())
        for name, (backward, _) in evidence.known_mistakes.items()
        if evidence.computed_by(lambda s, b=backward: _mistaken(b, s))
    }
    if not fits:
        return None
    name = max(fits, key=lambda name: fits[name])
    return evidence.cause(f"known:{name}", evidence.known_mistakes[name][1])


def _explains(backward, samples: tuple[Sample, ...]) -> bool:
    return all(
        (made := _mistaken(backward, s)) is not None and agree(made, s.got, s.known)
        for s in samples
    )


def _mistaken(backward, sample: Sample) -> np.ndarray | None:
    inputs = [x.copy() if isinstance(x, np.ndarray) else x for x in sample.point.inputs]
    try:
        with np.errstate(all="ignore"):
            gradients = backward(np.array(sample.dy), *inputs)
        if not isinstance(gradients, (tuple, list)):
            gradients = (gradients,)
        gradient = np.asarray(gradients[sample.index], dtype=float)
    except Exception:  # a mistake listed for other arguments is no match, whatever it raises
        return None
    return gradient
