"""What the exercises of lesson 04 are held against, the mistakes they know, and their hints."""

from itertools import cycle

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lessons.course.exercise import Function, Gradient

numbers = st.floats(-3, 3)
steps = st.sampled_from([0.1, 0.01, 0.001])


def array_of(*shape):
    return arrays(float, shape, elements=numbers)


def sum_of_cubes(x):
    return (x**3).sum()


def cube_of_the_sum(x):
    return x.sum() ** 3 + (x * x).sum()


def differences(f, x, h, ahead=1.0, behind=1.0):
    flat = np.eye(x.size) * h
    moves = flat.reshape(x.size, *x.shape)
    slopes = [(f(x + ahead * m) - f(x - behind * m)) / ((ahead + behind) * h) for m in moves]
    return np.array(slopes).reshape(x.shape)


numeric_gradient = Function(
    name="numeric_gradient",
    right=differences,
    names=("f", "x", "h"),
    example=lambda rng: (cube_of_the_sum, rng.normal(size=(3, 5)), rng.uniform(0.05, 0.2)),
    cases=st.tuples(
        st.sampled_from([sum_of_cubes, cube_of_the_sum]),
        arrays(float, array_shapes(max_dims=3, max_side=3), elements=numbers),
        steps,
    ),
    hints=(
        "One entry at a time: begin with a copy of x, or add an array that is h there, else 0.",
        "for entry in np.ndindex(x.shape) goes through all entries, in any number of dimensions.",
        "f is called twice for each entry, h ahead and h behind. How far apart are these two?",
    ),
)


@numeric_gradient.mistake(
    "The difference is one-sided. Its error shrinks like h; that of the central one, between "
    "x + h and x − h, like h²."
)
def one_sided(f, x, h):
    return differences(f, x, h, behind=0.0)


@numeric_gradient.mistake(
    "The difference is one-sided, to the left. Its error shrinks like h; that of the central one, "
    "between x + h and x − h, like h²."
)
def to_the_left(f, x, h):
    return differences(f, x, h, ahead=0.0)


@numeric_gradient.mistake("Twice too large: the two places are 2h apart, not h.")
def divided_by_one_step(f, x, h):
    return 2 * differences(f, x, h)


@numeric_gradient.mistake(
    "Divided by 2, times h: `/ 2 * h` is read from the left. Write / (2 * h)."
)
def brackets_missing(f, x, h):
    return differences(f, x, h) * h * h


@numeric_gradient.mistake("This is the difference; the slope is that over the way, 2h.")
def not_divided(f, x, h):
    return differences(f, x, h) * 2 * h


AT_ONCE = (
    "All entries are moved at once, which measures the sum of the gradient. Move one, and put it "
    "back before the next."
)


