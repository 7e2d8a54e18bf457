"""Why a gradient is wrong: one short function a cause, from the sharpest to the vaguest."""

import numpy as np

from ..evidence import Evidence
from ..report import Cause
from .arguments import is_right_for_ones, is_right_for_other_arguments
from .arrangement import (
    is_misplaced,
    is_missing_sum,
    is_reshaped,
    is_shifted,
    is_swapped,
    is_transposed,
)
from .axes import is_spread_wrongly, is_wrong_axis, mixes_another_axis
from .dependence import is_upstream_alone, reads_another_axis
from .listed import is_known
from .places import is_not_finite, is_partial
from .projections import is_missing_projection
from .scaling import factor_cause, is_scaled, is_zero
from .structure import is_diagonal_only, is_forward_product
from .terms import (
    is_missing_factor,
    is_missing_factor_of_rows,
    is_missing_path,
    is_missing_product,
    is_other_formula,
)
from .upstream import (
    ignores_upstream,
    misses_part_of_upstream,
    reads_upstream_out_of_order,
    takes_part_of_upstream,
)

# Tried in this order; the first group that has a cause has the last word.
GROUPS = (
    (is_not_finite, is_zero),
    (
        is_scaled,
        is_transposed,
        is_missing_sum,
        is_swapped,
        ignores_upstream,
        is_forward_product,
        is_diagonal_only,
        is_spread_wrongly,
    ),
    (is_reshaped,),
    (is_wrong_axis, is_misplaced),
    (is_partial, takes_part_of_upstream, is_missing_path),
    (is_right_for_other_arguments,),
    (is_missing_factor,),
    (is_missing_product,),
    (is_missing_projection, is_missing_factor_of_rows),
    (is_other_formula, is_right_for_ones),
    (is_shifted, reads_upstream_out_of_order),
)
UP_TO_A_FACTOR = (
    is_transposed,
    is_missing_sum,
    is_swapped,
    ignores_upstream,
    is_forward_product,
    is_diagonal_only,
    is_misplaced,
    is_right_for_other_arguments,
)
# Where all else failed: no repair, but what the answer depends on and should not, or should.
LAST = is_upstream_alone, mixes_another_axis, reads_another_axis, misses_part_of_upstream


def diagnose(evidence: Evidence) -> list[Cause]:
    """The causes that fit, `unknown` if none does."""
    known = is_known(evidence)
    for group in GROUPS:
        causes = [cause for detect in group if (cause := detect(evidence))]
        if [c.slug for c in causes] == ["forward-product"] and (cause := is_wrong_axis(evidence)):
            causes.append(cause)
        if causes:
            return [known, *causes] if known else causes
    if known:
        return [known]
    return _two_mistakes(evidence) or _dependence(evidence) or [_unknown(evidence)]


def _two_mistakes(evidence: Evidence) -> list[Cause]:
    """One of the causes, and a constant besides."""
    for detect in UP_TO_A_FACTOR:
        rest = evidence.up_to_a_factor()
        if (cause := detect(rest)) and rest.factors:
            return [cause, factor_cause(rest.factors[-1], evidence)]
    ratio = _usual_ratio(evidence)
    if ratio and (cause := is_partial(evidence.divided_by(ratio))):
        return [cause, factor_cause(ratio, evidence)]
    return []


def _dependence(evidence: Evidence) -> list[Cause]:
    return next(([cause] for detect in LAST if (cause := detect(evidence))), [])


def _usual_ratio(evidence: Evidence) -> float | None:
    """What came over what is due, where that is the same for most wrong entries."""
    if not evidence.shape_is_right:
        return None
    ratios = []
    for sample in evidence.samples:
        there = sample.wrong & (sample.expected != 0)
        ratios.append(evidence.got(sample)[there] / sample.expected[there])
    together = np.concatenate(ratios)
    if not together.size:
        return None
    usual = float(np.median(together))
    shared = [np.isclose(r, usual, rtol=1e-5).mean() for r in ratios if r.size]
    return usual if usual and shared and min(shared) > 0.5 else None


def _unknown(evidence: Evidence) -> Cause:
    sample = evidence.first
    if sample.wrong_shape:
        message = f"Its shape should be {sample.expected.shape}; yours is {sample.got.shape}."
        return evidence.cause("shape", message)
    wrong, known = int(sample.wrong.sum()), int(sample.known.sum())
    share = "Every entry is" if wrong == known else f"{wrong} of {known} entries are"
    return evidence.cause(
        "unknown",
        f"{share} wrong, in no way the checker knows: the shape is right, and it is neither a "
        "factor, a sign, a transpose nor a missing sum. Derive it again for one entry.",
    )
