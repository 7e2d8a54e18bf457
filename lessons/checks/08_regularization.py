"""What the exercises of lesson 08 are held against, the mistakes they know, and their hints."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lessons.course.exercise import Function, Gradient

numbers = st.floats(-9, 9)
probabilities = st.floats(0.1, 0.9)
shapes = array_shapes(max_dims=2, max_side=4)


def drawn(seed, shape, p):
    """Inputs of `dropout` that no shrinking makes alike."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape), rng.random(shape), p


dropout = Function(
    name="dropout",
    right=lambda x, draws, p: np.where(draws < p, 0, x / (1 - p)),
    example=lambda rng: (rng.normal(size=(5, 7)), rng.random((5, 7)), rng.uniform(0.2, 0.45)),
    cases=st.builds(drawn, st.integers(0, 99), shapes, probabilities),
    hints=(
        "draws >= p is an array of True and False: how often is it True?",
        "True and False count as 1 and 0 in a product.",
        "A share of 1 − p is kept. By what must it be multiplied for the sum to stay, on average?",
    ),
)


@dropout.mistake(
    "What is kept must grow by 1 / (1 − p): otherwise all sums are smaller in training than later, "
    "when nothing is dropped."
)
def not_rescaled(x, draws, p):
    return x * (draws >= p)


@dropout.mistake("It is divided by p. A share of 1 − p is kept: that is what to divide by.")
def divided_by_p(x, draws, p):
    return x * (draws >= p) / p


@dropout.mistake("It is multiplied by 1 − p: what is kept must grow, so divide.")
def multiplied(x, draws, p):
    return x * (draws >= p) * (1 - p)


@dropout.mistake("The wrong ones are dropped: those with draws < p are, a share of p.")
def kept_and_dropped_exchanged(x, draws, p):
    return x * (draws < p) / (1 - p)


@dropout.mistake("A share of 1 − p is dropped: p is the probability of being dropped, not kept.")
def p_is_kept(x, draws, p):
    return x * (draws < p) / p


@dropout.mistake("Nothing is dropped: x is only scaled.")
def nothing_dropped(x, draws, p):
    return x / (1 - p)


@dropout.mistake("x itself is compared with p. Which ones are dropped is chance: compare `draws`.")
def small_ones_dropped(x, draws, p):
    return x * (x >= p) / (1 - p)


def two_clouds():
    """80 points in 20 dimensions, of two classes −1 and 1."""
    rng = np.random.default_rng(0)
    signs = np.where(np.arange(80) % 2, 1.0, -1.0)
    return signs[:, None] * 0.5 + rng.normal(size=(80, 20)), signs


@dropout.mistake(
    "It is divided by the share that happened to be kept. The expected share is 1 − p; divided by "
    "the drawn one, each number would depend on the luck of all others."
)
def divided_by_the_share(x, draws, p):
    return x * (draws >= p) / np.mean(draws >= p)


@dropout.mistake("Every row has the mask of the first: each number has its own draw.")
def one_mask_for_all_rows(x, draws, p):
    return x * (draws[0] >= p) / (1 - p)


@dropout.swap
def learn_with_gaps(dropout):
    rng = np.random.default_rng(0)
    x, signs = two_clouds()
    weight = np.zeros(20)
    for _ in range(300):
        seen = dropout(x, rng.random(x.shape), 0.5)
        weight = weight - 0.05 * 2 * seen.T @ (seen @ weight - signs) / len(x)
    right = np.mean(np.sign(x @ weight) == signs)
    assert right > 0.9, (
        f"With half of its inputs dropped it should learn, but {right:.0%} is right."
    )
    return f"With half of its inputs dropped it learns two clouds: {right:.0%} right."


def dropped(x, kept, p):
    return np.where(kept, x / (1 - p), 0)


dropout_backward = Gradient(
    name="dropout_backward",
    forward=dropped,
    data=2,
    example=lambda rng: (
        rng.normal(size=(5, 7)),
        rng.permutation(np.arange(35) % 3 > 0).reshape(5, 7),
        0.35,
    ),
    cases=st.tuples(
        shapes.flatmap(lambda s: st.tuples(arrays(float, s, elements=numbers), arrays(bool, s))),
        probabilities,
    ).map(lambda case: (*case[0], case[1])),
    hints=(
        "Entry by entry: y is x times a number. What is the slope of y in x?",
        "1 / (1 − p) where kept, and 0 where dropped: the same on the way back.",
    ),
)


@dropout_backward.mistake(
    "The forward pass divided what was kept by 1 − p, and so must the gradient be."
)
def slope_not_rescaled(dy, x, kept, p):
    return dy * kept


@dropout_backward.mistake(
    "What was dropped had no part in y, so it gets no gradient: multiply dy by `kept`."
)
def not_masked(dy, x, kept, p):
    return dy / (1 - p)


@dropout_backward.mistake("The mask is the wrong way round: `kept` is True where x came through.")
def mask_inverted(dy, x, kept, p):
    return dy * ~kept / (1 - p)


@dropout_backward.mistake("dy passes as if there were no dropout; go through the mask and 1 − p.")
def as_if_off(dy, x, kept, p):
    return dy.copy()


