"""A mean or a projection was not subtracted: the difference is simple along some axes."""

from collections.abc import Iterator

import numpy as np

from ..evidence import Evidence, Sample, agree
from ..report import Cause

CONSTANT = (
    "It is off by the same amount along {along}: a term is missing, such as a mean or a sum over "
    "that axis that should be subtracted or added back."
)
ALONG_OUTPUT = (
    "It is off by a multiple of the output along {along}: the projection y·Σ(dy·y) (or y·Σdy) is "
    "missing: an output depends on every input it was normalised with."
)
ALONG_INPUT = (
    "It is off by a multiple of the input itself along {along}: a projection x·Σ(dy·x) is missing, "
    "the part of dy that only changes the norm."
)
ALONG_CENTRED = (
    "It is off by a multiple of the input, less its mean, along {along}: a projection "
    "x̂·mean(dy·x̂) is missing, the part of dy that only changes the variance."
)
BOTH = (
    "Two terms along {along} are missing: a constant (the mean) and a multiple of the normalised "
    "input (x̂·mean(dy·x̂))."
)


def is_missing_projection(evidence: Evidence) -> Cause | None:
    """The difference is, along some axes, a multiple of one known array, or of two."""
    if not evidence.shape_is_right or not all(s.known.all() for s in evidence.samples):
        return None
    for axes in groups_of_axes(evidence.first.expected.shape):
        for words in _bases(evidence.first, axes):
            if all(_spanned(evidence, s, axes, words) for s in evidence.samples):
                along = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
                return evidence.cause("missing-term", words.format(along=along))
    return None


def groups_of_axes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The last axis first, then the others, then several together."""
    ndim = len(shape)
    yield from ((axis,) for axis in reversed(range(ndim)) if shape[axis] > 2)
    if ndim > 2:
        yield (ndim - 2, ndim - 1)
        yield tuple(range(1, ndim))
        yield tuple(range(ndim - 1))
    if ndim > 1:
        yield tuple(range(ndim))


def _bases(sample: Sample, axes: tuple[int, ...]) -> dict[str, list[np.ndarray]]:
    """Candidate directions of the missing term, simplest first."""
    one = np.ones(sample.expected.shape)
    centred = sample.x - sample.x.mean(axis=axes, keepdims=True)
    bases = {CONSTANT: [one], ALONG_INPUT: [sample.x]}
    if sample.output.shape == sample.expected.shape:
        bases[ALONG_OUTPUT] = [sample.output]
    return bases | {ALONG_CENTRED: [centred], BOTH: [one, centred]}


def _spanned(evidence: Evidence, sample: Sample, axes: tuple[int, ...], words: str) -> bool:
    """Whether the difference is, along the axes, in the span of the basis."""
    basis = np.stack([_rows(b, axes) for b in _bases(sample, axes)[words]], axis=-1)
    difference = _rows(sample.expected - evidence.got(sample), axes)
    rows, length, count = basis.shape
    if length <= count + 1 or not rows or not np.isfinite(difference).all():
        return False
    coefficients = np.linalg.pinv(basis) @ difference[..., None]
    fitted = (basis @ coefficients)[..., 0]
    return agree(fitted, difference, rtol=max(evidence.rtol, 1e-7))


def _rows(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """As a matrix: the axes across, the rest down."""
    length = int(np.prod([array.shape[a] for a in axes]))
    last = np.moveaxis(array, axes, range(array.ndim - len(axes), array.ndim))
    return last.reshape(-1, length) if length else np.zeros((0, 0))
