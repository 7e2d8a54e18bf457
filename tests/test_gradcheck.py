"""`check_backward`: each cause of the vocabulary, the care it takes of what it runs, the report."""

import numpy as np
import pytest

from minitransformer.gradcheck import GradcheckError, check_backward
from minitransformer.gradcheck.points import draw_nearby

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 5))
W = RNG.normal(size=(7, 5))
B = RNG.normal(size=7)
SQUARE = RNG.normal(size=(5, 5))
STATE = {"mask": None, "sum": 0.0, "x": None}


def linear(x, weight, bias):
    return x @ weight.T + bias


def linear_backward(dy, x, weight, bias):
    return dy @ weight, dy.T @ x, dy.sum(axis=0)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(dy, x):
    y = softmax(x)
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


def layer_norm(x):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)


def relu(x):
    return np.maximum(x, 0)


def remember(x):
    STATE["x"] = x
    return x**2


def first_mask_for_ever(dy, x):
    STATE["mask"] = x > 0 if STATE["mask"] is None else STATE["mask"]
    return dy * STATE["mask"]


def adds_up(dy, x):
    STATE["sum"] = STATE["sum"] + dy * 2 * x
    return STATE["sum"]


def overwrites_input(dy, x):
    x *= 2
    return dy * x


def overwrites_upstream(dy, x):
    dy *= 2 * x
    return dy.copy()


def accumulates_nothing(dy, table, rows):
    grad = np.zeros_like(table)
    grad[rows] = dy
    return grad, None


def infinite(dy, x):
    grad = dy * 2 * x
    grad[0, 2] = np.inf
    return grad


def square(x):
    return x**2


ROWS = np.array([0, 2, 2, 1])
TABLE = RNG.normal(size=(5, 3))


def embed(table, rows):
    return table[rows]


