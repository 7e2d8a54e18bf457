"""The two doors: `check_backward` for a pair of NumPy functions, `gradcheck` for Tensors.

Both measure the truth at the given point and at one drawn near it, under random upstream
gradients, run the learner's code on copies, and ask `causes` about every input that differs.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from . import mistakes
from .causes import diagnose
from .evidence import Evidence, Point, Sample, agree
from .habits import not_finite_forward, random_forward, unsteady
from .numeric import jacobian
from .points import as_input, draw_nearby, is_checked
from .report import Cause, Comparison, GradcheckError, Report
from .trial import Bare, Rejected, Trial
from .unmeasured import find_wrong_entry
from .words import parameter_names, subject

COARSE = 1e-3  # how far a gradient in lower precision may be off before its values are wrong too
REDRAWS = 3


def check_backward(
    forward: Callable,
    backward: Callable,
    *inputs: object,
    names: Sequence[str] | None = None,
    known_mistakes: Mapping | str | tuple = (),
    seed: int = 0,
    raises: bool = False,
) -> Report:
    """Check a hand-written backward pass on NumPy arrays, and say why it is wrong.

    Args:
        forward: `forward(*inputs) -> array`, the function as it is meant.
        backward: `backward(dy, *inputs) -> array or tuple of arrays`, one an input; None for
            integer inputs, which have no gradient.
        inputs: example values. Floats are copied to float64, integers left alone; other values
            of the same shapes are drawn near them.
        names: what to call the inputs; by default the parameters of `forward`.
        known_mistakes: wrong backward passes to recognise, `{name: (backward, message)}`, or the
            name of an op of the bank, such as "softmax".
        seed: of the upstream gradients and the values drawn.
        raises: raise GradcheckError, which carries the report, if it is not ok.

    Raises:
        TypeError: none of the inputs is floating-point.
    """
    listed = _listed(known_mistakes)
    names = tuple(names) if names is not None else parameter_names(forward, len(inputs))
    optional = {k for k, x in enumerate(inputs) if isinstance(x, float)}
    arrays = [as_input(x) for x in inputs]
    trial = Trial(Bare(forward, backward), names, optional)
    report = examine(trial, arrays, subject(forward), listed, seed)
    if raises and not report.ok:
        raise GradcheckError(report)
    return report


def examine(trial: Trial, inputs: Sequence, subject: str, listed: dict, seed: int) -> Report:
    """The whole check of one learner's code."""
    if not any(is_checked(x) for x in inputs):
        kinds = ", ".join(str(getattr(x, "dtype", type(x).__name__)) for x in inputs)
        raise TypeError(f"{subject}: expected a floating-point input to check, got {kinds}")
    rng = np.random.default_rng(seed)
    try:
        with np.errstate(all="ignore"):
            causes, comparisons = _compare(trial, inputs, listed, rng)
    except Rejected as rejected:
        causes, comparisons = [rejected.cause], []
    causes = _ordered(causes, list(trial.noticed.values()))
    return Report(subject, trial.names, causes, comparisons)


def _compare(
    trial: Trial, inputs: Sequence, listed: dict, rng
) -> tuple[list[Cause], list[Comparison]]:
    """The causes found, and the numbers to show beside them."""
    output = trial.forward(inputs)
    if not np.isfinite(output).all():
        raise not_finite_forward(output)
    if not agree(trial.forward(inputs), output):
        raise random_forward()
    dy = _upstream(output, rng)
    early = [trial.backward(dy, inputs) for _ in range(2)]
    points = [_measure(trial, inputs, rng), _measure_nearby(trial, inputs, output, rng)]
    swayed = trial.backward(dy, inputs, between=lambda: trial.forward(points[1].inputs))
    calls = [(points[0], dy, early[0])]
    for point in (points[0], points[1], points[1]):
        dy = _upstream(point.output, rng)
        calls.append((point, dy, trial.backward(dy, point.inputs)))

    causes, comparisons = _missing(trial, calls), []
    present = [k for k in points[0].jacobians if all(call[2][k] is not None for call in calls)]
    samples = {k: tuple(Sample(p, k, dy, tuple(g)) for p, dy, g in calls) for k in present}
    for k in present:
        found = unsteady(trial, samples[k][0], [g[k] for g in (*early, swayed)])
        if not found and any(s.wrong.any() or s.wrong_shape for s in samples[k]):
            found = _explain(trial, k, samples, listed)
        elif not found and not samples[k][-1].jacobian.complete:
            found = _unmeasured(trial, samples[k][-1], rng)
        causes += found
        causes += _kinks(trial, k, points)
        comparisons.append(_comparison(trial, samples[k]))
    return causes, comparisons


