"""The engine: what the walk promises, whatever the ops are."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import functional as F
from minitransformer.function import Function
from minitransformer.graph import unbroadcast
from minitransformer.tensor import Tensor


def leaf(*values: float) -> Tensor:
    return mt.tensor(list(values), requires_grad=True)


class Broken(Function):
    """Doubles; its backward pass returns whatever it is told to."""

    @staticmethod
    def forward(ctx, x, y=None, answer=None):
        ctx.save(answer)
        return x * 2

    @staticmethod
    def backward(ctx, dy):
        (answer,) = ctx.saved
        return answer(dy)


# The walk


def test_both_branches_of_a_diamond_count():
    x = leaf(3.0)
    y = x * x
    (y * y + y).sum().backward()
    assert x.grad == 4 * 3**3 + 2 * 3


def test_a_tensor_used_many_times_gets_the_sum():
    x = leaf(1.0, 2.0)
    (x + x + x * x + x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]


def test_a_tied_weight_gets_both_gradients():
    weight = mt.randn(5, 3, requires_grad=True)
    ids = np.array([0, 2, 2])
    F.linear(F.embedding(ids, weight), weight).sum().backward()
    once, twice = (mt.tensor(weight.detach(), requires_grad=True) for _ in range(2))
    F.linear(F.embedding(ids, once), twice).sum().backward()
    assert np.allclose(weight.grad, once.grad + twice.grad)


def test_a_chain_of_twenty_thousand_nodes():
    x = leaf(0.0)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    y.backward()
    assert y.item() == 20_000 and x.grad == 1
    del y


def test_a_long_chain_that_is_never_walked_can_be_dropped():
    y = leaf(0.0)
    for _ in range(20_000):
        y = y + 1.0
    del y
    gc.collect()


def test_two_walks_add_up():
    x = leaf(2.0)
    for _ in range(2):
        (x * x).backward()
    assert x.grad == 8


def test_accumulating_leaves_the_old_gradient_alone():
    x = mt.tensor(2.0, requires_grad=True)
    (x * x).backward()
    first = x.grad
    (x * x).backward()
    assert first == 4 and x.grad == 8
    assert type(x.grad) is np.ndarray and x.grad.shape == ()


def test_a_graph_can_be_walked_again_only_if_it_was_kept():
    x = leaf(2.0)
    y = x.exp()
    y.backward(retain_graph=True)
    y.backward()
    assert np.allclose(x.grad, 2 * np.exp(2))
    with pytest.raises(RuntimeError, match=r"backward of exp: .* freed .* retain_graph=True"):
        y.backward()


def test_a_branch_shared_with_a_freed_graph_is_refused():
    h = leaf(2.0).exp()
    (h * 2).backward()
    with pytest.raises(RuntimeError, match="freed"):
        (h * 3).backward()


def test_the_walk_frees_what_it_passes():
    x = mt.randn(10, requires_grad=True)
    h = x.exp()
    saved = weakref.ref(h.data)
    y = (h * h).sum()
    del h
    assert saved() is not None
    y.backward()
    gc.collect()
    assert saved() is None


def test_upstream_gradients_are_weights():
    x = leaf(1.0, 2.0)
    (x * x).backward([10.0, 1.0])
    assert x.grad.tolist() == [20.0, 4.0]
    x.backward(mt.ones(2))
    assert x.grad.tolist() == [21.0, 5.0]


def test_a_gradient_is_nobody_elses():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    upstream = np.ones(2, np.float32)
    (a + b).backward(upstream)
    a.grad += 1
    assert b.grad.tolist() == [1, 1] and upstream.tolist() == [1, 1]
    c = leaf(1.0)
    c.backward(upstream[:1])
    c.grad += 5
    assert upstream.tolist() == [1, 1]


def test_saved_arrays_do_not_become_gradients():
    class GivesItsWeightBack(Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save(w.T)
            return x * w

        @staticmethod
        def backward(ctx, dy):
            return ctx.saved[0].base, None

    x, w = leaf(1.0, 2.0), mt.tensor([5.0, 6.0])
    GivesItsWeightBack.apply(x, w).backward(np.ones(2))
    assert x.grad.tolist() == [5, 6] and not np.may_share_memory(x.grad, w.data)


def test_two_views_of_one_gradient_stay_apart():
    class SameTwice(Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b.T

        @staticmethod
        def backward(ctx, dy):
            g = dy * 1
            return g.T, g

    a, b = mt.zeros(2, 2, requires_grad=True), mt.zeros(2, 2, requires_grad=True)
    dy = np.array([[1.0, 2], [3, 4]], np.float32)
    doubled = a * 1  # its node waits with a view of g, while b adds to g itself
    (SameTwice.apply(doubled, b) + b + b).backward(dy)
    assert np.array_equal(a.grad, dy.T)
    assert np.array_equal(b.grad, 3 * dy)


def test_one_gradient_for_two_inputs_becomes_two():
    class Sum(Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, dy):
            g = dy * 1
            return g, g

    a, b = leaf(1.0), leaf(2.0)
    Sum.apply(a, b).backward()
    assert a.grad == b.grad == 1 and not np.may_share_memory(a.grad, b.grad)


def test_retain_grad_keeps_the_gradient_of_an_inner_tensor():
    x = leaf(3.0)
    y = x * x
    y.retain_grad()
    (y * 2 + y * 3).backward()
    assert y.grad == 5 and x.grad == 30
    y.grad += 1
    assert x.grad == 30


def test_detached_tensors_and_numbers_get_no_gradient():
    x = leaf(2.0)
    y = x.detach() * x
    y.backward()
    assert x.grad == 2
    assert not x.detach().requires_grad and x.detach().is_leaf


# What a backward pass may return


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda dy: (dy[:1], None), r"gradient of `x` should be \(3,\) float32, got \(1,\)"),
        (lambda dy: (dy.sum(), None), r"should be \(3,\) float32, got \(\)"),
        (lambda dy: (dy.astype(float), None), r"got \(3,\) float64"),
        (lambda dy: (None, dy), r"gradient of `x` .* got NoneType"),
        (lambda dy: (2.0, None), r"gradient of `x` .* got float"),
        (lambda dy: (dy,), "expected a tuple of 2 gradients, got 1 gradients"),
        (lambda dy: dy, "expected a tuple of 2 gradients, got ndarray"),
    ],
)
def test_wrong_gradients_are_named_and_nothing_is_written(answer, words):
    x, other = mt.ones(3, requires_grad=True), mt.ones(3, requires_grad=True)
    y = Broken.apply(x, mt.ones(3), answer=answer)
    inner = other * 1  # younger than y, so the walk has passed it when y fails
    inner.retain_grad()
    with pytest.raises(RuntimeError, match=f"backward of Broken: .*{words}"):
        (y + inner).sum().backward()
    assert x.grad is None and other.grad is None and inner.grad is None


def test_only_broadcasting_ops_have_their_gradients_summed():
    class Shift(Function, broadcasts=True):
        @staticmethod
        def forward(ctx, x, bias):
            return x + bias

        @staticmethod
        def backward(ctx, dy):
            return dy, dy

    class Unsummed(Shift):
        """The same backward pass, for an op that does not broadcast."""

    x, bias = mt.ones(4, 3, requires_grad=True), mt.ones(3, requires_grad=True)
    Shift.apply(x, bias).sum().backward()
    assert bias.grad.tolist() == [4, 4, 4]
    with pytest.raises(RuntimeError, match=r"`bias` should be \(3,\) float32, got \(4, 3\)"):
        Unsummed.apply(x, bias).sum().backward()


@pytest.mark.parametrize(
    ("shape", "full"),
    [
        ((), (2, 3)),
        ((3,), (2, 3)),
        ((1, 3), (2, 3)),
        ((2, 1), (2, 3)),
        ((1,), (0,)),
        ((3,), (0, 3)),
    ],
)
def test_unbroadcast_undoes_a_broadcast(shape, full, rng):
    # The adjoint of a linear map: <spread x, g> = <x, unbroadcast g>, for every x and g.
    g, x = rng.standard_normal(full), rng.standard_normal(shape)
    back = unbroadcast(g, shape)
    assert back.shape == shape
    assert np.isclose((np.broadcast_to(x, full) * g).sum(), (x * back).sum())


def test_a_forward_pass_must_return_an_array():
    class Nothing(Function):
        @staticmethod
        def forward(ctx, x):
            return None

    with pytest.raises(TypeError, match=r"Nothing: .* return an array, got NoneType"):
        Nothing.apply(leaf(1.0))


def test_an_op_need_not_be_registered():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save(x)
            return x * x

        @staticmethod
        def backward(ctx, dy):
            return (2 * ctx.saved[0] * dy,)

    assert "Square" not in mt.function.OPS
    assert mt.gradcheck(Square.apply, mt.randn(2, 3, dtype=np.float64)).ok


# Settings of a thread


def test_no_grad_leaves_no_graph():
    x = leaf(1.0)

    @mt.no_grad()
    def double(x: Tensor) -> Tensor:
        return x * 2

    with mt.no_grad():
        assert not (x * 2).requires_grad
    assert not double(x).requires_grad
    assert not double(x).requires_grad
    assert (x * 2).requires_grad


def test_settings_end_with_their_block_even_when_it_fails():
    with pytest.raises(KeyError), mt.no_grad(), mt.use_kernels("reference"):
        raise KeyError
    assert (leaf(1.0) * 2).requires_grad
    assert mt.graph.settings.kernels == "auto"


def test_settings_hold_for_one_thread():
    seen = []

    def look() -> None:
        seen.append((mt.graph.settings.grad, mt.graph.settings.kernels))

    with mt.no_grad(), mt.use_kernels("reference"):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [(True, "auto")]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: (x * 1).log(), "forward pass of log made the first infinity"),
        (
            lambda x: mt.tensor([-np.inf] * 2).softmax(),
            "forward pass of softmax made the first NaN",
        ),
        (lambda x: x.sqrt().sum().backward(), r"backward pass of sqrt made .* gradient of `x`"),
    ],
)
def test_the_op_that_makes_an_anomaly_is_named(call, words):
    quiet = np.errstate(divide="ignore", invalid="ignore")
    refused = pytest.raises(FloatingPointError, match=words)
    with quiet, mt.detect_anomaly(), mt.use_kernels("reference"), refused:
        call(leaf(0.0, 1.0))


def test_an_infinity_that_was_given_is_no_anomaly():
    with mt.detect_anomaly():
        x = leaf(0.0, 1.0)
        x.masked_fill([True, False], -np.inf).softmax().sum().backward()


# Text


def test_graphs_are_drawn():
    x = mt.ones(2, 3, requires_grad=True)
    y = (x * x).sum()
    assert mt.graph.to_mermaid(y).splitlines() == [
        "graph TD",
        '  n0["sum: scalar"]',
        '  n1["mul: 2 × 3"]',
        '  n2["tensor: 2 × 3"]',
        *("  n1 --> n0", "  n2 --> n1", "  n2 --> n1"),
    ]
    dot = mt.graph.to_dot(y)
    assert dot.startswith("digraph {") and dot.endswith("}")
    assert '  n1 [label="mul: 2 × 3", shape=box];' in dot and "  n2 -> n1;" in dot
    y.backward()
    with pytest.raises(RuntimeError, match=r"drawing: .* freed .* before backward"):
        mt.graph.to_mermaid(y)


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (mt.tensor([1.0, 2.0]), "tensor([1., 2.])"),
        (mt.tensor([1, 2]), "tensor([1, 2])"),
        (mt.tensor(3.0, requires_grad=True), "tensor(3., requires_grad=True)"),
        (mt.tensor([1.0], dtype=np.float64), "tensor([1.], dtype=float64)"),
        (mt.tensor([1.0], requires_grad=True) * 2, "tensor([2.], op=mul)"),
    ],
)
def test_repr(tensor, text):
    assert repr(tensor) == text
