"""Zero, the wrong sign, and constants: named by what they could be."""

from math import isclose, prod, sqrt
from typing import NamedTuple

import numpy as np

from ..evidence import Evidence, Sample, common_factor
from ..report import Cause
from ..trial import Rejected

# What a mistake leaves behind where an axis has length n: the factor, and what to say of it.
OF_A_LENGTH = (
    (lambda n: n, "It is {n} times too large, and {n} is {axis}: you forgot the mean (divide)."),
    (
        lambda n: 1 / n,
        "It is {n} times too small, and {n} is {axis}: you took a mean where a sum is due, or "
        "divided twice.",
    ),
    (
        lambda n: sqrt(n),
        "It is √{n} times too large, and {n} is {axis}: the 1/√d of the forward pass is missing.",
    ),
    (
        lambda n: 1 / sqrt(n),
        "It is √{n} times too small, and {n} is {axis}: the 1/√d of the forward pass was counted "
        "twice.",
    ),
    (
        lambda n: n / (n - 1),
        "It is {n}/({n} − 1) times too large, and {n} is {axis}: you divided by N − 1 where the "
        "forward pass divides by N.",
    ),
    (
        lambda n: (n - 1) / n,
        "It is ({n} − 1)/{n} of the right answer, and {n} is {axis}: you divided by N where the "
        "forward pass divides by N − 1.",
    ),
    (
        lambda n: n / 2,
        "It is {n}/2 times too large, and {n} is {axis}: you forgot the mean and a 2.",
    ),
    (lambda n: 2 * n, "It is 2·{n} times too large, and {n} is {axis}: the mean, and a ½."),
    (lambda n: 2 / n, "It is 2/{n} times the right answer, and {n} is {axis}."),
    (lambda n: n * sqrt(n), "It is {n}·√{n} times too large, and {n} is {axis}."),
    (lambda n: n - 1, "It is {n} − 1 times too large, and {n} is {axis}: divide by N − 1."),
)
PLAIN = (
    (2.0, "It is twice the right answer: a factor 2 too many (or a ½ forgotten)."),
    (0.5, "It is half the right answer: the 2 from a square was forgotten, or ½ counted twice."),
)
RATIO = (
    "It is {n}/{m} times the right answer: {n} is {axis}, {m} is {other}. The mean was taken over "
    "the wrong axis."
)


Axes = dict[tuple[str, int | None], int]


class Factor(NamedTuple):
    """A constant, the sentence for it, and the axes it belongs to as (array, axis)."""

    value: float
    words: str
    axes: tuple


def is_zero(evidence: Evidence) -> Cause | None:
    """Zeros where the truth is not."""
    if not evidence.shape_is_right or any(evidence.got(s).any() for s in evidence.samples):
        return None
    message = (
        "It is all zeros, and the truth is not. Were the values ever written into it? (With an "
        "upstream gradient of ones it may look right: rows that always sum to the same cancel.)"
    )
    return evidence.cause("zero", message)


def is_scaled(evidence: Evidence) -> Cause | None:
    """The truth times a constant."""
    if not evidence.shape_is_right:
        return None
    pairs = [(evidence.got(s)[s.known], s.expected[s.known]) for s in evidence.samples]
    factor = common_factor(pairs, evidence.rtol)
    if factor is None:
        return None
    return factor_cause(factor, evidence)


def factor_cause(factor: float, evidence: Evidence) -> Cause:
    """`sign` for −1, `scale` for anything else."""
    if isclose(factor, -1, rel_tol=1e-5):
        return evidence.cause("sign", "Its sign is wrong: times −1 it is right.")
    return evidence.cause("scale", _name(factor, evidence))