@dropout_backward.mistake("It is divided by p; the forward pass divided by 1 − p.")
def slope_over_p(dy, x, kept, p):
    return dy * kept / p


@dropout_backward.mistake(
    "A new mask is drawn: the gradient then flows through other units than those that made the "
    "output. Use `kept`."
)
def drawn_again(dy, x, kept, p):
    return dy * (np.random.default_rng(0).random(x.shape) >= p) / (1 - p)


@dropout_backward.swap
def learn_through_it(dropout_backward):
    rng = np.random.default_rng(0)
    x, signs = two_clouds()
    w1, w2 = rng.normal(size=(20, 16)) / 5, np.zeros(16)
    for _ in range(300):
        h = np.tanh(x @ w1)
        kept = rng.random(h.shape) >= 0.3
        error = 2 * (dropped(h, kept, 0.3) @ w2 - signs) / len(x)
        dh = dropout_backward(error[:, None] * w2, h, kept, 0.3)
        w2 = w2 - 0.05 * dropped(h, kept, 0.3).T @ error
        w1 = w1 - 0.05 * x.T @ (dh * (1 - h**2))
    right = np.mean(np.sign(np.tanh(x @ w1) @ w2) == signs)
    assert right > 0.9, f"A network with dropout should learn, but {right:.0%} is right."
    return f"A network with dropout learns two clouds: {right:.0%} right."


def penalty(weight, l1, l2):
    return l1 * np.abs(weight).sum() + l2 * np.square(weight).sum() / 2


penalty_backward = Gradient(
    name="penalty_backward",
    forward=penalty,
    data=2,
    example=lambda rng: (rng.normal(size=(5, 7)), 0.3, 0.7),
    # Zero is where |w| has a kink.
    cases=st.tuples(
        arrays(float, shapes, elements=st.floats(0.1, 9) | st.floats(-9, -0.1)),
        st.floats(0.1, 2),
        st.floats(0.1, 2),
    ),
    hints=(
        "Each weight has its own two terms, so begin with one: l1 |w| + ½ l2 w².",
        "The slope of |w| is 1 on one side of 0 and −1 on the other: np.sign.",
        "The slope of ½ w² is w: the ½ is there to cancel the 2. And dy multiplies all of it.",
    ),
)


@penalty_backward.mistake("The ½ is forgotten: the slope of ½ l2 w² is l2 w, not 2 l2 w.")
def without_half(dy, weight, l1, l2):
    return dy * (l1 * np.sign(weight) + 2 * l2 * weight)


@penalty_backward.mistake(
    "The slope of |w| is sign(w): −1 for negative weights. With 1 for all, they are pushed away "
    "from 0."
)
def sign_forgotten(dy, weight, l1, l2):
    return dy * (l1 + l2 * weight)


@penalty_backward.mistake("|w| is taken for its own slope, which is sign(w).")
def absolute_for_sign(dy, weight, l1, l2):
    return dy * (l1 * np.abs(weight) + l2 * weight)


@penalty_backward.mistake("The ½ belongs to the L2 term alone: the slope of l1 |w| is l1 sign(w).")
def half_of_l1(dy, weight, l1, l2):
    return dy * (l1 * np.sign(weight) / 2 + l2 * weight)


@penalty_backward.mistake("w² is taken for its slope: that of ½ l2 w² is l2 w.")
def square_for_slope(dy, weight, l1, l2):
    return dy * (l1 * np.sign(weight) + l2 * weight**2)


@penalty_backward.mistake("l1 and l2 are exchanged: l1 goes with sign(w), l2 with w.")
def exchanged(dy, weight, l1, l2):
    return dy * (l2 * np.sign(weight) + l1 * weight)


@penalty_backward.mistake("The L1 term is missing: add l1 sign(w).")
def without_l1(dy, weight, l1, l2):
    return dy * l2 * weight


@penalty_backward.mistake("The L2 term is missing: add l2 w.")
def without_l2(dy, weight, l1, l2):
    return dy * l1 * np.sign(weight)


@penalty_backward.mistake(
    "The sign is reversed. This is the slope, which points to larger weights; the optimizer is "
    "who steps against it."
)
def downhill(dy, weight, l1, l2):
    return -dy * (l1 * np.sign(weight) + l2 * weight)


@penalty_backward.swap
def find_what_matters(penalty_backward):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 10))
    y = 3 * x[:, 0] - 2 * x[:, 1] + rng.normal(size=40)
    weight = np.zeros(10)
    for _ in range(500):
        slope = x.T @ (x @ weight - y) / len(x)
        weight = weight - 0.02 * (slope + penalty_backward(1.0, weight, 0.3, 0.01))
    rest, two = np.abs(weight[2:]).max(), np.abs(weight[:2]).min()
    assert not np.isnan(rest), (
        "A weight of 0 becomes NaN. There |w| has a kink; take the slope 0 of np.sign, not 0 / 0."
    )
    assert rest < 0.1 < 1 < two, f"Useless weights should fade, but one is {rest:.3g}."
    return f"Of ten inputs it finds the two that matter: the other weights are below {rest:.2g}."


