"""Mistakes in how the upstream gradient enters: ignored, or only part of it used."""

import numpy as np

from ..evidence import Evidence, Sample, agree
from ..report import Cause
from ..where import Mark, describe

MAX_PROBES = 600


def ignores_upstream(evidence: Evidence) -> Cause | None:
    """It is the gradient for an upstream of ones, or does not vanish with the upstream."""
    ones = evidence.computed_by(lambda s: s.truth_for(np.ones_like(s.dy)))
    if ones:
        message = (
            "It ignores the upstream gradient: it is right for dy = 1 only. Multiply by dy (the "
            "chain rule): your op is rarely the last one."
        )
        return evidence.cause("ignores-upstream", message)
    if evidence.factors is not None or not evidence.shape_is_right:
        return None
    same = True
    for sample in evidence.samples:
        constant = evidence.call(sample, np.zeros_like(sample.dy))
        if constant is None or not np.isfinite(constant).all() or not constant.any():
            return None
        same = same and agree(constant, evidence.got(sample))
    if same:
        message = "It ignores the upstream gradient: it is the same whatever dy is. Multiply by dy."
    else:
        message = (
            "With an upstream gradient of zeros it should be zero, and is not: something is added "
            "that was not multiplied by dy."
        )
    return evidence.cause("ignores-upstream", message)


def takes_part_of_upstream(evidence: Evidence, rest_is_right: bool = True) -> Cause | None:
    """Some positions of dy have no effect; the answer is right for the others, if so demanded."""
    if not evidence.shape_is_right or evidence.first.dy.size < 2:
        return None
    marks = []
    for sample in evidence.samples[-2:]:
        idle = _idle_positions(evidence, sample, rest_is_right)
        if idle is None or not idle.any() or idle.all():
            return None
        due = np.abs(sample.jacobian.slopes[:, sample.jacobian.smooth]).max(axis=1, initial=0)
        cared = (due > 1e-9 * due.max(initial=0)).reshape(idle.shape)
        inputs = dict(zip(evidence.trial.names, sample.point.inputs, strict=True))
        marks.append(Mark(idle, cared, {**inputs, "output": sample.output}))
    where = describe(marks)
    if where is None:
        count = int(marks[0].marked.sum())
        where = f"{count} of its {marks[0].marked.size} positions"
    message = (
        f"Part of the upstream gradient has no effect on it: {where} of dy. Sum over every output "
        "that this input reaches."
    )
    if not rest_is_right:
        message += " For the rest of dy it is not right either."
    return evidence.cause("part-of-upstream", message)


def misses_part_of_upstream(evidence: Evidence) -> Cause | None:
    """Some positions of dy have no effect, and more is wrong."""
    return takes_part_of_upstream(evidence, rest_is_right=False)


def reads_upstream_out_of_order(evidence: Evidence) -> Cause | None:
    """Right for dy in another order: each entry of dy is sent to the inputs of another."""
    sample = evidence.samples[-1]
    answered = probed(evidence, sample)
    if answered is None or not evidence.complete or len(answered) < 3:
        return None
    came, due = (
        rows[np.lexsort(np.round(rows.T, 6))] for rows in (answered, sample.jacobian.slopes)
    )
    if not due.any() or not agree(came, due, rtol=1e-6):
        return None
    message = (
        "It is right for dy in another order: what belongs to one output is sent to the inputs of "
        "another. Check how dy is reshaped or cut (repeat or tile, rows or columns first)."
    )
    return evidence.cause("misplaced", message)


def _in_order(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort(np.round(rows.T, 6))]


def _idle_positions(evidence: Evidence, sample: Sample, rest_is_right: bool) -> np.ndarray | None:
    """Positions of dy without effect; None if the others should be right and are not."""
    answered = probed(evidence, sample)
    if answered is None:
        return None
    due = np.zeros_like(answered)
    due[:, sample.jacobian.columns] = sample.jacobian.slopes * sample.jacobian.smooth
    known = sample.known.ravel()
    idle = np.zeros(len(due), bool)
    for position, (came, truth) in enumerate(zip(answered, due, strict=True)):
        if not came.any() and truth.any():
            idle[position] = True
        elif rest_is_right and truth.any() and not agree(came, truth, known):
            return None
    return idle.reshape(sample.dy.shape)


def probed(evidence: Evidence, sample: Sample) -> np.ndarray | None:
    """The learner's Jacobian, one row for each position of dy; None if it is not linear in dy."""
    if sample.dy.size > MAX_PROBES or not evidence.shape_is_right:
        return None
    rows = []
    for position in range(sample.dy.size):
        probe = np.zeros(sample.dy.size)
        probe[position] = 1.0
        gradient = evidence.call(sample, probe.reshape(sample.dy.shape))
        if gradient is None or gradient.shape != sample.expected.shape:
            return None
        rows.append(gradient.ravel())
    answered = np.stack(rows)
    total = (sample.dy.ravel() @ answered).reshape(sample.expected.shape)
    return answered if agree(total, evidence.got(sample), sample.known) else None