def _name(factor: float, evidence: Evidence) -> str:
    """A sentence or two: how large the factor is, and where it may come from."""
    sign = "Its sign is wrong. " if factor < 0 else ""
    shapes = _shapes(evidence.trial.names, evidence.first, evidence.index)
    fits = [f for f in _factors(shapes) if isclose(f.value, abs(factor), rel_tol=1e-5)]
    if len(fits) > 1:
        fits = _narrowed(fits, evidence) or fits
    if fits:
        return sign + _say([f for f in fits if f.words == fits[0].words], shapes)
    hint = " (a dropout's 1 − p, a slope, a temperature)" if 0.001 < abs(factor) < 1 else ""
    return (
        f"{sign}It is {abs(factor):.6g} times the right answer, everywhere: a constant of the "
        f"forward pass was left out, or counted twice{hint}."
    )


def _narrowed(fits: list[Factor], evidence: Evidence) -> list[Factor]:
    """Those that also fit at a second shape: tried where the op is one of the bank's own.

    With N = D a forgotten mean over either is the same number; with distinct primes it is not.
    """
    for operation in evidence.operations:
        inputs = operation.distinct(np.random.default_rng(0))
        output = np.asarray(operation.forward(*inputs))
        dy = np.random.default_rng(1).normal(size=output.shape)
        truth = operation.backward(dy, *inputs)
        truth = truth if isinstance(truth, tuple) else (truth,)
        try:
            got = evidence.trial.backward(dy, inputs)[evidence.index]
        except Rejected:
            continue
        due = truth[evidence.index]
        if got is None or got.shape != due.shape:
            continue
        factor = common_factor([(got, due)], 1e-5)
        if factor is None:
            continue
        there = _factors(
            [(name, shape) for name, shape in _all_shapes(evidence.trial.names, inputs, output)]
        )
        same = {(f.words, f.axes) for f in there if isclose(f.value, abs(factor), rel_tol=1e-5)}
        return [f for f in fits if (f.words, f.axes) in same]
    return []


def _shapes(names, sample: Sample, index: int) -> list[tuple[str, tuple[int, ...]]]:
    """The arrays by name with their shapes, the blamed input's first."""
    shapes = _all_shapes(names, sample.point.inputs, sample.output)
    mine = (f"`{names[index]}`", sample.x.shape)
    return [mine, *(s for s in shapes if s != mine)]


def _all_shapes(names, inputs, output) -> list[tuple[str, tuple[int, ...]]]:
    shapes = [
        (f"`{n}`", x.shape) for n, x in zip(names, inputs, strict=True) if hasattr(x, "shape")
    ]
    return [*shapes, ("the output", output.shape)]


def _factors(shapes: list[tuple[str, tuple[int, ...]]]) -> list[Factor]:
    """2, ½, then what each axis, each size, and each pair of axes could leave behind."""
    lengths: Axes = {(name, a): n for name, shape in shapes for a, n in enumerate(shape) if n > 1}
    sizes: Axes = {(name, None): prod(shape) for name, shape in shapes if len(shape) > 1}
    factors = [Factor(value, words, ()) for value, words in PLAIN]
    for formula, words in OF_A_LENGTH:
        for axis, n in {**lengths, **sizes}.items():
            if n > 1 and formula(n) not in (1.0, 2.0, 0.5):
                factors.append(Factor(formula(n), words, (axis,)))
    for one, n in lengths.items():
        factors += [Factor(n / m, RATIO, (one, other)) for other, m in lengths.items() if m != n]
    return factors


def _say(factors: list[Factor], shapes: list[tuple[str, tuple[int, ...]]]) -> str:
    """The sentence of factors that differ only in their axes."""
    if not factors[0].axes:
        return factors[0].words
    known = dict(shapes)
    lengths = [prod(known[name]) if a is None else known[name][a] for name, a in factors[0].axes]
    first = [_called(f.axes[0]) for f in factors]
    axis = " or ".join(dict.fromkeys(first[:2]))
    other = _called(factors[0].axes[-1])
    return factors[0].words.format(n=lengths[0], m=lengths[-1], axis=axis, other=other)


def _called(axis: tuple[str, int | None]) -> str:
    name, number = axis
    return f"the size of {name}" if number is None else f"the length of axis {number} of {name}"
