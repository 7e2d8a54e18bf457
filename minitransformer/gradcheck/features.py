"""Recognising a ratio: is it a product of things at hand, such as σ(`z`), 1 − output², exp(`x`)?

A forgotten factor or half of a product rule is found by its logarithm, in which products are sums.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .evidence import Evidence, Sample, common_factor

FLAT = 1e-6  # a logarithm that varies by less than this is constant
FEW = 6  # with fewer numbers than this, any ratio would look like something


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "{}": lambda a: a,
    "|{}|": np.abs,
    "{}²": lambda a: a * a,
    "√{}": np.sqrt,
    "(1 − {})": lambda a: 1 - a,
    "(1 − {}²)": lambda a: 1 - a * a,
    "{0}·(1 − {0})": lambda a: a * (1 - a),
    "exp({})": np.exp,
    "log({})": np.log,
    "cos({})": np.cos,
    "sin({})": np.sin,
    "σ({})": sigmoid,
    "(1 − σ({}))": lambda a: sigmoid(-a),
    "σ'({})": lambda a: sigmoid(a) * sigmoid(-a),
    "{0}·σ'({0})": lambda a: a * sigmoid(a) * sigmoid(-a),
    "tanh({})": np.tanh,
    "(1 − tanh({})²)": lambda a: 1 - np.tanh(a) ** 2,
}


class Product(NamedTuple):
    """constant · (product of features to powers ±1), as words and as a function of a sample."""

    words: str
    constant: float
    value: Callable[[Sample], np.ndarray]


def as_product(
    evidence: Evidence,
    numerator: Callable[[Sample], Any],
    denominator: Callable[[Sample], Any],
) -> Product | None:
    """What numerator/denominator is, at every sample: one feature, or two of different arrays."""
    sample = evidence.first
    top, bottom = numerator(sample), denominator(sample)
    usable = sample.known & (np.abs(top) > 1e-8 * np.abs(top).max(initial=0)) & (bottom != 0)
    named = _features(sample)
    if usable.sum() < FEW or not named:
        return None
    with np.errstate(all="ignore"):
        target = np.log(np.abs(top[usable] / bottom[usable]))
        logs = np.stack([np.log(np.abs(f[usable])) for f in named.values()])
    names = list(named)
    for chosen in _candidates(target, logs, names):
        product = _confirmed(evidence, numerator, denominator, chosen)
        if product is not None:
            return product
    return None


def _candidates(target: np.ndarray, logs: np.ndarray, names: Sequence[tuple[str, str]]):
    """Features, then pairs of them, whose logarithms leave the target constant."""
    signed = [(name, power) for name in names for power in (1, -1)]
    table = np.concatenate([logs, -logs]).reshape(2, *logs.shape).swapaxes(0, 1)
    table = table.reshape(-1, logs.shape[1])
    with np.errstate(all="ignore"):
        rest = target - table
        for k in np.flatnonzero(np.ptp(rest, axis=1) < FLAT):
            yield (signed[k],)
        varies = np.ptp(table, axis=1) > FLAT
        for k in np.flatnonzero(varies):
            name = signed[k][0]
            spread = np.ptp(rest[k] - table[k + 1 :], axis=1)
            for other in np.flatnonzero((spread < FLAT) & varies[k + 1 :]):
                partner = signed[k + 1 + other]
                if partner[0][0] != name[0]:
                    yield (signed[k], partner)


def _confirmed(evidence, numerator, denominator, chosen) -> Product | None:
    """The product, if it holds with its signs at every sample."""

    def value(sample: Sample) -> np.ndarray:
        named = _features(sample)
        with np.errstate(all="ignore"):
            product = np.ones(sample.expected.shape)
            for name, power in chosen:
                product = product * named[name] ** power
        return product

    if any(name not in _features(s) for s in evidence.samples for name, _ in chosen):
        return None
    with np.errstate(all="ignore"):
        pairs = [
            (numerator(s)[s.known], (denominator(s) * value(s))[s.known]) for s in evidence.samples
        ]
    if not all(np.isfinite(b).all() for _, b in pairs):
        return None
    constant = common_factor(pairs, max(evidence.rtol, 1e-7))
    if constant is None:
        return None
    up = "·".join(words for (_, words), power in chosen if power == 1)
    down = "·".join(words for (_, words), power in chosen if power == -1)
    words = (up or "1") + (f" / {down}" if down else "")
    return Product(words, constant, value)


def _features(sample: Sample) -> dict[tuple[str, str], np.ndarray]:
    """Functions of each array that broadcasts to this gradient, by (array, words)."""
    shape = sample.expected.shape
    arrays = dict(zip((f"`{n}`" for n in sample.names), sample.point.inputs, strict=True))
    arrays |= {"output": _spread(sample.output, shape), "dy": spread_upstream(sample)}
    found: dict[tuple[str, str], np.ndarray] = {}
    with np.errstate(all="ignore"):
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray) or not _fits(array.shape, shape):
                continue
            floats = array.astype(float)
            for words, function in FUNCTIONS.items() if name != "dy" else [("{}", np.asarray)]:
                values = np.broadcast_to(function(floats), shape)
                if np.isfinite(values).all() and values.any():
                    found[name, words.format(name)] = values
        for axis in range(len(shape)) if sample.x.shape == shape else ():
            found["softmax", f"softmax of the input along axis {axis}"] = _softmax(sample.x, axis)
    return found


def _softmax(x: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def spread_upstream(sample: Sample) -> np.ndarray | None:
    """dy in the shape of the gradient, spread over the axis that the forward pass reduced."""
    return _spread(sample.dy, sample.expected.shape)


def _spread(y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    if _fits(y.shape, shape) and y.ndim in (0, len(shape)):
        return np.broadcast_to(y, shape)
    for axis in range(len(shape)):
        if y.shape == shape[:axis] + shape[axis + 1 :]:
            return np.broadcast_to(np.expand_dims(y, axis), shape)
    return None


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def is_constant_along(ratios: Sequence[np.ndarray], axes: tuple[int, ...], rtol: float) -> bool:
    """Whether each array is the same all along the axes; NaN is the same as anything."""
    for ratio in ratios:
        low = np.nanmin(ratio, axis=axes, initial=np.inf)
        high = np.nanmax(ratio, axis=axes, initial=-np.inf)
        if np.any(high - low > rtol * np.nanmax(np.abs(ratio))):
            return False
    return True
