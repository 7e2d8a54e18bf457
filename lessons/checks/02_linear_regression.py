"""What the exercises of lesson 02 are held against, the mistakes they know, and their hints."""

from functools import wraps

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lessons.course.exercise import Function, Gradient


class Refusal(str):
    """What stands for an answer where there is none; shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


REFUSED = Refusal("a ValueError, as the shapes differ")
numbers = st.floats(-10, 10)


def array_of(*shape):
    return arrays(float, shape, elements=numbers)


def refusing(written):
    """What it returns, or that it refuses: so that both can be held against the right answer."""

    @wraps(written)
    def called(*inputs):
        try:
            return written(*inputs)
        except ValueError:
            return REFUSED
        except AssertionError:
            return Refusal("an AssertionError")

    return called


def right_error(prediction, target):
    if prediction.shape != target.shape:
        return REFUSED
    gaps = np.ravel(prediction - target)
    return gaps @ gaps / gaps.size


def some_pair(rng):
    """Of one shape, or not: by the toss of a coin."""
    column = rng.random() < 0.5
    return (rng.normal(size=(7, 1)) if column else rng.normal(size=7)), rng.normal(size=7)


mean_squared_error = Function(
    name="mean_squared_error",
    right=right_error,
    use=refusing,
    example=some_pair,
    cases=st.one_of(
        st.integers(1, 5).flatmap(lambda n: st.tuples(array_of(n), array_of(n))),
        st.integers(2, 5).flatmap(lambda n: st.tuples(array_of(n, 1), array_of(n))),
        st.tuples(array_of(2, 3), array_of(2, 3)),
        st.tuples(array_of(2, 3), array_of(3)),
    ),
    hints=(
        "Compare the two shapes first, and `raise ValueError(...)` with both of them in the words.",
        "Subtract, square each difference, and take the mean of all of them.",
        "Of [2.9, 1.9, 0.8] and [3, 2, 1] the squares are 0.01, 0.01 and 0.04. There are three.",
    ),
)


@mean_squared_error.mistake(
    "Shapes that differ go through: (N, 1) against (N,) is stretched to (N, N), each prediction "
    "against every target, and a model trained on that learns only the mean. Raise ValueError."
)
def stretched(prediction, target):
    return np.mean((target - prediction) ** 2)


@mean_squared_error.mistake("This is the sum of the squares: divide by how many there are.")
def summed(prediction, target):
    return np.sum((same_shape(prediction, target)) ** 2)


@mean_squared_error.mistake("½ stands in some books; the mean squared error has none.")
def halved(prediction, target):
    return np.mean(same_shape(prediction, target) ** 2) / 2


@mean_squared_error.mistake(
    "The mean is squared. Errors of both signs cancel in it; square each first, then the mean."
)
def mean_first(prediction, target):
    return np.mean(same_shape(prediction, target)) ** 2


@mean_squared_error.mistake("These are the absolute errors: square them, so that large ones count.")
def absolute(prediction, target):
    return np.mean(np.abs(same_shape(prediction, target)))


@mean_squared_error.mistake("This is the root of the mean squared error: leave the root out.")
def rooted(prediction, target):
    return np.sqrt(np.mean(same_shape(prediction, target) ** 2))


@mean_squared_error.mistake(
    "This is the length of the difference, √Σ(…)². No root is due, and a mean in place of the sum."
)
def length(prediction, target):
    return np.linalg.norm(same_shape(prediction, target))


@mean_squared_error.mistake(
    "The squares are not reduced: a loss is one number, the mean of them all."
)
def one_each(prediction, target):
    return same_shape(prediction, target) ** 2


def same_shape(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError
    return target - prediction


@mean_squared_error.swap
def choose_a_slope(mean_squared_error):
    x = np.linspace(0, 2, 11)
    slopes = np.linspace(-5, 5, 101)
    best = min(slopes, key=lambda w: mean_squared_error(w * x, 3 * x))
    assert abs(best - 3) < 0.01, f"Of all slopes it likes {best:.1f} best for points of 3x."
    return f"Of 101 slopes it finds {best:.1f} for points of 3x."


def regression_loss(w, b, x, y):
    return right_error(x @ w + b, y)


def regression_case(n, d):
    return st.tuples(array_of(d), numbers, array_of(n, d), array_of(n))


regression_backward = Gradient(
    name="regression_backward",
    forward=regression_loss,
    data=2,
    example=lambda rng: (
        *(rng.normal(size=5), rng.normal()),
        *(rng.normal(size=(7, 5)), rng.normal(size=7)),
    ),
    cases=st.integers(1, 5).flatmap(
        lambda n: st.integers(1, 4).flatmap(lambda d: regression_case(n, d))
    ),
    hints=(
        "One sample first: ∂L/∂ŷ is −2(y − ŷ), and with the mean −2(y − ŷ)/N. Mind the sign.",
        "ŷ grows by x_j for each unit of w_j, and by 1 for each unit of b.",
        "w_j is in all N predictions: its gradient sums over the rows. Which product does that?",
        "With s = −2 dy (y − ŷ)/N, shape (N,): ∂L/∂w = xᵀ s, and ∂L/∂b is the sum of s.",
    ),
)


def slopes_of(dy, w, b, x, y):
    """∂L/∂ŷ, (N,)."""
    return -2 * dy * (y - (x @ w + b)) / len(y)


@regression_backward.mistake(
    "The minus is missing: ŷ stands behind a minus in (y − ŷ)², so ∂L/∂w = −2(y − ŷ)x. With this "
    "sign every step climbs, and the loss grows without end."
)
def without_minus(dy, w, b, x, y):
    s = slopes_of(dy, w, b, x, y)
    return -x.T @ s, -s.sum()


@regression_backward.mistake(
    "The 2 of the square is missing. It would be right for ½(y − ŷ)², which some books write."
)
def without_two(dy, w, b, x, y):
    s = slopes_of(dy, w, b, x, y) / 2
    return x.T @ s, s.sum()


@regression_backward.mistake(
    "The mean is missing: the loss is divided by the number of rows N, and so are its gradients."
)
def without_mean(dy, w, b, x, y):
    s = slopes_of(dy, w, b, x, y) * len(y)
    return x.T @ s, s.sum()


@regression_backward.mistake(
    "Divided by the number of inputs D; the mean of the loss is over the N rows."
)
def mean_over_inputs(dy, w, b, x, y):
    s = slopes_of(dy, w, b, x, y) * len(y) / len(w)
    return x.T @ s, s.sum()


@regression_backward.mistake(
    "∂L/∂w is averaged twice: the mean over the rows is in the slopes already, so xᵀ s is a sum."
)
def averaged_twice(dy, w, b, x, y):
    s = slopes_of(dy, w, b, x, y)
    return x.T @ s / len(y), s.mean()


@regression_backward.mistake("The upstream gradient dy is missing: multiply both gradients by it.")
def without_upstream(dy, w, b, x, y):
    s = slopes_of(1.0, w, b, x, y)
    return x.T @ s, s.sum()


@regression_backward.mistake(
    "x is missing in ∂L/∂w: w_j is multiplied by x_j in the forward pass, so its slope is too."
)
def without_x(dy, w, b, x, y):
    s = slopes_of(dy, w, b, x, y)
    return np.full_like(w, s.sum()), s.sum()


@regression_backward.mistake(
    "∂L/∂w is one number: the inputs of a row were added up. Each w_j has an input of its own, x_j."
)
def inputs_added(dy, w, b, x, y):
    s = slopes_of(dy, w, b, x, y)
    return (x.sum(axis=1) * s).sum(), s.sum()


@regression_backward.mistake(
    "The sum runs along each row. w_j is in all predictions: its gradient sums over the rows, axis "
    "0, and has an entry for each input."
)
def summed_along_rows(dy, w, b, x, y):
    s = slopes_of(dy, w, b, x, y)
    return (s[:, None] * x).mean(axis=1) * len(y), s.sum()


@regression_backward.mistake(
    "The error lost its sign: where ŷ is too large, w must fall, and where it is too small, rise."
)
def error_without_sign(dy, w, b, x, y):
    s = dy * np.abs(slopes_of(1.0, w, b, x, y))
    return x.T @ s, s.sum()


@regression_backward.mistake(
    "b is left out of the prediction, so the error is that of another model: ŷ = x w + b."
)
def prediction_without_bias(dy, w, b, x, y):
    s = slopes_of(dy, w, 0.0, x, y)
    return x.T @ s, s.sum()


@regression_backward.mistake(
    "Brackets: y − x w + b adds b to the error, where it should go with the line: y − (x w + b)."
)
def without_brackets(dy, w, b, x, y):
    s = slopes_of(dy, w, -b, x, y)
    return x.T @ s, s.sum()


@regression_backward.swap
def fit(regression_backward):
    x = np.random.default_rng(0).normal(size=(31, 2))
    y = x @ [3.0, -2.0] + 1
    w, b = np.zeros(2), 0.0
    for _ in range(300):
        dw, db = regression_backward(1.0, w, b, x, y)
        w, b = w - 0.1 * dw, b - 0.1 * db
    found = f"{w[0]:.2f}, {w[1]:.2f} and {b:.2f}"
    miss = np.abs([*(w - [3, -2]), b - 1]).max()
    assert miss < 0.01, f"Rows of 3 x₀ − 2 x₁ + 1 end at weights and bias {found}."
    return f"For rows of 3 x₀ − 2 x₁ + 1 it finds {found}."


def least_squares(x, y):
    *w, b = np.linalg.lstsq(np.hstack([x, np.ones((len(x), 1))]), y, rcond=None)[0]
    return np.array(w), b


def well_posed(seed, n, d):
    """Columns that are no multiple of each other, so that the answer is one and exact."""
    rng = np.random.default_rng(seed)
    x = np.linalg.qr(np.hstack([np.ones((n, 1)), rng.normal(size=(n, d))]))[0][:, 1:]
    return rng.uniform(0.5, 5, d) * x + rng.normal(size=d), 10 * rng.normal(size=n)


solve_normal_equations = Function(
    name="solve_normal_equations",
    right=least_squares,
    example=lambda rng: (rng.normal(size=(11, 3)) + 1, rng.normal(size=11) + 2),
    cases=st.builds(well_posed, st.integers(0, 999), st.integers(5, 9), st.integers(1, 3)),
    hints=(
        "np.column_stack([x, np.ones(len(x))]) is X. Its last weight is the bias.",
        "X.T @ X is square, with a row for each weight; X.T @ y has an entry for each.",
        "np.linalg.solve(A, c) finds the v of A v = c, more exactly than the inverse of A does.",
        "v holds w, and b behind it: return v[:-1] and v[-1].",
    ),
)


@solve_normal_equations.mistake(
    "The column of ones is missing: without it the model has no bias, and must pass through 0."
)
def without_ones(x, y):
    return np.linalg.lstsq(x, y, rcond=None)[0], 0.0


@solve_normal_equations.mistake(
    "b is left at the mean of y. That holds only where each column of x has mean 0."
)
def mean_for_bias(x, y):
    return least_squares(x, y)[0], y.mean()


@solve_normal_equations.mistake("It stops at Xᵀy: that is the right side. Solve XᵀX v = Xᵀy for v.")
def without_solving(x, y):
    return x.T @ y, y.sum()


@solve_normal_equations.mistake(
    "XᵀX is multiplied where it should be inverted: v = (XᵀX)⁻¹ Xᵀy, which np.linalg.solve does."
)
def multiplied(x, y):
    X = np.hstack([x, np.ones((len(x), 1))])
    v = X.T @ X @ (X.T @ y)
    return v[:-1], v[-1]


@solve_normal_equations.mistake(
    "The parts are cut in the wrong place: the ones are the last column, so b is the last of v."
)
def bias_first(x, y):
    w, b = least_squares(x, y)
    return np.append(w[1:], b), w[0]


@solve_normal_equations.mistake(
    "The parts are cut in the wrong place: your ones are the first column, so b is the first of v."
)
def weight_for_bias(x, y):
    w, b = least_squares(x, y)
    return np.append(b, w[:-1]), w[-1]


@solve_normal_equations.mistake(
    "Each column is fitted alone, as if the others did not move with it: XᵀX has entries off its "
    "diagonal too. Solve for all weights together."
)
def each_alone(x, y):
    centred = x - x.mean(axis=0)
    w = centred.T @ (y - y.mean()) / (centred**2).sum(axis=0)
    return w, y.mean() - x.mean(axis=0) @ w


@solve_normal_equations.swap
def bottom_of_the_valley(solve_normal_equations):
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(101, 2)), 0.1 * rng.normal(size=101)
    y = x @ [3.0, -2.0] + 1 + noise
    w, b = solve_normal_equations(x, y)
    error, least = regression_loss(w, b, x, y), regression_loss(*least_squares(x, y), x, y)
    assert error < 1.0001 * least, f"Its loss is {error:.3g}, but {least:.3g} can be reached."
    return f"It recovers 3 x₀ − 2 x₁ + 1 as {w[0]:.2f}, {w[1]:.2f} and {b:.2f} from noisy rows."


def by_training_rows(x, x_test):
    centre = np.ones(len(x)) @ x / len(x)
    spread = np.sqrt(((x - centre) ** 2).sum(axis=0) / len(x))
    spread = np.where(np.ptp(x, axis=0) == 0, 1.0, spread)
    return (x - centre) / spread, (x_test - centre) / spread


def two_sets(rng):
    """Rows of three columns, of which the second does not vary in the training rows."""
    return 2 * rng.normal(size=(7, 3)) * [1, 0, 1] + 5, 2 * rng.normal(size=(5, 3)) + 5


whole = st.integers(-9, 9).map(float)  # so that the mean of a constant column has no rounding


def pair_of_sets(n, m, d):
    return st.tuples(arrays(float, (n, d), elements=whole), arrays(float, (m, d), elements=whole))


standardize = Function(
    name="standardize",
    right=by_training_rows,
    example=two_sets,
    cases=st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3)).flatmap(
        lambda sizes: pair_of_sets(*sizes)
    ),
    hints=(
        "Mean and deviation are one number for each column. Which axis do they run along?",
        "Take both from x alone, and use them for x and for x_test.",
        "Where a deviation is 0, put 1 there before you divide.",
    ),
)


def with_figures(mean, deviation, *sets):
    deviation = np.where(deviation == 0, 1.0, deviation)
    return tuple((rows - mean) / deviation for rows in sets)


@standardize.mistake(
    "A column of x that does not vary has deviation 0, and 0/0 is NaN, which no training survives: "
    "divide that column by 1."
)
def divided_by_zero(x, x_test):
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    return (x - mean) / deviation, (x_test - mean) / deviation


@standardize.mistake(
    "A tiny number in place of a deviation of 0 makes a held-out value that differs enormous: "
    "divide a column that does not vary by 1."
)
def divided_by_a_tiny_number(x, x_test):
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-8
    return (x - mean) / deviation, (x_test - mean) / deviation


@standardize.mistake(
    "x_test is scaled by its own figures. The model has learned in those of the training rows: the "
    "same input would mean another thing to it. Use the mean and deviation of x for both."
)
def each_by_its_own(x, x_test):
    return by_training_rows(x, x)[0], by_training_rows(x_test, x_test)[0]


@standardize.mistake(
    "The figures are those of both sets together. So the held-out rows have a say in what the "
    "model sees while it learns (a leak): take them from x alone."
)
def of_both_together(x, x_test):
    both = np.concatenate([x, x_test])
    return with_figures(both.mean(axis=0), both.std(axis=0), x, x_test)


@standardize.mistake("One mean and deviation for the whole array: each column has its own, axis=0.")
def of_everything(x, x_test):
    return with_figures(x.mean(), x.std(), x, x_test)


@standardize.mistake("x is divided by its variance; the deviation is the root of that.")
def by_variance(x, x_test):
    return with_figures(x.mean(axis=0), x.var(axis=0), x, x_test)


@standardize.mistake(
    "The mean is subtracted after the division, in another scale: brackets, (x − mean) / deviation."
)
def divided_first(x, x_test):
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation[deviation == 0] = 1
    return x / deviation - mean, x_test / deviation - mean


@standardize.mistake("The mean is not subtracted.")
def only_scaled(x, x_test):
    return with_figures(0.0, x.std(axis=0), x, x_test)


@standardize.mistake("The columns are shifted, but not divided by their deviation.")
def only_shifted(x, x_test):
    return with_figures(x.mean(axis=0), 1.0, x, x_test)


@standardize.mistake(
    "x_test came back as it was: it must be shifted and scaled as x is. (Or is x overwritten "
    "before its mean and deviation are used for x_test?)"
)
def test_rows_left(x, x_test):
    return by_training_rows(x, x_test)[0], x_test


@standardize.mistake("The deviation has the mean of the squares: over N, not N − 1 (ddof=0).")
def over_one_less(x, x_test):
    n = len(x)
    return with_figures(x.mean(axis=0), x.std(axis=0) * np.sqrt(n / max(n - 1, 1)), x, x_test)


@standardize.mistake("Scaled to lie between 0 and 1; here the mean is 0 and the deviation 1.")
def to_the_unit_range(x, x_test):
    return with_figures(x.min(axis=0), np.ptp(x, axis=0), x, x_test)


@standardize.swap
def shorten_the_valley(standardize):
    x = np.random.default_rng(0).normal(size=(31, 2)) * [1, 100] + [3, 400]
    y = x @ [3.0, -0.02] + 1
    z, _ = standardize(x, x)
    w, b = np.zeros(2), 0.0
    for _ in range(100):
        s = slopes_of(1.0, w, b, z, y)
        w, b = w - 0.3 * z.T @ s, b - 0.3 * s.sum()
    share = regression_loss(w, b, z, y) / y.var()
    assert share < 1e-6, f"After 100 steps {share:.1%} of the variance is still unexplained."
    return "Columns of deviation 1 and 100 are learned in 100 steps."
