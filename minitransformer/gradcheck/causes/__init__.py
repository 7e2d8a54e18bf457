"""Why a gradient is wrong: one short function a cause, from the sharpest to the vaguest."""

from ..evidence import Evidence
from ..report import Cause
from .arrangement import is_misplaced, is_missing_sum, is_reshaped, is_swapped, is_transposed
from .listed import is_known
from .places import is_not_finite, is_partial
from .scaling import is_scaled, is_zero, nameable_factors
from .structure import is_diagonal_only, is_forward_product, is_wrong_axis
from .terms import is_missing_factor, is_missing_term
from .upstream import ignores_upstream, takes_part_of_upstream

OBVIOUS = (is_not_finite, is_zero)
EXACT = (
    is_known,
    is_scaled,
    is_transposed,
    is_missing_sum,
    is_swapped,
    ignores_upstream,
    is_forward_product,
    is_diagonal_only,
)
LOCAL = (is_partial, takes_part_of_upstream, is_missing_factor, is_missing_term, is_misplaced)
COMPATIBLE = {"known", "forward-product"}  # a wrong axis may be what these are made of
UNDER_A_FACTOR = (
    is_transposed,
    is_missing_sum,
    is_swapped,
    ignores_upstream,
    is_forward_product,
    is_diagonal_only,
    is_partial,
    is_missing_term,
)


def diagnose(evidence: Evidence) -> list[Cause]:
    """The causes that fit, `unknown` if none does."""
    for family in (OBVIOUS, EXACT, LOCAL):
        causes = [cause for detect in family if (cause := detect(evidence))]
        if family is EXACT and {c.slug.partition(":")[0] for c in causes} <= COMPATIBLE:
            causes += [cause] if (cause := is_wrong_axis(evidence)) else []
        if causes:
            return causes
    if cause := is_reshaped(evidence):
        return [cause]
    return _under_a_factor(evidence) or [_unknown(evidence)]


def _under_a_factor(evidence: Evidence) -> list[Cause]:
    """Two mistakes at once: a cause that fits once a constant is divided out."""
    for factor, words in nameable_factors(evidence):
        rest = evidence.divided_by(factor)
        for detect in UNDER_A_FACTOR:
            if cause := detect(rest):
                return [cause, evidence.cause("sign" if factor == -1 else "scale", f"And {words}")]
    return []


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
