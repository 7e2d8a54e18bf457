"""What the exercises of lesson 06 are held against, the mistakes they know, and their hints."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy.special import log_softmax, logsumexp

from lessons.course.exercise import Function, Gradient

IGNORED = -100


def drawn(seed, shape, kind):
    """Scores that no shrinking makes alike, of three kinds: small, far from 0, far apart."""
    scale, offset = {"small": (1, 0), "far from 0": (1, 1000), "far apart": (1000, 0)}[kind]
    return scale * np.random.default_rng(seed).normal(size=shape) + offset


def scores(shapes, *kinds):
    return st.builds(drawn, st.integers(0, 99), shapes, st.sampled_from(kinds))


any_shape = array_shapes(max_dims=3, max_side=4)
matrix_shape = array_shapes(min_dims=2, max_dims=2, max_side=4)


softmax = Function(
    name="softmax",
    right=lambda x: np.exp(log_softmax(x, axis=-1)),
    example=lambda rng: (rng.normal(size=(5, 7)),),
    cases=st.tuples(scores(any_shape, "small", "far from 0", "far apart")),
    hints=(
        "Take exp of all scores, and divide by their sum. Which scores share a sum?",
        "axis=-1 is the last axis; keepdims=True keeps it, so that the sum broadcasts.",
        "exp(1000) is infinity. What happens to p if 1000 is subtracted from every score?",
        "Subtract the largest score of each row first: x - x.max(axis=-1, keepdims=True). With the "
        "largest of all instead, a row far below it is 0 / 0.",
    ),
)


@softmax.mistake("The sum runs over the first axis; each row, along the last axis, sums to 1.")
def over_the_batch(x):
    return np.exp(log_softmax(x, axis=0))


@softmax.mistake("One sum for the whole array: each row has its own, so give `sum` axis=-1.")
def over_everything(x):
    return np.exp(log_softmax(x, axis=None))


@softmax.mistake("The scores are not exponentiated: only exp makes them all positive.")
def without_exp(x):
    return x / x.sum(axis=-1, keepdims=True)


@softmax.mistake("These are the exponentials; divide them by their sum, so that it becomes 1.")
def without_division(x):
    return np.exp(x)


@softmax.mistake("Each score is squashed by itself (sigmoid); in softmax those of a row compete.")
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@softmax.mistake("The exponents have a minus: the largest score must get the most.")
def of_minus_x(x):
    return np.exp(log_softmax(-x, axis=-1))


@softmax.mistake(
    "The largest score is taken away from the numerator alone; it cancels only if it is taken "
    "away in the sum too."
)
def shifted_above_only(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / np.exp(x).sum(axis=-1, keepdims=True)


@softmax.mistake("This is the logarithm of the probabilities: leave out the log.")
def logarithm(x):
    return log_softmax(x, axis=-1)


@softmax.mistake(
    "All goes to the largest score, and no slope is left to learn from: softmax is the soft form "
    "of this, with a share for every score."
)
def hard(x):
    return (x == x.max(axis=-1, keepdims=True)).astype(float)


@softmax.mistake("Dividing by the largest score is another function (a temperature): subtract it.")
def divided_by_the_largest(x):
    return np.exp(log_softmax(x / x.max(axis=-1, keepdims=True), axis=-1))


def blobs():
    """60 points round three centers, a 1 beside each, and their classes."""
    rng = np.random.default_rng(0)
    target = np.arange(60) % 3
    centers = np.array([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])
    points = centers[target] + 0.5 * rng.normal(size=(60, 2))
    return np.c_[points, np.ones(60)], target


def classify(gradient, rate=0.5, steps=200):
    """The share of the blobs that a linear classifier has right after training."""
    x, target = blobs()
    weight = np.zeros((3, 3))
    for _ in range(steps):
        weight = weight - rate * gradient(x @ weight.T, target).T @ x
    return np.mean((x @ weight.T).argmax(axis=1) == target)


@softmax.swap
def train_with_it(softmax):
    right = classify(lambda scores, t: (softmax(scores) - np.eye(3)[t]) / len(t))
    assert right > 0.95, f"A classifier of three blobs should be right, but is for {right:.0%}."
    return f"A classifier learns three blobs of points: {right:.0%} right."


softmax_backward = Gradient(
    name="softmax_backward",
    forward=lambda x: np.exp(log_softmax(x, axis=-1)),
    bank="softmax",
    example=lambda rng: (rng.normal(size=(3, 5)),),
    cases=st.tuples(scores(matrix_shape, "small", "far from 0")),
    hints=(
        "Begin with p, the softmax. If one score of a row grows, what do the other p do?",
        "dx_j = Σ_i dy_i ∂p_i/∂x_j, with ∂p_i/∂x_j = p_i (1[i=j] − p_j).",
        "The 1[i=j] gives p_j dy_j; the rest is p_j times one number, the same for the whole row.",
        "That number is the row's Σ dy·p: dx = p * (dy − Σ dy·p).",
    ),
)


@softmax_backward.mistake("x stands where p is due: compute the softmax of x first.")
def scores_for_probabilities(dy, x):
    return x * (dy - (dy * x).sum(axis=-1, keepdims=True))


@softmax_backward.mistake("p is a factor of both terms: p·dy − p·Σ(dy·p), not dy − p·Σ(dy·p).")
def half_weighted(dy, x):
    p = np.exp(log_softmax(x, axis=-1))
    return dy - p * (dy * p).sum(axis=-1, keepdims=True)


@softmax_backward.swap
def move_probabilities(softmax_backward):
    x, wanted = np.zeros((1, 3)), np.array([[0.7, 0.2, 0.1]])
    for _ in range(300):
        p = np.exp(log_softmax(x, axis=-1))
        x = x - 2 * softmax_backward(2 * (p - wanted), x)
    miss = np.abs(np.exp(log_softmax(x, axis=-1)) - wanted).max()
    assert miss < 0.01, f"Probabilities should reach [0.7, 0.2, 0.1], but are {miss:.3g} off."
    return f"Probabilities learn to be [0.7, 0.2, 0.1], within {miss:.1g}."


def mean_surprise(logits, target):
    kept = np.flatnonzero(target != IGNORED)
    return -np.mean([log_softmax(logits[i])[target[i]] for i in kept])


def with_targets(*kinds):
    """Logits (N, C), and targets of which the first counts at least."""
    return scores(matrix_shape, *kinds).flatmap(
        lambda x: st.tuples(
            st.just(x),
            st.tuples(
                st.integers(0, x.shape[1] - 1),
                *[st.sampled_from([IGNORED, *range(x.shape[1])])] * (len(x) - 1),
            ).map(np.array),
        )
    )


def seven_samples(rng):
    return 10 * rng.normal(size=(7, 5)), rng.permutation([0, 1, 1, 4, 3, IGNORED, IGNORED])


cross_entropy = Function(
    name="cross_entropy",
    right=mean_surprise,
    example=seven_samples,
    cases=with_targets("small", "far from 0", "far apart"),
    hints=(
        "−log of a quotient of exponentials: which logarithm is left after you simplify?",
        "−log p_t = log Σ exp(x_j) − x_t. Indexing with two arrays picks one entry a row.",
        "Keep the rows that count first: logits[target != IGNORED]. The mean is over them.",
        "For large scores: log Σ exp(x_j) = m + log Σ exp(x_j − m), with m the row's largest.",
    ),
)


def surprises(logits, target):
    """−log p of the right class of each row that counts."""
    kept = target != IGNORED
    return -log_softmax(logits, axis=1)[kept, target[kept]]


@cross_entropy.mistake(
    "It is divided by the number of classes too. The mean is over samples: −log 0.8 is 0.223 for "
    "one sample, not 0.112 because there are two classes."
)
def mean_over_classes(logits, target):
    return surprises(logits, target).mean() / logits.shape[1]


@cross_entropy.mistake("This is the sum over the samples; divide by the number that count.")
def sum_of_samples(logits, target):
    return surprises(logits, target).sum()


@cross_entropy.mistake("The mean is over the targets that count; this divides by all of them.")
def mean_over_all(logits, target):
    return surprises(logits, target).sum() / len(target)


@cross_entropy.mistake(
    "Ignored targets are counted: −100 as an index is no class (or one from the end, silently). "
    "Leave their rows out."
)
def ignored_counted(logits, target):
    return -log_softmax(logits, axis=1)[np.arange(len(target)), target % logits.shape[1]].mean()


@cross_entropy.mistake("The minus is missing: log p is below 0, and a loss is to be small.")
def without_minus(logits, target):
    return -surprises(logits, target).mean()


@cross_entropy.mistake("The log is missing: this is p of the right class, and −log p is due.")
def without_log(logits, target):
    return np.exp(-surprises(logits, target)).mean()


@cross_entropy.mistake("This is the log of the mean probability; the mean of the logs is due.")
def log_of_the_mean(logits, target):
    surprise = surprises(logits, target)
    return np.log(len(surprise)) - logsumexp(-surprise)


@cross_entropy.mistake(
    "The largest score was subtracted inside the logarithm, and not added again outside: "
    "log Σ exp(x_j) = m + log Σ exp(x_j − m)."
)
def largest_not_added(logits, target):
    return np.mean(surprises(logits, target) - logits[target != IGNORED].max(axis=1))


@cross_entropy.mistake(
    "log_p[:, target] takes every target from every row, N × N numbers. Index the rows too: one "
    "entry a row, log_p[np.arange(n), target]."
)
def every_target_of_every_row(logits, target):
    return -log_softmax(logits, axis=1)[:, target[target != IGNORED]].mean()


@cross_entropy.mistake("Only the right class's score is used: −x_t. Add log Σ exp(x_j).")
def without_normaliser(logits, target):
    kept = target != IGNORED
    return -logits[kept, target[kept]].mean()


@cross_entropy.mistake(
    "The logits are put through softmax twice: what goes into log-softmax are the scores."
)
def softmax_twice(logits, target):
    return surprises(np.exp(log_softmax(logits, axis=1)), target).mean()


@cross_entropy.mistake("The logarithm is to base 2 (bits); take np.log.")
def in_bits(logits, target):
    return surprises(logits, target).mean() / np.log(2)


def log_of_at_least(tiny, name):
    """Two ways to keep p from 0 in the log, by a number that stands in many programs."""

    def added(logits, target):
        return -np.mean(np.log(np.exp(-surprises(logits, target)) + tiny))

    def clipped(logits, target):
        return -np.mean(np.log(np.maximum(np.exp(-surprises(logits, target)), tiny)))

    for wrong in (added, clipped):
        wrong.__name__ += name
        cross_entropy.mistake(
            "A tiny number keeps p from 0 in the log. So a sure mistake costs too little, and its "
            "slope is 0: take log Σ exp(x_j) − x_t, which needs no such number."
        )(wrong)


for digits in (7, 8, 9, 10, 12):
    log_of_at_least(10.0**-digits, f"_1e_{digits}")


@cross_entropy.swap
def descend_by_its_slope(cross_entropy):
    x, target = blobs()
    weight, eye = np.zeros((3, 3)), np.eye(9).reshape(9, 3, 3)
    for _ in range(30):
        up, down = (
            np.array([cross_entropy(x @ (weight + h * e).T, target) for e in eye])
            for h in (1e-5, -1e-5)
        )
        weight = weight - ((up - down) / 2e-5).reshape(3, 3)
    loss = cross_entropy(x @ weight.T, target)
    assert 0 <= loss < 0.15, f"The loss of three blobs should fall below 0.15, but is {loss:.3g}."
    return f"By its measured slopes the loss of three blobs falls from 1.099 to {loss:.3f}."


cross_entropy_backward = Gradient(
    name="cross_entropy_backward",
    forward=mean_surprise,
    bank="cross_entropy",
    example=seven_samples,
    cases=with_targets("small", "far from 0"),
    hints=(
        "For one sample: −log p_t = log Σ exp(x_j) − x_t. What is the slope of each part in x_j?",
        "The first part gives p_j, the second −1 at the target: p − y.",
        "The mean divides by the number of targets that count; rows that do not count are 0.",
        "gradient[counted, target[counted]] -= 1 subtracts y, without building it.",
    ),
)


def p_minus_y(logits, target):
    """Row by row, 0 where the target is ignored."""
    kept = target != IGNORED
    gradient = np.exp(log_softmax(logits, axis=1))
    gradient[kept, target[kept]] -= 1
    gradient[~kept] = 0
    return gradient


@cross_entropy_backward.mistake(
    "It is divided by the number of entries, N · C: the mean is over samples, not over classes."
)
def mean_over_entries(dy, logits, target):
    return dy * p_minus_y(logits, target) / ((target != IGNORED).sum() * logits.shape[1])


@cross_entropy_backward.mistake(
    "This is p·(p − y), on its way through a second softmax: p − y is the whole gradient already."
)
def through_softmax_again(dy, logits, target):
    p = np.exp(log_softmax(logits, axis=1))
    return dy * p * p_minus_y(logits, target) / (target != IGNORED).sum()


@cross_entropy_backward.mistake(
    "p[:, target] -= 1 changes whole columns. Index the rows too, so that each row has its 1 "
    "taken from its own target: p[np.arange(n), target] -= 1."
)
def whole_columns(dy, logits, target):
    kept = target != IGNORED
    gradient = np.exp(log_softmax(logits, axis=1))
    gradient[:, target[kept]] -= 1
    gradient[~kept] = 0
    return dy * gradient / kept.sum()


@cross_entropy_backward.swap
def learn_blobs(cross_entropy_backward):
    def gradient(scores, target):
        answer = cross_entropy_backward(1.0, scores, target)
        return answer[0] if isinstance(answer, tuple) else answer

    right = classify(gradient)
    assert right > 0.95, f"A classifier of three blobs should be right, but is for {right:.0%}."
    return f"A classifier learns three blobs of points: {right:.0%} right."