@numeric_gradient.mistake(AT_ONCE)
def one_number(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


@numeric_gradient.mistake(AT_ONCE)
def all_at_once(f, x, h):
    return np.full_like(x, (f(x + h) - f(x - h)) / (2 * h))


@numeric_gradient.mistake(
    "A whole row is moved at once: x has two dimensions here. Go through np.ndindex(x.shape)."
)
def rows_moved(f, x, h):
    gradient = np.zeros_like(x)
    for i in range(len(x)):
        step = np.zeros_like(x)
        step[i] = h
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


@numeric_gradient.mistake(
    "An entry that was moved stays where it is while the next ones are measured: put back the "
    "number that was there (x + h − 2h + h may differ from x in the last bit)."
)
def stays_moved(f, x, h):
    x, gradient = x.copy(), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        x[i] += h
        ahead = f(x)
        x[i] -= 2 * h
        gradient[i] = (ahead - f(x)) / (2 * h)
    return gradient


@numeric_gradient.mistake("The sign is wrong: it is ahead less behind, f(x + h) − f(x − h).")
def behind_less_ahead(f, x, h):
    return -differences(f, x, h)


@numeric_gradient.mistake(
    "An entry is moved to x + h and then to x, not to x − h: the second move must be 2h back."
)
def back_to_the_start(f, x, h):
    return differences(f, x, h, behind=0.0) / 2


@numeric_gradient.mistake(
    "The slopes are right, in one long row: give them the shape of x. np.zeros_like(x) has it, and "
    "gradient[entry] fills it."
)
def in_one_row(f, x, h):
    return differences(f, x, h).ravel()


@numeric_gradient.swap
def descend_by_measuring(numeric_gradient):
    x = np.array([[1.0, -2.0], [3.0, 0.5]])
    for _ in range(50):
        x = x - 0.2 * numeric_gradient(lambda z: ((z - 1) ** 2).sum(), x, 1e-4)
    miss = np.abs(x - 1).max()
    assert miss < 1e-3, f"Descending Σ(x − 1)² with it ends {miss:.3g} from the bottom."
    return f"Descending Σ(x − 1)² with it comes within {miss:.1g} of the bottom."


def beside_the_largest(a, b):
    both = np.concatenate([np.ravel(a), np.ravel(b)])
    gap = np.linalg.norm(np.ravel(a - b), np.inf)
    return gap / np.linalg.norm(both, np.inf) if both.any() else 0.0


SIZES = cycle([(1.0, 3.0), (3.0, 1.0), (0.0, 0.0), (1e-4, 3e-4), (1.0, 1.0)])


def two_arrays(rng):
    """In turn: larger entries in b, in a, all zeros, tiny ones, and of one size."""
    a, b = rng.normal(size=(2, 7))
    of_a, of_b = next(SIZES)
    return of_a * a, of_b * b


relative_error = Function(
    name="relative_error",
    right=beside_the_largest,
    example=two_arrays,
    cases=st.one_of(
        st.integers(1, 4).flatmap(lambda n: st.tuples(array_of(n), array_of(n))),
        st.tuples(array_of(2, 3), array_of(2, 3)),
        st.just((np.zeros(3), np.zeros(3))),
        array_of(3).map(lambda a: (a, a)),
    ).map(lambda pair: tuple(x.round(3) for x in pair)),
    hints=(
        "Signs do not matter: np.abs first, then .max().",
        "The larger of two numbers is max(p, q). What is it where all entries are 0?",
        "Return 0.0 where both are zeros, as nothing can be divided by 0.",
    ),
)


def measured_by(gap, size):
    return gap / size if size else 0.0


@relative_error.mistake(
    "Where both are all zeros, 0/0 is NaN, which no comparison likes (NaN < 1e-6 is False, and so "
    "is NaN > 1e-6). They agree: return 0."
)
def zero_by_zero(a, b):
    with np.errstate(all="ignore"):
        return np.abs(a - b).max() / np.float64(max(np.abs(a).max(), np.abs(b).max()))


@relative_error.mistake(
    "Each entry is divided by its own size. A gradient of 1e-12 against 0, which is rounding, "
    "would be an error of 100%: divide by the largest entry of both."
)
def entry_by_entry(a, b):
    size = np.maximum(np.abs(a), np.abs(b))
    return (np.abs(a - b) / np.where(size, size, 1)).max()


@relative_error.mistake(
    "Each entry is divided by |a| + |b| of its own. A gradient of 1e-12 against 0, which is "
    "rounding, would be an error of 100%: divide by the largest entry of both."
)
def entry_by_both(a, b):
    size = np.abs(a) + np.abs(b)
    return (np.abs(a - b) / np.where(size, size, 1)).max()


@relative_error.mistake(
    "A tiny number is added to the size, so as not to divide by 0. It hides the errors of small "
    "gradients: one of 1e-9 could be wrong by half. Return 0 where the size is 0, and add nothing."
)
def tiny_number_added(a, b):
    return np.abs(a - b).max() / (max(np.abs(a).max(), np.abs(b).max()) + 1e-8)


@relative_error.mistake("One number is wanted: that of the entry that is furthest off (.max()).")
def each_entry(a, b):
    size = max(np.abs(a).max(), np.abs(b).max())
    return np.abs(a - b) / (size or 1.0)


@relative_error.mistake(
    "A mean hides a single wrong entry among many right ones: take the largest difference."
)
def mean_difference(a, b):
    return measured_by(np.abs(a - b).mean(), max(np.abs(a).max(), np.abs(b).max()))


@relative_error.mistake(
    "The absolute value is missing: a difference of −5 is large too. np.abs before .max()."
)
def signed(a, b):
    return measured_by((a - b).max(), max(np.abs(a).max(), np.abs(b).max()))


@relative_error.mistake(
    "The size is the largest entry, but that of its absolute values: −5 is larger than 1."
)
def size_without_abs(a, b):
    return measured_by(np.abs(a - b).max(), max(a.max(), b.max()))


@relative_error.mistake("Only a counts for the size: where a is all zeros, that divides by 0.")
def beside_a(a, b):
    return measured_by(np.abs(a - b).max(), np.abs(a).max())


@relative_error.mistake("Only b counts for the size: where b is all zeros, that divides by 0.")
def beside_b(a, b):
    return measured_by(np.abs(a - b).max(), np.abs(b).max())


@relative_error.mistake(
    "The size is that of a + b: where the two have opposite signs they cancel, and the error is "
    "enormous. Take the largest entry of either."
)
def beside_a_plus_b(a, b):
    return measured_by(np.abs(a - b).max(), np.abs(a + b).max())


@relative_error.mistake("The sizes are added; here the larger of the two is taken.")
def beside_the_sum(a, b):
    return measured_by(np.abs(a - b).max(), np.abs(a).max() + np.abs(b).max())


@relative_error.mistake(
    "This is the absolute error: 1e-6 is little beside 1, and all beside 1e-6. Divide by the size."
)
def absolute(a, b):
    return np.abs(a - b).max()


@relative_error.mistake(
    "Lengths (norms) are compared. Here it is the largest entries, so that one wrong entry shows."
)
def of_norms(a, b):
    return measured_by(np.linalg.norm(a - b), max(np.linalg.norm(a), np.linalg.norm(b)))


@relative_error.swap
def tell_right_from_wrong(relative_error):
    x = np.random.default_rng(0).normal(size=(3, 5))
    measured = differences(sum_of_cubes, x, 1e-5)
    right, wrong = relative_error(measured, 3 * x**2), relative_error(measured, 3.01 * x**2)
    assert right < 1e-6, f"A right gradient of Σx³ gets a relative error of {right:.1e}."
    assert wrong > 1e-3, f"A gradient that is wrong by 0.3% gets only {wrong:.1e}."
    return f"It gives a right gradient {right:.0e}, and one that is wrong by 0.3% {wrong:.0e}."


def products(x):
    return x[1:] * x[:-1]


def products_backward(dy, x):
    gradient = np.zeros_like(x)
    gradient[1:] += dy * x[:-1]
    gradient[:-1] += dy * x[1:]
    return gradient


def branch_lost(dy, x):
    return np.append(0.0, dy * x[:-1])


def cubes(x):
    return x**3


def cubes_backward(dy, x):
    return 3 * x**2 * dy


def both_sides(f, backward, x, dy, v, h):
    change = f(x + h * v) - f(x - h * v)
    return np.vdot(dy, change) / (2 * h), np.vdot(v, backward(dy, x))


def case_of(n):
    on_products = st.tuples(
        *(st.just(products), st.sampled_from([products_backward, branch_lost])),
        *(array_of(n), array_of(n - 1), array_of(n), steps),
    )
    on_cubes = st.tuples(
        *(st.just(cubes), st.just(cubes_backward)),
        *(array_of(n), array_of(n), array_of(n), steps),
    )
    return st.one_of(on_products, on_cubes)


def cubes_example(rng):
    x, dy, v = rng.normal(size=(3, 7))
    return cubes, cubes_backward, x, dy, v, rng.uniform(0.05, 0.2)


projection_check = Function(
    name="projection_check",
    right=both_sides,
    example=cubes_example,
    cases=st.integers(2, 5).flatmap(case_of),
    hints=(
        "Two calls of f: once h · v ahead of x, and once as far behind.",
        "The output of f is an array: multiply the difference by dy, and add up.",
        "`backward` returns the gradient of Σ dy · f(x) in x. Its slope along v is Σ v · gradient.",
    ),
)


@projection_check.mistake(
    "dy is missing in what is measured: that is the slope of Σ f(x), with an upstream gradient of "
    "ones, which is blind for softmax and layer norm."
)
def measured_without_upstream(f, backward, x, dy, v, h):
    _, claimed = both_sides(f, backward, x, dy, v, h)
    return (f(x + h * v) - f(x - h * v)).sum() / (2 * h), claimed


@projection_check.mistake(
    "v is missing in what is claimed: along the direction v, each entry of the gradient counts v_i "
    "times."
)
def claimed_without_direction(f, backward, x, dy, v, h):
    measured, _ = both_sides(f, backward, x, dy, v, h)
    return measured, backward(dy, x).sum()


@projection_check.mistake(
    "`backward` is given ones: it must get the same dy that the measured side is weighted with."
)
def backward_of_ones(f, backward, x, dy, v, h):
    measured, _ = both_sides(f, backward, x, dy, v, h)
    return measured, (v * backward(np.ones_like(dy), x)).sum()


@projection_check.mistake("dy enters twice on the claimed side: `backward` has used it already.")
def upstream_twice(f, backward, x, dy, v, h):
    measured, _ = both_sides(f, backward, x, dy, v, h)
    return measured, (v * dy * backward(dy, x)).sum()


@projection_check.mistake("The difference is one-sided; take f(x + h v) − f(x − h v).")
def one_sided_measure(f, backward, x, dy, v, h):
    _, claimed = both_sides(f, backward, x, dy, v, h)
    return (dy * (f(x + h * v) - f(x))).sum() / h, claimed


@projection_check.mistake("What is measured is twice too large: the two places are 2h v apart.")
def measured_over_one_step(f, backward, x, dy, v, h):
    measured, claimed = both_sides(f, backward, x, dy, v, h)
    return 2 * measured, claimed


@projection_check.mistake(
    "x is moved by h in every entry, not along v: the two sides look in different directions."
)
def moved_evenly(f, backward, x, dy, v, h):
    measured, _ = both_sides(f, backward, x, dy, np.ones_like(v), h)
    return measured, both_sides(f, backward, x, dy, v, h)[1]


@projection_check.mistake(
    "dy and v are exchanged: dy has the shape of f(x) and weights what is measured, v has that of "
    "x and weights the gradient."
)
def weights_exchanged(f, backward, x, dy, v, h):
    return (v * (f(x + h * v) - f(x - h * v))).sum() / (2 * h), (dy * backward(dy, x)).sum()


@projection_check.mistake(
    "v is scaled to length 1. The two sides agree then too, but here they are due for v as it is."
)
def of_unit_length(f, backward, x, dy, v, h):
    return both_sides(f, backward, x, dy, v / np.linalg.norm(v), h)


@projection_check.mistake("The two are exchanged: first what is measured, then what is claimed.")
def exchanged(f, backward, x, dy, v, h):
    return both_sides(f, backward, x, dy, v, h)[::-1]


@projection_check.swap
def catch_a_lost_branch(projection_check):
    rng = np.random.default_rng(0)
    x, v, dy = rng.normal(size=101), rng.normal(size=101), rng.normal(size=100)

    def gap(backward):
        measured, claimed = projection_check(products, backward, x, dy, v, 1e-5)
        return abs(measured - claimed)

    right, wrong = gap(products_backward), gap(branch_lost)
    assert right < 1e-6, f"For a right backward pass its two sides differ by {right:.2g}."
    assert wrong > 0.1, f"For one that lost a branch its two sides differ by {wrong:.2g} only."
    return (
        f"Its two sides differ by {right:.0e} for a right backward pass, {wrong:.2g} for a wrong."
    )


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def through_softmax(dy, y):
    return np.einsum("nj,nji->ni", dy, y[:, :, None] * (np.eye(y.shape[1]) - y[:, None, :]))


softmax_backward = Gradient(
    name="softmax_backward",
    forward=softmax,
    bank="softmax",
    example=lambda rng: (rng.normal(size=(3, 5)),),
    cases=st.one_of(
        arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=4), elements=numbers),
        array_of(2, 3).map(lambda x: x + 1000),
    ).map(lambda x: (x,)),
    hints=(
        "Make y from x first. Subtract each row's maximum before np.exp: it cancels.",
        "dx_i = Σ_j dy_j ∂y_j/∂x_i. Put the formula in, and split the sum at the 1[i = j].",
        "dx_i = y_i dy_i − y_i Σ_j dy_j y_j. The sum is one number a row: keepdims=True.",
    ),
)


