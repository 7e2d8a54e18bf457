"""The bank of known mistakes: each is rejected and named, and no right backward pass is."""

import numpy as np
import pytest

from minitransformer.gradcheck import check_backward, known_mistakes
from minitransformer.gradcheck.mistakes import OPERATIONS

ENTRIES = [(op, name) for op in OPERATIONS.values() for name in op.mistakes]
IDS = [name for _, name in ENTRIES]
ZEROS = {"softmax-zeros", "layer-norm-zeros"}  # said by the plainer `zero`


def example(operation, seed=0):
    return operation.example(np.random.default_rng(seed))


@pytest.mark.parametrize("operation, name", ENTRIES, ids=IDS)
def test_each_known_mistake_is_rejected_and_named(operation, name):
    backward, message = operation.mistakes[name]
    report = check_backward(operation.forward, backward, *example(operation))
    assert not report.ok
    found = {cause.slug: cause.message for cause in report.causes}
    assert "unknown" not in found, str(report)
    assert f"known:{name}" in found or name in ZEROS, str(report)
    assert name in ZEROS or found[f"known:{name}"] == message
    lines = str(report).splitlines()
    assert len(lines) <= 15 and max(map(len, lines)) <= 88


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("seed", range(3))
def test_the_right_backward_passes(operation, seed):
    for draw in (operation.example, operation.distinct):
        inputs = draw(np.random.default_rng(seed))
        report = check_backward(operation.forward, operation.backward, *inputs, seed=seed)
        assert report.ok and not report.causes, str(report)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_op_has_four_to_ten_mistakes_each_explained(operation):
    assert 4 <= len(operation.mistakes) <= 10
    for backward, message in operation.mistakes.values():
        dy = np.ones(operation.forward(*example(operation)).shape)
        assert backward(dy, *example(operation)) is not None
        assert message.endswith(".") and 30 <= len(message) <= 160


def test_the_distinct_examples_have_distinct_axes():
    """Else a factor could not name its axis: only ops that need equal lengths repeat one."""
    for name in ("linear", "matmul", "mean", "layer_norm", "attention", "softmax"):
        inputs = OPERATIONS[name].distinct(np.random.default_rng(0))
        shapes = [x.shape for x in inputs]
        assert all(len(set(shape)) == len(shape) for shape in shapes), name


def test_known_mistakes_by_the_name_of_an_op():
    listed = known_mistakes("softmax")
    assert "softmax-diagonal" in listed
    softmax = OPERATIONS["softmax"]
    wrong, message = listed["softmax-diagonal"]
    report = check_backward(softmax.forward, wrong, *example(softmax), known_mistakes="softmax")
    assert report.causes[0].slug == "known:softmax-diagonal"
    assert report.causes[0].message == message
    with pytest.raises(KeyError, match="no op 'sofmax'"):
        known_mistakes("sofmax")


def test_an_exercise_can_list_its_own_mistakes():
    x = np.random.default_rng(0).normal(size=(3, 5))
    cube = lambda x: x**3 + x  # noqa: E731
    wrong = lambda dy, x: dy * (2 * x**2 + np.sin(x))  # noqa: E731
    listed = {"cube-two": (lambda dy, x: dy * (2 * x**2 + np.sin(x)), "The 3 comes down.")}
    report = check_backward(cube, wrong, x, known_mistakes=listed)
    assert [(c.slug, c.message) for c in report.causes] == [("known:cube-two", "The 3 comes down.")]
    crashing = {"crash": (lambda dy, x: 1 / 0, "never")}
    assert not check_backward(cube, wrong, x, known_mistakes=crashing).ok


def test_the_mistake_that_explains_every_input_is_meant():
    """dq of "unmasked" and of "mask transposed" differ, but dv alone could be several's."""
    operation = OPERATIONS["causal_attention"]
    wrong, _ = operation.mistakes["causal-attention-values-unmasked"]
    report = check_backward(operation.forward, wrong, *example(operation))
    assert {c.slug for c in report.causes} >= {"known:causal-attention-values-unmasked"}
