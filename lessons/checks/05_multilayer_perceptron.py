"""What the exercises of lesson 05 are held against, the mistakes they know, and their hints."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lessons.course.exercise import Function, Gradient

numbers = st.floats(-3, 3)
sizes = st.integers(1, 4)


def filled(*shape):
    return arrays(float, shape, elements=numbers)


def seeded(written):
    """`initialise` with a seed for its generator, so that each call draws the same."""
    return lambda seed, fan_in, fan_out: written(np.random.default_rng(seed), fan_in, fan_out)


def normal_weight(rng, fan_in, fan_out, variance):
    return np.sqrt(variance) * rng.normal(size=(fan_out, fan_in))


initialise = Function(
    name="initialise",
    right=lambda seed, fan_in, fan_out: (
        normal_weight(np.random.default_rng(seed), fan_in, fan_out, 2 / fan_in),
        np.zeros(fan_out),
    ),
    use=seeded,
    example=lambda rng: (int(rng.integers(1000)), 7, 11),
    cases=st.tuples(st.integers(0, 99), st.integers(1, 40), st.integers(1, 40)),
    hints=(
        "rng.normal draws with variance 1. What does a factor do to the variance?",
        "A factor of √v makes the variance v.",
        "2 / fan_in is the variance: √(2 / fan_in) is the factor. The bias is not drawn at all.",
    ),
)


@initialise.mistake(
    "2 / fan_in is the variance: to get it, scale the draws by its root. Without the root, "
    "activations shrink from layer to layer, until nothing is left of the input."
)
def without_root(rng, fan_in, fan_out):
    return rng.normal(size=(fan_out, fan_in)) * 2 / fan_in, np.zeros(fan_out)


@initialise.mistake(
    "The variance is 1 / fan_in, right for a layer without ReLU. ReLU lets half of the mean "
    "square pass; the 2 makes up for it."
)
def without_two(rng, fan_in, fan_out):
    return normal_weight(rng, fan_in, fan_out, 1 / fan_in), np.zeros(fan_out)


@initialise.mistake(
    "This divides by fan_out. An output is a sum over the inputs: fan_in decides how large it is."
)
def by_fan_out(rng, fan_in, fan_out):
    return normal_weight(rng, fan_in, fan_out, 2 / fan_out), np.zeros(fan_out)


@initialise.mistake(
    "2 / (fan_in + fan_out) is Glorot's variance, meant for tanh: ReLU wants 2 / fan_in."
)
def glorot(rng, fan_in, fan_out):
    return normal_weight(rng, fan_in, fan_out, 2 / (fan_in + fan_out)), np.zeros(fan_out)


@initialise.mistake(
    "The draws are not scaled: with variance 1 each layer multiplies its input by √(fan_in / 2)."
)
def unscaled(rng, fan_in, fan_out):
    return rng.normal(size=(fan_out, fan_in)), np.zeros(fan_out)


@initialise.mistake(
    "All weights are 0: every unit then computes the same, and no gradient tells them apart."
)
def all_zeros(rng, fan_in, fan_out):
    return np.zeros((fan_out, fan_in)), np.zeros(fan_out)


@initialise.mistake("The weight is transposed: it is (fan_out, fan_in), one row for each output.")
def transposed(rng, fan_in, fan_out):
    return normal_weight(rng, fan_out, fan_in, 2 / fan_in), np.zeros(fan_out)


@initialise.mistake(
    "fan_in / 2 is the wrong way up: the more inputs a unit sums, the smaller each weight must be."
)
def upside_down(rng, fan_in, fan_out):
    return normal_weight(rng, fan_in, fan_out, fan_in / 2), np.zeros(fan_out)


@initialise.mistake(
    "The draws are made transposed and turned afterwards: as large, but not the same. Draw "
    "rng.normal(size=(fan_out, fan_in)) at once, so that one seed gives one network."
)
def drawn_transposed(rng, fan_in, fan_out):
    return normal_weight(rng, fan_out, fan_in, 2 / fan_in).T, np.zeros(fan_out)


@initialise.mistake(
    "These draws are uniform within ±√(6 / fan_in). They have the right variance and would do as "
    "well, but a normal distribution is asked for: rng.normal."
)
def he_uniform(rng, fan_in, fan_out):
    bound = np.sqrt(6 / fan_in)
    return rng.uniform(-bound, bound, size=(fan_out, fan_in)), np.zeros(fan_out)


@initialise.mistake("The bias is drawn too: it begins at 0, the weights alone break the symmetry.")
def bias_drawn(rng, fan_in, fan_out):
    weight = normal_weight(rng, fan_in, fan_out, 2 / fan_in)
    return weight, rng.normal(size=fan_out)


@initialise.swap
def through_ten_layers(initialise):
    rng = np.random.default_rng(0)
    first = h = rng.normal(size=(50, 200))
    for _ in range(10):
        weight, bias = initialise(rng, 200, 200)
        h = np.maximum(h @ weight.T + bias, 0)
    growth = np.sqrt(np.mean(h**2) / np.mean(first**2))
    assert 0.3 < growth < 3, f"Over 10 layers the numbers grow {growth:.3g} times, not about once."
    return f"Over 10 layers of ReLU the numbers grow {growth:.2f} times: they keep their size."


def linear(x, weight, bias):
    return bias + np.einsum("ni,oi->no", x, weight)


linear_backward = Gradient(
    name="linear_backward",
    forward=linear,
    bank="linear",
    example=lambda rng: (rng.normal(size=(5, 7)), rng.normal(size=(11, 7)), rng.normal(size=11)),
    cases=st.tuples(sizes, sizes, sizes).flatmap(
        lambda s: st.tuples(filled(s[0], s[1]), filled(s[2], s[1]), filled(s[2]))
    ),
    hints=(
        "Each gradient has the shape of what it belongs to. Which products of dy (N, out), "
        "x (N, in) and weight (out, in) have these shapes?",
        "An input acts on every output through a column of weight: dx sums over out.",
        "weight and bias act on every row of the batch: their gradients sum over N.",
        "dx = dy @ weight, dweight = dy.T @ x. The bias is like a weight whose input is 1.",
    ),
)


@linear_backward.swap
def fit_a_plane(linear_backward):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    true = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])
    wanted = x @ true.T + [1, 2]
    weight, bias = np.zeros((2, 3)), np.zeros(2)
    for _ in range(200):
        dy = 2 * (linear(x, weight, bias) - wanted) / len(x)
        _, dweight, dbias = linear_backward(dy, x, weight, bias)
        weight, bias = weight - 0.1 * dweight, bias - 0.1 * dbias
    miss = np.abs(weight - true).max()
    assert miss < 0.01, f"A layer should find the weights of a plane, but is {miss:.3g} off."
    return f"A layer finds the weights of a plane within {miss:.1g}."


relu_backward = Gradient(
    name="relu_backward",
    forward=lambda x: np.where(x > 0, x, 0),
    bank="relu",
    example=lambda rng: (rng.normal(size=(5, 7)),),
    # Zero itself has no slope, and is told as a kink.
    cases=st.tuples(
        arrays(
            float,
            array_shapes(min_dims=1, max_dims=3, max_side=4),
            elements=st.floats(0.1, 9) | st.floats(-9, -0.1),
        )
    ),
    hints=(
        "Where x > 0, y is x. How much does y grow there if x grows by 1? And where x < 0?",
        "The slope is 1 or 0, and it is multiplied by dy.",
        "x > 0 is an array of True and False, which count as 1 and 0 in a product.",
    ),
)


@relu_backward.mistake("Where ReLU is closed the slope is 0, not −1: |x| has that one.")
def as_absolute(dy, x):
    return dy * np.sign(x)


@relu_backward.mistake("The slope of ReLU is 1 where x > 0; here it is the sigmoid of x.")
def as_softplus(dy, x):
    return dy / (1 + np.exp(-x))


@relu_backward.swap
def bend_a_line(relu_backward):
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 40)[:, None]
    wanted = np.abs(x)
    w1, b1, w2 = rng.normal(size=(16, 1)), rng.normal(size=16), rng.normal(size=(1, 16)) / 4
    for _ in range(400):
        z = x @ w1.T + b1
        h = np.maximum(z, 0)
        dy = 2 * (h @ w2.T - wanted) / len(x)
        dz = relu_backward(dy @ w2, z)
        w1, b1, w2 = w1 - 0.1 * dz.T @ x, b1 - 0.1 * dz.sum(axis=0), w2 - 0.1 * dy.T @ h
    loss = np.mean((np.maximum(x @ w1.T + b1, 0) @ w2.T - wanted) ** 2)
    assert loss < 0.005, f"16 ReLUs should bend a line into |x|, but the loss is {loss:.3g}."
    return f"16 ReLUs bend a line into |x|, with a loss of {loss:.1g}."


def mlp(w1, b1, w2, b2, x):
    hidden = linear(x, w1, b1)
    return linear(np.where(hidden > 0, hidden, 0), w2, b2)


def network(rng, rows, inputs, hidden, outputs):
    shapes = ((hidden, inputs), (hidden,), (outputs, hidden), (outputs,), (rows, inputs))
    return tuple(rng.normal(size=shape) for shape in shapes)


mlp_backward = Gradient(
    name="mlp_backward",
    forward=mlp,
    data=1,
    example=lambda rng: network(rng, rows=5, inputs=3, hidden=11, outputs=7),
    # Drawn from a seed: numbers that Hypothesis likes, such as 0, stand at the kink of ReLU.
    cases=st.tuples(st.integers(0, 99), sizes, sizes, sizes, sizes).map(
        lambda case: network(np.random.default_rng(case[0]), *case[1:])
    ),
    hints=(
        "Go forward first: backward needs z, to know where ReLU was open, and h.",
        "Then go back: from dy to h through the second layer, to z through ReLU, and each layer's "
        "gradients on the way.",
        "The second layer is a linear layer with input h and upstream dy; the first is one with "
        "input x and upstream dz.",
        "dz = (dy @ w2) * (z > 0).",
    ),
)


def backward(dy, w1, b1, w2, b2, x, gate=lambda z: z > 0):
    """The right answer, with another slope for ReLU."""
    z = linear(x, w1, b1)
    dz = dy @ w2 * gate(z)
    return dz.T @ x, dz.sum(axis=0), dy.T @ np.maximum(z, 0), dy.sum(axis=0)


@mlp_backward.mistake(
    "ReLU is missing on the way back: units that were closed (z < 0) get no gradient, so dz is "
    "(dy @ w2) * (z > 0)."
)
def without_gate(dy, w1, b1, w2, b2, x):
    return backward(dy, w1, b1, w2, b2, x, gate=np.ones_like)


@mlp_backward.mistake(
    "The gate looks at dh, which may have any sign. What counts is where ReLU was open: z > 0."
)
def gate_of_the_gradient(dy, w1, b1, w2, b2, x):
    dz = np.maximum(dy @ w2, 0)
    _, _, dw2, db2 = backward(dy, w1, b1, w2, b2, x)
    return dz.T @ x, dz.sum(axis=0), dw2, db2


@mlp_backward.mistake("ReLU's slope is 1 or 0; here dh is multiplied by h itself.")
def times_the_activation(dy, w1, b1, w2, b2, x):
    return backward(dy, w1, b1, w2, b2, x, gate=lambda z: np.maximum(z, 0))


@mlp_backward.mistake(
    "dw2 is a product with z, before ReLU. The second layer never saw z: its input was h."
)
def input_before_relu(dy, w1, b1, w2, b2, x):
    dw1, db1, _, db2 = backward(dy, w1, b1, w2, b2, x)
    return dw1, db1, dy.T @ linear(x, w1, b1), db2


@mlp_backward.mistake(
    "The gradients are averaged over the batch. The loss has that mean, and dy carries it: sum."
)
def averaged(dy, w1, b1, w2, b2, x):
    return tuple(g / len(x) for g in backward(dy, w1, b1, w2, b2, x))


@mlp_backward.mistake("The two layers are exchanged: return (dw1, db1, dw2, db2).")
def last_layer_first(dy, w1, b1, w2, b2, x):
    dw1, db1, dw2, db2 = backward(dy, w1, b1, w2, b2, x)
    return dw2, db2, dw1, db1


@mlp_backward.mistake("b1 is left out of z, so the wrong units are taken for open.")
def without_first_bias(dy, w1, b1, w2, b2, x):
    return backward(dy, w1, np.zeros_like(b1), w2, b2, x)


@mlp_backward.swap
def learn_exclusive_or(mlp_backward):
    rng = np.random.default_rng(0)
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    wanted = np.array([[0.0], [1], [1], [0]])
    parameters = network(rng, 4, 2, 16, 1)[:4]
    for _ in range(500):
        dy = 2 * (mlp(*parameters, x) - wanted) / len(x)
        gradients = mlp_backward(dy, *parameters, x)
        parameters = [p - 0.05 * g for p, g in zip(parameters, gradients, strict=True)]
    miss = np.abs(mlp(*parameters, x) - wanted).max()
    assert miss < 0.1, f"It should learn exclusive or, but an answer is still {miss:.3g} off."
    return f"It learns exclusive or, which no line can, within {miss:.1g}."