@softmax_backward.mistake(
    "The sign is wrong: y (dy − Σ dy·y). With an upstream gradient of ones nobody would see it, as "
    "both are 0."
)
def sign_slip(dy, x):
    return -through_softmax(dy, softmax(x))


@softmax_backward.mistake(
    "Within the bracket dy·y stands for dy: y is multiplied twice. y (dy − Σ dy·y)."
)
def output_twice(dy, x):
    y = softmax(x)
    return y * (dy * y - (dy * y).sum(axis=1, keepdims=True))


@softmax_backward.mistake("The last factor y is missing: dy − Σ dy·y is then multiplied by y.")
def outer_output_lost(dy, x):
    return dy - (dy * softmax(x)).sum(axis=1, keepdims=True)


@softmax_backward.mistake(
    "The softmax itself is divided by one sum for the whole array: each row has its own (axis=1)."
)
def one_softmax_for_all(dy, x):
    y = np.exp(x) / np.exp(x).sum()
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


@softmax_backward.mistake("x stands where its softmax y is due: the formula is written in y.")
def input_for_output(dy, x):
    return x * (dy - (dy * x).sum(axis=1, keepdims=True))


@softmax_backward.swap
def learn_three_classes(softmax_backward):
    rng = np.random.default_rng(0)
    centres = 2 * np.array([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]])
    labels = np.arange(60) % 3
    x, target = centres[labels] + 0.5 * rng.normal(size=(60, 2)), np.eye(3)[labels]
    w = np.zeros((2, 3))
    for _ in range(100):
        y = softmax(x @ w)
        w = w - x.T @ softmax_backward(2 * (y - target) / len(x), x @ w)
    share = np.mean((x @ w).argmax(axis=1) == labels)
    assert share > 0.9, f"After 100 steps {share:.0%} of 60 points in three clouds are told apart."
    return f"It learns to tell {share:.0%} of 60 points in three clouds apart."
