"""A factor or a term of the derivative is missing, and can be recognised."""

import numpy as np

from ..evidence import Evidence
from ..features import as_product, is_constant_along, spread_upstream
from ..report import Cause
from .projections import groups_of_axes


def is_missing_factor(evidence: Evidence) -> Cause | None:
    """The truth times (or divided by) things at hand: σ(`z`), 1 − output², exp(`x`)."""
    if not evidence.shape_is_right:
        return None
    product = as_product(evidence, lambda s: s.expected, evidence.got)
    if product is None:
        return None
    constant = _constant(product.constant)
    message = f"A factor is wrong or missing: multiplied by {constant}{product.words} it is right."
    return evidence.cause("scale", message)


def is_missing_factor_of_rows(evidence: Evidence) -> Cause | None:
    """One factor for each row, of the inputs alone: a norm, 1/σ, a count."""
    if not evidence.shape_is_right or not all(s.known.all() for s in evidence.samples):
        return None
    ratios = [_ratio(evidence.got(s), s.expected) for s in evidence.samples]
    if any(np.isinf(r).any() or np.isnan(r).all() for r in ratios):
        return None
    for axes in groups_of_axes(evidence.first.expected.shape):
        if not is_constant_along(ratios, axes, max(evidence.rtol, 1e-7)):
            continue
        along = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
        message = (
            f"A factor is missing: all along {along} it is off by one and the same factor "
            f"({np.nanmin(ratios[0]):.4g} to {np.nanmax(ratios[0]):.4g}): 1/σ, a norm, or how many "
            "entries were averaged."
        )
        return evidence.cause("scale", message)
    return None


def _ratio(got: np.ndarray, due: np.ndarray) -> np.ndarray:
    """got / due, NaN where both are zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return got / due


def is_missing_path(evidence: Evidence) -> Cause | None:
    """dy was not added: a residual path."""
    if not evidence.shape_is_right or evidence.first.dy.shape != evidence.first.expected.shape:
        return None
    for sign, words in ((1, "not added"), (-1, "added once too often")):
        if evidence.restored_by(lambda s, got, sign=sign: got + sign * s.dy):
            message = (
                f"dy itself was {words}: a path that leads straight through (a residual "
                "connection) passes dy on unchanged, and the gradients of all paths add up."
            )
            return evidence.cause("missing-term", message)
    return None


def is_missing_product(evidence: Evidence) -> Cause | None:
    """The difference is dy times things at hand: half of a product rule."""
    if not evidence.shape_is_right or any(spread_upstream(s) is None for s in evidence.samples):
        return None
    product = as_product(evidence, lambda s: s.expected - evidence.got(s), spread_upstream)
    if product is None:
        return None
    constant = _constant(product.constant)
    message = (
        f"A term is missing: dy·{constant}{product.words} should be added. (A product has two "
        "terms, and every path from the input to the output adds one.)"
    )
    return evidence.cause("missing-term", message)


def is_other_formula(evidence: Evidence) -> Cause | None:
    """Both are dy times something recognisable: say what came and what is due."""
    if not evidence.shape_is_right or any(spread_upstream(s) is None for s in evidence.samples):
        return None
    due = as_product(evidence, lambda s: s.expected, spread_upstream)
    came = as_product(evidence, evidence.got, spread_upstream) if due else None
    if due is None or came is None:
        return None
    message = (
        f"Yours is dy·{_constant(came.constant)}{came.words}; it should be "
        f"dy·{_constant(due.constant)}{due.words}."
    )
    over_axes = "along axis" in came.words and "along axis" in due.words
    return evidence.cause("wrong-axis" if over_axes else "scale", message)


def _constant(value: float) -> str:
    return "" if np.isclose(value, 1, rtol=1e-5) else f"{value:.5g}·"