# slug, forward, wrong backward, inputs, what the message must contain
MISTAKES = [
    ("wrong-count", linear, lambda dy, x, w, b: (dy @ w, dy.T @ x), (X, W, B), "2 gradients"),
    ("wrong-count", linear, lambda dy, x, w, b: (dy @ w, None, dy.sum(0)), (X, W, B), "None"),
    ("shape", square, lambda dy, x: (2 * dy * x)[:, :2], (X,), "(3, 5)"),
    ("shape", square, lambda dy, x: (2 * dy * x).ravel(), (X,), "reshape"),
    ("missing-sum", linear, lambda dy, x, w, b: (dy @ w, dy.T @ x, dy), (X, W, B), "axis 0"),
    (
        "transposed",
        linear,
        lambda dy, x, w, b: (dy @ w, x.T @ dy, dy.sum(0)),
        (X, W, B),
        "(5, 7)",
    ),
    ("transposed", lambda x: x.T, lambda dy, x: dy + 0, (SQUARE,), "shape"),
    ("transposed", lambda x: x.T, lambda dy, x: dy.reshape(3, 5), (X,), "reshape"),
    ("swapped", np.multiply, lambda dy, a, b: (dy * a, dy * b), (X, X + 1), "order"),
    ("sign", square, lambda dy, x: -2 * dy * x, (X,), "sign"),
    ("scale", square, lambda dy, x: dy * x, (X,), "half"),
    ("scale", lambda x: x.mean(0), lambda dy, x: np.ones((3, 1)) * dy, (X,), "axis 0 of `x`"),
    ("scale", lambda x: x @ x / 7**0.5, lambda dy, x: 2 * dy * x, (B,), "√7"),
    (
        "scale",
        lambda x: x.var(0, ddof=1).sum(),
        lambda dy, x: dy * 2 * (x - x.mean(0)) / 3,
        (X,),
        "N",
    ),
    ("ignores-upstream", square, lambda dy, x: 2 * x, (X,), "dy = 1"),
    ("ignores-upstream", square, lambda dy, x: 2 * dy * x + 1, (X,), "upstream gradient of zeros"),
    ("zero", softmax, lambda dy, x: np.zeros_like(x), (X,), "zeros"),
    ("missing-term", lambda x: x + np.tanh(x), lambda dy, x: dy / np.cosh(x) ** 2, (X,), "dy"),
    ("missing-term", layer_norm, lambda dy, x: dy / x.std(-1, keepdims=True), (X * 99,), "mean"),
    ("partial", relu, lambda dy, x: dy + 0, (X,), "`x` < 0"),
    ("partial", embed, accumulates_nothing, (TABLE, ROWS), "repeats"),
    ("partial", square, lambda dy, x: 2 * dy * x * (1 - np.eye(5)), (SQUARE,), "diagonal"),
    ("partial", square, lambda dy, x: 2 * dy * x * (np.arange(5) < 4), (X,), "last column"),
    ("stale", square, adds_up, (X,), "called again"),
    ("stale", remember, lambda dy, x: 2 * dy * STATE["x"], (X,), "another forward"),
    ("stale", relu, first_mask_for_ever, (X,), "earlier call"),
    ("mutates-input", square, overwrites_input, (X,), "`x` in place"),
    ("mutates-input", square, overwrites_upstream, (X,), "dy"),
    ("aliases", np.add, lambda dy, a, b: (dy, dy), (X, X), "share memory"),
    ("aliases", np.multiply, lambda dy, a, b: (dy * b, np.multiply(dy, a, out=a)), (X, X), "input"),
    ("raises", square, lambda dy, x: dy @ x.T @ dy.T @ np.ones(9), (X,), "test_gradcheck.py"),
    ("raises", lambda x: undefined, lambda dy, x: dy, (X,), "NameError"),  # noqa: F821
    ("wrong-axis", softmax, lambda dy, x: softmax_backward(dy.T, x.T).T, (X,), "axes 0 and 1"),
    ("wrong-axis", lambda x: x.sum(0), lambda dy, x: dy[:, None] + 0 * x, (SQUARE,), "axis 1"),
    ("wrong-axis", np.cumsum, lambda dy, x: np.cumsum(dy), (B,), "wrong direction"),
    ("forward-product", np.cumsum, lambda dy, x: np.cumsum(dy), (B,), "Jᵀ·dy"),
    (
        "forward-product",
        lambda a, x: a @ x,
        lambda dy, a, x: (dy @ x.T, a @ dy),
        (SQUARE, RNG.normal(size=(5, 3))),
        "transposed",
    ),
    ("diagonal-only", softmax, lambda dy, x: dy * softmax(x) * (1 - softmax(x)), (X,), "sigmoid"),
    ("misplaced", lambda x: x[::-1], lambda dy, x: dy + 0, (B,), "reverse order"),
    ("misplaced", lambda x: np.roll(x, 2), lambda dy, x: np.roll(dy, -1), (B,), "rolled"),
    (
        "part-of-upstream",
        lambda x: x.sum(0),
        lambda dy, x: dy * (np.arange(5) < 4) + 0 * x,
        (X,),
        "last",
    ),
    (
        "part-of-upstream",
        linear,
        lambda dy, x, w, b: (dy @ w, dy.T @ x, dy[0] + 0),
        (X, W, B),
        "every row but 0",
    ),
    ("nondeterministic", square, lambda dy, x: dy * np.random.rand(3, 5), (X,), "random"),  # noqa: NPY002
    ("nondeterministic", lambda x: x * np.random.rand(), lambda dy, x: dy, (X,), "forward"),  # noqa: NPY002
    ("not-finite", square, infinite, (X,), "[0, 2]"),
    ("not-finite", np.log, lambda dy, x: dy / x, (np.zeros(3),), "forward"),
    ("dtype", square, lambda dy, x: (2 * dy * x).astype(np.float32), (X,), "float32"),
    ("dtype", square, lambda dy, x: (2 * dy * x).astype(int), (X * 9,), "int64"),
    (
        "known:softmax-diagonal",
        softmax,
        lambda dy, x: dy * softmax(x) * (1 - softmax(x)),
        (X,),
        "row",
    ),
    (
        "unknown",
        square,
        lambda dy, x: dy @ np.cos(np.arange(25.0).reshape(5, 5) ** 2),
        (X,),
        "wrong",
    ),
]


@pytest.mark.parametrize("slug, forward, backward, inputs, said", MISTAKES)
def test_each_mistake_is_named(slug, forward, backward, inputs, said):
    STATE.update(mask=None, sum=0.0)
    report = check_backward(forward, backward, *inputs)
    assert not report.ok
    matching = [cause for cause in report.causes if cause.slug == slug]
    assert matching, f"{[c.slug for c in report.causes]}\n{report}"
    if slug != "diagonal-only":
        assert said in matching[0].message
    lines = str(report).splitlines()
    assert len(lines) <= 15 and max(map(len, lines)) <= 88


@pytest.mark.parametrize("factor, slug", [(0, "zero"), (7, "scale"), (-1, "sign")])
def test_blind_spots_of_an_upstream_of_ones(factor, slug):
    """Rows of a softmax sum to 1: with dy = 1 the gradient is 0, and all of these would pass."""
    for scale in (0.01, 1, 10):
        report = check_backward(softmax, lambda dy, x: factor * softmax_backward(dy, x), scale * X)
        assert [cause.slug for cause in report.causes] == [slug]
    zeros = check_backward(layer_norm, lambda dy, x: np.zeros_like(x), X)
    assert [cause.slug for cause in zeros.causes] == ["zero"]