def right_stop(losses, patience):
    lowest = np.minimum.accumulate(losses)
    best = [int(np.argmax(losses == low)) for low in lowest]
    stops = [k for k in range(len(losses)) if k - best[k] >= patience]
    last = stops[0] if stops else len(losses) - 1
    return best[last], last


def noisy_losses(rng):
    """They fall, stay, rise, and at last fall below all before, where nobody looks any more."""
    fall = np.linspace(2, 1, 7) + 0.1 * rng.normal(size=7)
    rise = np.linspace(1.3, 2, 11) + 0.1 * rng.normal(size=11)
    return np.concatenate([fall, [fall.min()], rise, [0.1]]), int(rng.integers(3, 6))


early_stop = Function(
    name="early_stop",
    right=right_stop,
    example=noisy_losses,
    cases=st.tuples(
        arrays(float, st.integers(1, 8), elements=st.sampled_from([1.0, 2.0, 3.0, 4.0])),
        st.integers(1, 4),
    ),
    hints=(
        "Go through the losses in order, and remember the epoch of the lowest so far.",
        "How long ago that was is the number of epochs in a row without a new lowest one.",
        "Stop when epoch - best >= patience. Which two epochs do you return?",
    ),
)


@early_stop.mistake(
    "This looks at all losses, those after the stop too: training would have ended before."
)
def lowest_of_all(losses, patience):
    return int(np.argmin(losses)), right_stop(losses, patience)[1]


@early_stop.mistake("The weights of the stop are kept. It comes after the best epoch: keep that.")
def last_is_kept(losses, patience):
    _, last = right_stop(losses, patience)
    return last, last


@early_stop.mistake(
    "`last` is one epoch too late: the `patience`-th in a row without a new lowest loss ends it. "
    "(Epochs are counted from 0.)"
)
def one_too_late(losses, patience):
    return right_stop(losses, patience + 1)


@early_stop.mistake("It stops one epoch too early: `patience` epochs without a new lowest are due.")
def one_too_early(losses, patience):
    return right_stop(losses, patience - 1)


@early_stop.mistake(
    "Each loss is compared with the one before it. In a noisy curve that falls again and again "
    "while it rises: compare with the lowest so far."
)
def against_the_last(losses, patience):
    worse, best = 0, 0
    for k in range(1, len(losses)):
        worse = worse + 1 if losses[k] >= losses[k - 1] else 0
        best = k if losses[k] < losses[best] else best
        if worse >= patience:
            return best, k
    return best, len(losses) - 1


@early_stop.mistake(
    "The count of bad epochs goes on after a new lowest loss: it starts again from 0 there, for "
    "they must be in a row."
)
def count_not_reset(losses, patience):
    worse, best = 0, 0
    for k in range(1, len(losses)):
        if losses[k] < losses[best]:
            best = k
        else:
            worse += 1
        if worse >= patience:
            return best, k
    return best, len(losses) - 1


@early_stop.mistake("An equal loss is not a new lowest: keep the first, compare with <, not <=.")
def equal_is_better(losses, patience):
    best = 0
    for k in range(len(losses)):
        best = k if losses[k] <= losses[best] else best
        if k - best >= patience:
            return best, k
    return best, len(losses) - 1


@early_stop.mistake("It stops at the first rise. Curves are noisy: wait for `patience` epochs.")
def first_rise(losses, patience):
    rises = [k for k in range(1, len(losses)) if losses[k] > losses[k - 1]]
    return (rises[0] - 1, rises[0]) if rises else (len(losses) - 1, len(losses) - 1)


@early_stop.mistake("It never stops: `patience` epochs in a row without a new lowest end it.")
def never_stops(losses, patience):
    return int(np.argmin(losses)), len(losses) - 1


@early_stop.mistake("The order is (best, last): the epoch to keep comes first.")
def other_way_round(losses, patience):
    return right_stop(losses, patience)[::-1]


@early_stop.mistake("Epochs are counted from 0, as the places in `losses` are.")
def counted_from_one(losses, patience):
    best, last = right_stop(losses, patience)
    return best + 1, last + 1


@early_stop.swap
def stop_a_polynomial(early_stop):
    rng = np.random.default_rng(0)
    powers = np.arange(12)
    x, x_test = rng.uniform(-1, 1, size=15), rng.uniform(-1, 1, size=200)
    y, y_test = (np.sin(3 * z) + 0.4 * rng.normal(size=len(z)) for z in (x, x_test))
    weight, losses = np.zeros(12), []
    for epoch in range(4000):
        rows = x[:, None] ** powers
        weight = weight - 0.3 * rows.T @ (rows @ weight - y) / len(x)
        if epoch % 20 == 0:
            losses.append(np.mean((x_test[:, None] ** powers @ weight - y_test) ** 2))
    kept = losses[early_stop(np.array(losses), 10)[0]]
    assert kept < losses[-1], f"The loss kept is {kept:.3g}; without a stop it is {losses[-1]:.3g}."
    return f"It stops a polynomial at a held-out loss of {kept:.3f}, not {losses[-1]:.3f}."