def _upstream(output: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random, and nowhere so small that a mistake would drown."""
    return np.asarray(rng.uniform(0.3, 1.7, output.shape) * rng.choice([-1.0, 1.0], output.shape))


def _measure(trial: Trial, inputs: Sequence, rng) -> Point:
    checked = [k for k, x in enumerate(inputs) if is_checked(x)]
    total = sum(inputs[k].size for k in checked) or 1
    jacobians = {
        k: jacobian(trial.explore, inputs, k, rng, share=inputs[k].size / total) for k in checked
    }
    return Point(trial.names, tuple(inputs), trial.forward(inputs), jacobians)


def _measure_nearby(trial: Trial, inputs: Sequence, output: np.ndarray, rng) -> Point:
    """Another point; a kink in it is a reason to draw again."""

    def accepts(nearby):
        try:
            y = trial.forward(nearby)
        except Rejected:
            return False
        return y.shape == output.shape and bool(np.isfinite(y).all())

    for _ in range(REDRAWS):
        point = _measure(trial, draw_nearby(inputs, accepts, rng), rng)
        if all(j.smooth.all() for j in point.jacobians.values()):
            break
    return point


def _missing(trial: Trial, calls: Sequence) -> list[Cause]:
    """None where a gradient was due."""
    causes = []
    point, dy, _ = calls[0]
    for k, jac in point.jacobians.items():
        due = jac.gradient(dy)
        absent = any(gradients[k] is None for _, _, gradients in calls)
        if absent and due.any() and k not in trial.optional:
            name = trial.names[k]
            message = f"No gradient came for `{name}` (None), which has one, of shape {due.shape}."
            causes.append(Cause("wrong-count", k, name, message))
    return causes


def _explain(trial: Trial, k: int, samples: dict, listed: dict) -> list[Cause]:
    """Why the gradient of input `k` is wrong, from the samples where it is."""
    mine = samples[k]
    noticed = [c for c in trial.noticed.values() if c.slug == "dtype" and c.input == k]
    if noticed and _is_rounding(mine):
        return []
    spoiled = {id(s.point) for s in mine if s.wrong.any() or s.wrong_shape}
    chosen = tuple(s for s in mine if id(s.point) in spoiled)
    operations = mistakes.recognise(chosen[0].point.inputs, chosen[0].output)
    for operation in operations:
        listed = {**operation.mistakes, **listed}
    evidence = Evidence(trial, k, trial.names[k], chosen, samples, listed, tuple(operations))
    causes = diagnose(evidence)
    vague = {"partial", "part-of-upstream", "unknown"}
    # "Wrong where x < 0" says already why it is right for values that are not.
    says_where = any(c.slug == "partial" and ": where " in c.message for c in causes)
    first_is_right = chosen[0].point is not mine[0].point
    if first_is_right and {c.slug for c in causes} <= vague and not says_where:
        message = (
            "It is right for the values given, and wrong for others drawn near them: it keeps "
            "something from an earlier call, or holds for special values only."
        )
        stale = evidence.cause("stale", message)
        return [*(c for c in causes if c.slug != "unknown"), stale]
    return causes


def _unmeasured(trial: Trial, sample: Sample, rng) -> list[Cause]:
    """A wrong entry among those of a large input that were not drawn."""
    entry = find_wrong_entry(trial.explore, sample, rng)
    if entry is None:
        return []
    name = trial.names[sample.index]
    message = (
        f"It is wrong at {list(entry)} at least, and right at most entries. `{name}` is too large "
        "to measure them all: check a smaller one to learn why."
    )
    return [Cause("unknown", sample.index, name, message)]


def _is_rounding(samples: Sequence[Sample]) -> bool:
    """Whether the answers are the truth but for their lower precision, or cut to integers."""
    return all(
        not s.wrong_shape
        and (
            agree(s.got, s.expected, s.known, COARSE)
            or agree(s.got, np.trunc(s.expected), s.known)
            or agree(s.got, np.rint(s.expected), s.known)
        )
        for s in samples
    )


def _kinks(trial: Trial, k: int, points: Sequence[Point]) -> list[Cause]:
    """Said only where the point drawn straddles a kink as the given one does."""
    smooth = [point.jacobians[k].smooth for point in points]
    if any(s.all() for s in smooth):
        return []
    name, count = trial.names[k], int((~smooth[0]).sum())
    message = (
        f"{count} of {smooth[0].size} entries of `{name}` stand at a kink (as ReLU at 0, or max "
        "with ties), where there is no slope to compare with; they were left out."
    )
    return [Cause("kink", k, name, message)]


def _comparison(trial: Trial, samples: Sequence[Sample]) -> Comparison:
    """The first sample that shows the mistake; the first of all if none does."""
    sample = next((s for s in samples if s.wrong_shape or s.wrong.any()), samples[0])
    expected, got, wrong, known = sample.expected, sample.got, sample.wrong, sample.known
    if sample.wrong_shape:
        if expected.ndim != got.ndim:
            expected, got, wrong, known = (np.zeros(0, bool) for _ in range(4))
        shared = tuple(slice(min(a, b)) for a, b in zip(expected.shape, got.shape, strict=True))
        expected, got, wrong, known = (a[shared] for a in (expected, got, wrong, known))
    due = np.where(known, expected, got)
    return Comparison(sample.index, trial.names[sample.index], due, got, wrong)


def _ordered(causes: list[Cause], noticed: list[Cause]) -> list[Cause]:
    """Most certain first: what explains the numbers, what was seen happening, what is vague."""
    vague = [c for c in causes if c.slug in ("unknown", "shape", "stale", "kink")]
    return [c for c in causes if c not in vague] + noticed + vague


def _listed(known: Mapping | str | tuple) -> dict:
    """Known mistakes as `{name: (backward, message)}`."""
    if isinstance(known, str):
        return mistakes.known_mistakes(known)
    return dict(known)