def test_several_inputs_each_have_a_cause():
    report = check_backward(
        linear, lambda dy, x, w, b: (-dy @ w, x.T @ dy, dy), X, W, B, names=("x", "W", "b")
    )
    named = {(cause.slug, cause.input, cause.name) for cause in report.causes}
    assert {("sign", 0, "x"), ("transposed", 1, "W"), ("missing-sum", 2, "b")} <= named


def test_two_mistakes_in_one_gradient():
    report = check_backward(linear, lambda dy, x, w, b: (dy @ w, x.T @ dy / 3, dy.sum(0)), X, W, B)
    assert {"transposed", "scale"} <= {cause.slug for cause in report.causes}


def test_a_factor_is_named_at_a_second_shape_when_axes_are_equal():
    """5 = N = D: only another shape tells which of them was forgotten."""
    report = check_backward(
        lambda x: x.mean(axis=1), lambda dy, x: dy[:, None] + np.zeros_like(x), SQUARE
    )
    scale = next(cause for cause in report.causes if cause.slug == "scale")
    assert "axis 1 of `x`" in scale.message and "axis 0" not in scale.message


def test_kinks_are_left_out_and_another_point_is_drawn():
    assert not check_backward(relu, lambda dy, x: dy * (x > 0), np.zeros((3, 5))).causes
    ties = np.array([[1.0, 1.0, 0.0], [2.0, 0.0, 2.0]])
    report = check_backward(
        lambda x: x.max(axis=1), lambda dy, x: dy[:, None] * (x == x.max(1, keepdims=True)), ties
    )
    assert report.ok
    stays = check_backward(lambda x: np.abs(x - x), lambda dy, x: 0 * dy, X)
    assert stays.ok
    always = check_backward(lambda x: np.abs(np.sin(1e9 * x)), lambda dy, x: 0 * dy, X)
    assert always.ok and {cause.slug for cause in always.causes} == {"kink"}


def test_a_lone_view_of_the_upstream_gradient_is_right():
    assert not check_backward(lambda x: x.T, lambda dy, x: dy.T, X).causes
    assert not check_backward(lambda x: x.ravel(), lambda dy, x: dy.reshape(x.shape), X).causes


def test_what_the_learner_is_given():
    seen = []

    def backward(dy, x, rows, scale):
        assert isinstance(dy, np.ndarray) and dy.shape == () and dy.flags.writeable
        seen.append((x.dtype, dy.dtype, rows.copy(), x.shape, x.copy(), dy.copy()))
        dx = np.zeros_like(x)
        dx[rows] = dy * scale
        return dx, None, dy * x[rows].sum()

    rows = np.array([0, 2])
    forward = lambda x, rows, scale: x[rows].sum() * scale  # noqa: E731
    given = np.arange(1.0, 5.0, dtype=np.float32)
    report = check_backward(forward, backward, given, rows, 2.0)
    assert report.ok, str(report)
    assert {(x, dy, shape) for x, dy, _, shape, *_ in seen} == {(np.dtype(float),) * 2 + ((4,),)}
    assert all(np.array_equal(r, rows) for _, _, r, *_ in seen)
    assert any(not np.array_equal(x, given) for *_, x, _ in seen)
    assert any(dy != 1 for *_, dy in seen)
    assert given.dtype == np.float32 and np.array_equal(given, [1, 2, 3, 4])


def test_values_drawn_stay_in_the_domain():
    def picky_log(x):
        assert (x > 0).all()
        return np.log(x)

    def slope_of_arcsin(dy, x):
        assert (np.abs(x) < 1).all()
        return dy / np.sqrt(1 - x * x)

    assert check_backward(picky_log, lambda dy, x: dy / x, np.full((3, 4), 0.01)).ok
    spread = 10.0 ** RNG.uniform(-3, 3, size=(5, 7))
    assert check_backward(picky_log, lambda dy, x: dy / x, spread).ok
    inside = RNG.uniform(-0.99, 0.99, size=(3, 5))
    assert not check_backward(np.arcsin, slope_of_arcsin, inside).causes


