"""A term or a factor of the derivative is missing."""

from collections.abc import Iterator

import numpy as np

from ..evidence import Evidence, Sample, agree, common_factor
from ..report import Cause


def is_missing_factor(evidence: Evidence) -> Cause | None:
    """The truth times (or divided by) an array at hand: an input, the output, 1 − output."""
    if not evidence.shape_is_right:
        return None
    for words in _factors(evidence.first):
        for power, verb in ((1, "multiplied by"), (-1, "divided by")):

            def repaired(sample: Sample, got, words=words, power=power):
                factor = _factors(sample)[words]
                with np.errstate(all="ignore"):
                    product = got * factor**power
                return product if product.shape == got.shape else None

            if evidence.restored_by(repaired):
                message = f"A factor is missing: {verb} {words} it is right."
                return evidence.cause("scale", message)
    return None


def _factors(sample: Sample) -> dict[str, np.ndarray]:
    """Arrays that can be multiplied onto this gradient, by what they are called."""
    named = {f"`{n}`": x for n, x in zip(sample.names, sample.point.inputs, strict=True)}
    y = named["the output"] = sample.output
    named |= {"1 − output": 1 - y, "output·(1 − output)": y * (1 - y), "1 − output²": 1 - y**2}
    for name, x in list(named.items()):
        if isinstance(x, np.ndarray) and x.dtype.kind == "f" and not name.startswith(("1", "out")):
            named[f"{name} squared"] = x**2
            named[f"the cosine of {name}"], named[f"the sine of {name}"] = np.cos(x), np.sin(x)
    named["dy"] = sample.dy
    return {
        name: np.asarray(x, float)
        for name, x in named.items()
        if isinstance(x, np.ndarray)
        and x.dtype.kind in "fbiu"
        and x.any()
        and _fits(x.shape, sample.expected.shape)
    }


def is_missing_term(evidence: Evidence) -> Cause | None:
    """The difference is one recognisable term."""
    if not evidence.shape_is_right or evidence.first.expected.size < 2:
        return None
    return _upstream_itself(evidence) or _projection(evidence) or _elementwise_term(evidence)


def _upstream_itself(evidence: Evidence) -> Cause | None:
    """dy was not added: a residual path."""
    if evidence.first.dy.shape != evidence.first.expected.shape:
        return None
    for sign, words in ((1, "not added"), (-1, "added once too often")):
        if evidence.restored_by(lambda s, got, sign=sign: got + sign * s.dy):
            message = (
                f"dy itself was {words}: a path that leads straight through (a residual "
                "connection) passes dy on unchanged, and the gradients of all paths add up."
            )
            return evidence.cause("missing-term", message)
    return None


def _projection(evidence: Evidence) -> Cause | None:
    """The difference is, along some axes, a multiple of one known array."""
    shape = evidence.first.expected.shape
    for axes in _groups_of_axes(shape):
        for words in _bases(evidence.first, axes):
            if all(_spanned(evidence, s, axes, words) for s in evidence.samples):
                along = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
                return evidence.cause("missing-term", words.format(along=along))
    return None


def _groups_of_axes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The last axis first, then the others, then all of them."""
    ndim = len(shape)
    yield from ((axis,) for axis in reversed(range(ndim)) if shape[axis] > 2)
    if ndim > 2:
        yield (ndim - 2, ndim - 1)
    if ndim > 1:
        yield tuple(range(1, ndim))
        yield tuple(range(ndim - 1))
        yield tuple(range(ndim))


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


def _bases(sample: Sample, axes: tuple[int, ...]) -> dict[str, list[np.ndarray]]:
    """Candidate directions of the missing term, simplest first."""
    one = np.ones(sample.expected.shape)
    bases = {CONSTANT: [one], ALONG_INPUT: [sample.x]}
    if sample.output.shape == sample.expected.shape:
        bases[ALONG_OUTPUT] = [sample.output]
    centred = sample.x - sample.x.mean(axis=axes, keepdims=True)
    bases[ALONG_CENTRED] = [centred]
    bases[BOTH] = [one, centred]
    return bases


def _spanned(evidence: Evidence, sample: Sample, axes: tuple[int, ...], words: str) -> bool:
    """Whether the difference is, along the axes, in the span of the basis."""
    if not sample.known.all():
        return False
    bases = _bases(sample, axes)
    if words not in bases:
        return False
    difference = _rows(sample.expected - evidence.got(sample), axes)
    basis = [_rows(b, axes) for b in bases[words]]
    length = difference.shape[1]
    if length <= len(basis) + 1 or not np.isfinite(difference).all():
        return False
    fitted = np.zeros_like(difference)
    for row in range(len(difference)):
        columns = np.stack([b[row] for b in basis], axis=1)
        fitted[row] = columns @ np.linalg.lstsq(columns, difference[row], rcond=None)[0]
    return agree(fitted, difference, rtol=max(evidence.rtol, 1e-7))


def _rows(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """As a matrix: the axes across, the rest down."""
    last = np.moveaxis(array, axes, range(array.ndim - len(axes), array.ndim))
    length = int(np.prod([array.shape[a] for a in axes]))
    return last.reshape(-1, length)


def _elementwise_term(evidence: Evidence) -> Cause | None:
    """The difference is a constant times dy times an array at hand: half of a product rule."""
    if not _fits(evidence.first.dy.shape, evidence.first.expected.shape):
        return None
    for words in _terms(evidence.first):
        pairs = [
            (s.expected - evidence.got(s), np.broadcast_to(_terms(s)[words], s.expected.shape))
            for s in evidence.samples
        ]
        factor = common_factor(pairs, max(evidence.rtol, 1e-7))
        if factor is not None:
            message = f"A term is missing: {factor:+.4g} times {words}, to be added."
            return evidence.cause("missing-term", message)
    return None


def _terms(sample: Sample) -> dict[str, np.ndarray]:
    terms = {
        f"dy times {name}": sample.dy * f for name, f in _factors(sample).items() if name != "dy"
    }
    x, y = sample.x, sample.output
    if x.shape == y.shape == sample.dy.shape:
        with np.errstate(all="ignore"):
            ratio = y / x
            terms["dy times output/input (the product rule's first half)"] = sample.dy * ratio
            terms["dy times output·(1 − output/input)"] = sample.dy * y * (1 - ratio)
    return {n: t for n, t in terms.items() if _fits(t.shape, sample.expected.shape)}


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
