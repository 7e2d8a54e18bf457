"""Zero, the wrong sign, and constants: named by what they could be."""

from math import isclose, sqrt

from ..evidence import Evidence, common_factor
from ..report import Cause


def is_zero(evidence: Evidence) -> Cause | None:
    """Zeros where the truth is not."""
    if any(evidence.got(s).any() for s in evidence.samples):
        return None
    if not evidence.shape_is_right:
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
    if isclose(factor, -1, rel_tol=1e-5):
        return evidence.cause("sign", "Its sign is wrong: times −1 it is right.")
    words = name_factor(factor, evidence)
    return evidence.cause("scale", words)


def name_factor(factor: float, evidence: Evidence) -> str:
    """A sentence or two: how large the factor is, and where it may come from."""
    fits = [
        words for value, words in nameable_factors(evidence) if isclose(value, factor, rel_tol=1e-5)
    ]
    if fits:
        return fits[0]
    if factor < 0:
        return f"It is {factor:.6g} times the right answer: the sign is wrong, and a constant too."
    if 0.05 < factor < 1:
        return (
            f"It is {factor:.6g} times the right answer, everywhere. A constant of the forward "
            "pass was left out, or counted twice (a dropout's 1 − p, a temperature)."
        )
    return (
        f"It is {factor:.6g} times the right answer, everywhere: a constant of the forward pass "
        "was left out, or counted twice."
    )


def nameable_factors(evidence: Evidence) -> list[tuple[float, str]]:
    """Constants a mistake leaves behind, each with the sentence that explains it."""
    lengths = _lengths(evidence)
    factors = [
        (2.0, "It is twice the right answer: a factor 2 too many (or a ½ forgotten)."),
        (
            0.5,
            "It is half the right answer: the 2 from a square was forgotten, or ½ counted twice.",
        ),
        (-1.0, "Its sign is wrong."),
    ]
    for length, axis in lengths.items():
        factors += [
            (
                float(length),
                f"It is {length} times too large, and {length} is {axis}: "
                "you forgot the mean (divide by it).",
            ),
            (
                1 / length,
                f"It is {length} times too small, and {length} is {axis}: you took a mean where a "
                "sum is due, or divided twice.",
            ),
            (
                sqrt(length),
                f"It is √{length} = {sqrt(length):.4g} times too large, and {length} is {axis}: "
                "the 1/√d of the forward pass is missing.",
            ),
            (
                1 / sqrt(length),
                f"It is √{length} = {sqrt(length):.4g} times too small, and {length} is {axis}: "
                "the 1/√d of the forward pass was counted twice.",
            ),
        ]
    factors += _less_common(lengths)
    return factors


def _less_common(lengths: dict[int, str]) -> list[tuple[float, str]]:
    """N/(N−1), twice a length, and products of two lengths."""
    factors = []
    for n, axis in lengths.items():
        factors += [
            (-float(n), f"Its sign is wrong, and it is {n} times too large: {n} is {axis}."),
            (-1 / n, f"Its sign is wrong, and it is {n} times too small: {n} is {axis}."),
            (2.0 * n, f"It is 2·{n} times too large: {n} is {axis}; a mean and a 2 are missing."),
            (n / 2, f"It is {n}/2 times too large: {n} is {axis}; a mean and a 2 are missing."),
            (2 / n, f"It is 2/{n} times the right answer: {n} is {axis}."),
            (n * sqrt(n), f"It is {n}·√{n} times too large: {n} is {axis}."),
        ]
        if n > 2:
            factors += [
                (
                    n / (n - 1),
                    f"It is {n}/{n - 1} times too large, and {n} is {axis}: you divided by N − 1 "
                    "where the forward pass divides by N.",
                ),
                (
                    (n - 1) / n,
                    f"It is {n - 1}/{n} of the right answer, and {n} is {axis}: you divided by N "
                    "where the forward pass divides by N − 1.",
                ),
            ]
        for m, other in lengths.items():
            both = f"{n} is {axis}, {m} is {other}"
            if m > n:
                factors += [
                    (float(n * m), f"It is {n}·{m} times too large ({both}): a mean is missing."),
                    (1 / (n * m), f"It is {n}·{m} times too small ({both}): one mean too many."),
                ]
            if m != n:
                factors.append(
                    (
                        n / m,
                        f"It is {n}/{m} times the right answer ({both}): the mean was taken over "
                        "the wrong axis.",
                    )
                )
    return factors


def _lengths(evidence: Evidence) -> dict[int, str]:
    """Each axis length with the axes that have it, the blamed input's first."""
    sample = evidence.first
    shapes = [(evidence.name, sample.x.shape), ("output", sample.output.shape)]
    for name, x in zip(evidence.trial.names, sample.point.inputs, strict=True):
        if hasattr(x, "shape") and name != evidence.name:
            shapes.append((name, x.shape))
    found: dict[int, list[str]] = {}
    for name, shape in shapes:
        whose = "of the output" if name == "output" else f"of `{name}`"
        for axis, length in enumerate(shape):
            if length > 1:
                found.setdefault(length, []).append(f"the length of axis {axis} {whose}")
    for name, shape in shapes:
        size = 1
        for length in shape:
            size *= length
        whose = "the output" if name == "output" else f"`{name}`"
        if size > 1:
            found.setdefault(size, []).append(f"the size of {whose}")
    return {
        length: " (and ".join(axes[:2]) + ")" * (len(axes[:2]) - 1)
        for length, axes in found.items()
    }