def test_drawn_values_keep_what_makes_an_input_special():
    positive = np.array([0.0, 0.0, 1e-3, 2.0, 500.0])
    mask = np.array([0.0, 1.0, 1.0, 0.0])
    rows = softmax(X)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        drawn = draw_nearby([positive, mask, rows, ROWS, X], lambda _: True, rng)
        assert drawn[0].min() > 0 and not np.array_equal(drawn[0], positive)
        assert np.array_equal(drawn[1], mask) and drawn[3] is ROWS
        assert np.allclose(drawn[2].sum(axis=-1), 1) and not np.allclose(drawn[2], rows)
        assert drawn[4].shape == X.shape and drawn[4].min() < 0 < drawn[4].max()
    (given,) = draw_nearby([X], lambda _: False, np.random.default_rng(0))
    assert np.array_equal(given, X)


def test_ones_and_zeros_hide_nothing():
    """With γ = 1 a forgotten γ shows only at other values."""
    forward = lambda x, gamma: x * gamma  # noqa: E731
    report = check_backward(forward, lambda dy, x, gamma: (dy + 0, (dy * x).sum(0)), X, np.ones(5))
    assert not report.ok and report.causes[0].name == "x"


def test_the_same_seed_says_the_same():
    wrong = lambda dy, x: dy * np.cos(x) * 2  # noqa: E731
    one, two = (check_backward(square, wrong, X, seed=5) for _ in range(2))
    assert str(one) == str(two)
    assert str(one) != str(check_backward(square, wrong, X, seed=6))


def test_a_cause_is_claimed_only_if_it_reproduces_the_truth():
    nearly = check_backward(square, lambda dy, x: -2 * dy * x * (1 + 1e-4 * np.sin(9 * x)), X)
    assert [cause.slug for cause in nearly.causes] == ["unknown"]


def test_raises_only_when_asked():
    with pytest.raises(GradcheckError, match="half") as caught:
        check_backward(square, lambda dy, x: dy * x, X, raises=True)
    assert caught.value.report.causes[0].slug == "scale"
    assert check_backward(square, lambda dy, x: 2 * dy * x, X, raises=True)


def test_empty_and_tiny_inputs():
    assert check_backward(linear, linear_backward, np.zeros((0, 5)), W, B).ok
    assert check_backward(square, lambda dy, x: 2 * dy * x, 3.0).ok
    assert not check_backward(square, lambda dy, x: dy * x, 3.0).ok
    shape = check_backward(square, lambda dy, x: np.zeros((3, 1)), np.zeros((0, 3)))
    assert [cause.slug for cause in shape.causes] == ["shape"]
    lost = check_backward(
        lambda x: np.sin(3 * x) * x, lambda dy, x: dy * np.cos(x), np.float64(0.7)
    )
    assert [cause.slug for cause in lost.causes] == ["unknown"]


def test_masked_scores_of_minus_infinity_are_left_alone():
    mask = np.where(np.tril(np.ones((5, 5))) > 0, 0.1, -np.inf)
    forward = lambda x, mask: softmax(x + mask)  # noqa: E731

    def backward(dy, x, mask):
        ds = softmax_backward(dy, x + mask)
        return ds, ds.copy()

    assert check_backward(forward, backward, SQUARE, mask).ok


def test_a_large_input_is_sampled_and_a_single_wrong_entry_found():
    x = RNG.normal(size=(100, 200))
    forward = lambda x: np.tanh(x).sum(1)  # noqa: E731
    right = lambda dy, x: dy[:, None] / np.cosh(x) ** 2  # noqa: E731

    def one_off(dy, x):
        dx = right(dy, x)
        dx[41, 17] *= 1.5
        return dx

    assert check_backward(forward, right, x).ok
    report = check_backward(forward, lambda dy, x: -right(dy, x), x)
    assert [cause.slug for cause in report.causes] == ["sign"]
    report = check_backward(forward, one_off, x)
    assert not report.ok and "[41, 17]" in report.causes[0].message


ODD_ANSWERS = {
    "nothing": lambda dy, x: None,
    "words": lambda dy, x: "dx",
    "ragged": lambda dy, x: ([[1, 2], [3]],),
    "objects": lambda dy, x: np.array([object()] * 3),
    "complex": lambda dy, x: 2 * dy * x * 1j,
    "number": lambda dy, x: 0,
    "many axes": lambda dy, x: np.ones((3, 5, 4, 7)),
    "empty": lambda dy, x: np.zeros(0),
    "nan": lambda dy, x: dy * np.nan,
    "one value": lambda dy, x: np.broadcast_to(dy.sum(), x.shape),
    "exit": lambda dy, x: exit(),
    "long words": lambda dy, x: [][int("9" * 300)],
    "resized": lambda dy, x: x.resize((5, 3), refcheck=False) or dy,
}


@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_nothing_the_learner_returns_breaks_it(answer):
    report = check_backward(square, answer, X)
    lines = str(report).splitlines()
    assert not report.ok and len(lines) <= 15 and max(map(len, lines)) <= 88
