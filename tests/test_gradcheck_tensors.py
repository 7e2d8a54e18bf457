"""`gradcheck`: the door for functions of Tensors."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import functional as F
from minitransformer.gradcheck import GradcheckError, gradcheck

RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 5))


class Tanh(mt.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save(np.tanh(x))
        return ctx.saved[0]

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved
        return (dy * (1 - y),)


class Product(mt.Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save(x, weight)
        return x @ weight

    @staticmethod
    def backward(ctx, dy):
        x, weight = ctx.saved
        return dy @ weight.T, dy.T @ x


RIGHT = {
    "softmax": (F.softmax, X),
    "linear": (F.linear, X, RNG.normal(size=(7, 5)), RNG.normal(size=7)),
    "attention": (F.scaled_dot_product_attention, *RNG.normal(size=(3, 2, 3, 5))),
    "cross_entropy": (lambda x, t: F.cross_entropy(x, t), X, np.array([1, 4, 0])),
    "embedding": (lambda i, w: F.embedding(i, w), np.array([1, 1, 0]), X),
    "diamond": (lambda x: (x * F.tanh(x) + x).sum(axis=0), X),
    "float32": (F.gelu, X.astype(np.float32)),
    "relu at its kink": (F.relu, np.zeros((2, 3))),
    "unused input": (lambda x, y: x * 1.0 + y * 0.0, X, X),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name):
    fn, *inputs = RIGHT[name]
    report = gradcheck(fn, *inputs)
    assert report.ok and not report.causes


def test_a_wrong_op_raises_and_the_error_carries_the_report():
    with pytest.raises(GradcheckError) as caught:
        gradcheck(Tanh.apply, X)
    report = caught.value.report
    assert not report.ok and str(report) == str(caught.value)
    assert report.subject == "backward of Tanh" and report.causes[0].name == "x"
    assert report.causes[0].slug == "known:tanh-not-squared"


def test_a_gradient_the_engine_refuses_is_explained_all_the_same():
    """The walk would only say that a shape is wrong."""
    report = gradcheck(
        lambda x, weight: Product.apply(x, weight), X, RNG.normal(size=(5, 7)), raises=False
    )
    assert [(cause.slug, cause.name) for cause in report.causes] == [("transposed", "weight")]


def test_inside_a_larger_function_the_engine_error_is_reported():
    report = gradcheck(
        lambda x, w: (Product.apply(x, w) * 2.0).sum(), X, RNG.normal(size=(5, 7)), raises=False
    )
    assert [cause.slug for cause in report.causes] == ["raises"]
    assert "Product" in report.causes[0].message


def test_only_tensors_that_require_a_gradient_are_checked_if_any_does():
    a, b = mt.tensor(X, requires_grad=True), mt.tensor(X)
    assert gradcheck(lambda a, b: a * b.detach(), a, b).ok
    report = gradcheck(lambda a, b: a * b.detach(), X, X, raises=False)
    assert [(cause.slug, cause.name) for cause in report.causes] == [("wrong-count", "b")]
    assert a.grad is None and b.grad is None


def test_randomness_is_named():
    report = gradcheck(lambda x: F.dropout(x, 0.5), X, raises=False)
    assert [cause.slug for cause in report.causes] == ["nondeterministic"]


def test_what_is_not_a_tensor_is_reported():
    report = gradcheck(lambda x: x.detach().numpy(), X, raises=False)
    assert [cause.slug for cause in report.causes] == ["raises"]
    assert "should return a Tensor" in report.causes[0].message


def test_integers_are_passed_on_as_they_are():
    seen = []

    def pick(x, rows):
        seen.append(rows)
        return x[rows]

    rows = np.array([2, 0, 2])
    assert gradcheck(pick, X, rows).ok
    assert all(np.array_equal(r, rows) and r.dtype == rows.dtype for r in seen)


def test_numbers_are_options_unless_there_is_nothing_else():
    assert gradcheck(F.leaky_relu, X, 0.2).ok
    assert gradcheck(lambda x: x * x, 3.0).ok
    assert not gradcheck(lambda x: x * x.detach(), 3.0, raises=False).ok
    with pytest.raises(TypeError, match="floating-point input to check, got int64"):
        gradcheck(lambda x: x, np.arange(3))
