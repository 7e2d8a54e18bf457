"""What the exercises of lesson 01 are held against, the mistakes they know, and their hints."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lessons.course.exercise import Function, Gradient

numbers = st.floats(-10, 10)
rates = st.floats(0.001, 1)


def vectors(length):
    return arrays(float, length, elements=numbers)


step = Function(
    name="step",
    right=lambda x, slope, rate: x - rate * slope,
    example=lambda rng: (rng.normal(size=7), rng.normal(size=7), rng.uniform(0.01, 1)),
    cases=st.integers(1, 5).flatmap(lambda n: st.tuples(vectors(n), vectors(n), rates)),
    hints=(
        "The slope points uphill. Which way do you want to go?",
        "How far you go is the rate times the slope.",
        "At 2 the slope of x² is 4. Which sum of 2, 0.1 and 4 makes 1.6?",
    ),
)


@step.mistake("You walk uphill: the slope points up, so it is subtracted.")
def uphill(x, slope, rate):
    return x + rate * slope


@step.mistake("The rate is missing: you subtract the whole slope.")
def without_rate(x, slope, rate):
    return x - slope


@step.mistake(
    "You took x itself for the slope: from 2 with rate 0.1 that lands on 1.8, but x² has the "
    "slope 2x there, which makes 1.6. Use the `slope` that is given."
)
def x_for_slope(x, slope, rate):
    return x - rate * x


@step.mistake("This is the step, not the place where it ends: it starts from x.")
def only_the_step(x, slope, rate):
    return -rate * slope


@step.swap
def on_the_parabola(step):
    x = 2.0
    for _ in range(30):
        x = step(x, 2 * x, 0.1)
    assert abs(x) < 0.01, f"On x² from 2 it should come near 0 in 30 steps, but it is at {x:.3g}."
    return f"On x² it comes from 2 to {x:.4f} in 30 steps."


def right_path(gradient, x, rate, steps):
    path = np.empty((steps + 1, *x.shape))
    path[0] = x
    for k in range(steps):
        path[k + 1] = path[k] - rate * gradient(path[k])
    return path


def parabola_slope(x):
    return 2 * x


def sine_slope(x):
    return np.cos(x)


slopes = st.sampled_from([parabola_slope, sine_slope])

descend = Function(
    name="descend",
    right=right_path,
    example=lambda rng: (sine_slope, rng.normal(size=3), rng.uniform(0.1, 0.5), 5),
    cases=st.tuples(slopes, vectors(2), rates, st.integers(0, 4)),
    hints=(
        "Begin a list with the start, and add to it the place where each step ends.",
        "The slope is another one at each place: call `gradient` anew in every step.",
        "np.stack makes one array of a list of equally long ones.",
    ),
)


@descend.mistake("The start is missing: row 0 is where you begin, before any step.")
def without_start(gradient, x, rate, steps):
    return right_path(gradient, x, rate, steps)[1:]


@descend.mistake("One step too few: `steps` steps visit steps + 1 places.")
def one_step_short(gradient, x, rate, steps):
    return right_path(gradient, x, rate, steps - 1)


@descend.mistake("The slope is always that of the start: ask `gradient` again after each step.")
def slope_of_the_start(gradient, x, rate, steps):
    return x - rate * gradient(x) * np.arange(steps + 1)[:, None]


@descend.mistake("Only the last place came back; all of them are wanted.")
def only_the_end(gradient, x, rate, steps):
    return right_path(gradient, x, rate, steps)[-1]


@descend.mistake("All rows are the last place: the same array is changed in place and added again.")
def same_array_again(gradient, x, rate, steps):
    return np.repeat(right_path(gradient, x, rate, steps)[-1:], steps + 1, axis=0)


@descend.swap
def into_the_valley(descend):
    path = descend(lambda place: np.array([2.0, 20.0]) * place, np.array([3.0, 1.0]), 0.09, 60)
    height = (path**2 * [1, 10]).sum(axis=1)
    assert height[-1] < 1e-3, f"In the valley x² + 10y² it ends at height {height[-1]:.3g}, not 0."
    return f"In the valley x² + 10y² the height falls from {height[0]:.0f} to {height[-1]:.1g}."


def line_loss(w, b, x, y):
    return np.mean((y - (w * x + b)) ** 2)


line_backward = Gradient(
    name="line_backward",
    forward=line_loss,
    data=2,
    example=lambda rng: (rng.normal(), rng.normal(), rng.normal(size=7), rng.normal(size=7)),
    cases=st.integers(1, 5).flatmap(lambda n: st.tuples(numbers, numbers, vectors(n), vectors(n))),
    hints=(
        "Begin with one point. What is the slope of (y − ŷ)² in ŷ? Mind the sign.",
        "ŷ = wx + b grows by x for each unit of w, and by 1 for each unit of b.",
        "The loss is a mean over the points, and so are its gradients.",
        "∂L/∂w is the mean of −2(y − ŷ)x. What the upstream gradient dy does to it, ask lesson 03.",
    ),
)


def residual(w, b, x, y):
    return y - (w * x + b)


@line_backward.mistake(
    "The minus is missing: ŷ stands behind a minus in (y − ŷ)², so ∂L/∂w = −2(y − ŷ)x. With this "
    "sign every step climbs, and the loss grows without end."
)
def without_minus(dy, w, b, x, y):
    return dy * np.mean(2 * residual(w, b, x, y) * x), dy * np.mean(2 * residual(w, b, x, y))


@line_backward.mistake("The 2 of the square is missing.")
def without_two(dy, w, b, x, y):
    return dy * np.mean(-residual(w, b, x, y) * x), dy * np.mean(-residual(w, b, x, y))


@line_backward.mistake("The mean is missing: the loss is divided by the number of points.")
def without_mean(dy, w, b, x, y):
    return dy * np.sum(-2 * residual(w, b, x, y) * x), dy * np.sum(-2 * residual(w, b, x, y))


@line_backward.mistake("The x is missing in ∂L/∂w: w is multiplied by x in the forward pass.")
def without_x(dy, w, b, x, y):
    slope = dy * np.mean(-2 * residual(w, b, x, y))
    return slope, slope


@line_backward.mistake("The upstream gradient dy is missing: multiply both gradients by it.")
def without_upstream(dy, w, b, x, y):
    return np.mean(-2 * residual(w, b, x, y) * x), np.mean(-2 * residual(w, b, x, y))


@line_backward.mistake(
    "Brackets: y − w x + b adds b to the error, where it should go with the line: y − (w x + b)."
)
def without_brackets(dy, w, b, x, y):
    error = residual(w, -b, x, y)
    return dy * np.mean(-2 * error * x), dy * np.mean(-2 * error)


@line_backward.swap
def fit(line_backward):
    x = np.linspace(0, 2, 11)
    y = 3 * x + 1
    w = b = 0.0
    for _ in range(300):
        dw, db = line_backward(1.0, w, b, x, y)
        w, b = w - 0.2 * dw, b - 0.2 * db
    assert abs(w - 3) + abs(b - 1) < 0.01, f"It fits y = {w:.3g}x + {b:.3g} to points of 3x + 1."
    return f"It fits y = {w:.3f}x + {b:.3f} to points of 3x + 1."
