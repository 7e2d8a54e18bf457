"""What the exercises of lesson 07 are held against, the mistakes they know, and their hints."""

import math
from functools import cache

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minitransformer as mt
from lessons.course.exercise import Function

numbers = st.floats(-10, 10)
rates = st.floats(0.001, 1)


def vectors(count, elements=numbers):
    """`count` vectors of length 3."""
    return st.tuples(*[arrays(float, 3, elements=elements)] * count)


@cache
def modules():
    """Real rows to fit: lines, words and characters of the standard library's modules."""
    texts = mt.data.text_corpus().split('\n"""')[:400]
    counts = [(t.count("\n"), len(t.split()), len(t)) for t in texts]
    counts = np.array([row for row in counts if row[0] > 3], float)
    counts /= counts.std(axis=0)
    return np.c_[counts[:, :2], np.ones(len(counts))], counts[:, 2]


def slope(p):
    x, y = modules()
    return 2 * x.T @ (x @ p - y) / len(y)


def excess(p):
    """How much larger the squared error is than that of the best line."""
    x, y = modules()
    best = np.linalg.lstsq(x, y, rcond=None)[0]
    return np.mean((x @ p - y) ** 2) - np.mean((x @ best - y) ** 2)


def right_momentum(p, g, velocity, rate, keep):
    after = velocity * keep + g
    return p - after * rate, after


momentum_step = Function(
    name="momentum_step",
    right=right_momentum,
    example=lambda rng: (*rng.normal(size=(3, 7)), rng.uniform(0.01, 0.5), rng.uniform(0.5, 0.95)),
    cases=vectors(3).flatmap(lambda v: st.tuples(*map(st.just, v), rates, st.floats(0, 0.99))),
    hints=(
        "What stays of the old velocity, and what does the gradient add to it?",
        "The new velocity is keep · velocity + g. It has no rate in it yet.",
        "Then p goes down by rate times the new velocity. Return both, p first.",
    ),
)


@momentum_step.mistake(
    "The step uses the old velocity: it is updated first, so that this gradient counts at once."
)
def old_velocity(p, g, velocity, rate, keep):
    return p - rate * velocity, keep * velocity + g


@momentum_step.mistake(
    "The old velocity is kept whole: without `keep` it never slows down, and swings for ever."
)
def without_keep(p, g, velocity, rate, keep):
    return p - rate * (velocity + g), velocity + g


@momentum_step.mistake(
    "The gradient is multiplied by 1 − keep. That is a running mean, as in Adam; here g is added "
    "whole, so the same rate would take steps ten times as short at keep = 0.9."
)
def running_mean(p, g, velocity, rate, keep):
    after = keep * velocity + (1 - keep) * g
    return p - rate * after, after


@momentum_step.mistake(
    "The rate is inside of the velocity: it is kept without it here, so that a rate that changes "
    "acts on old gradients too. Multiply by it when you step."
)
def rate_inside(p, g, velocity, rate, keep):
    after = keep * velocity + rate * g
    return p - after, after


@momentum_step.mistake("You walk uphill: the velocity adds up slopes, so it is subtracted.")
def uphill(p, g, velocity, rate, keep):
    after = keep * velocity + g
    return p + rate * after, after


@momentum_step.mistake(
    "This is Nesterov's step, which looks ahead: g + keep · velocity. Here the velocity alone "
    "moves p."
)
def nesterov(p, g, velocity, rate, keep):
    after = keep * velocity + g
    return p - rate * (g + keep * after), after


@momentum_step.mistake(
    "The two answers are in the wrong order: first the new p, then the new velocity."
)
def answers_exchanged(p, g, velocity, rate, keep):
    return right_momentum(p, g, velocity, rate, keep)[::-1]


@momentum_step.mistake(
    "Here the velocity points downhill and has the rate in it. p is right in a first step, but the "
    "velocity that is kept should be the sum of slopes: add g, and subtract rate · velocity from p."
)
def downhill_velocity(p, g, velocity, rate, keep):
    after = keep * velocity - rate * g
    return p + after, after


@momentum_step.mistake("The velocity that came back is the old one: the next step needs the new.")
def forgets(p, g, velocity, rate, keep):
    return p - rate * (keep * velocity + g), velocity.copy()


@momentum_step.swap
def faster_than_without(momentum_step):
    p, velocity, plain = np.zeros(3), np.zeros(3), np.zeros(3)
    for _ in range(100):
        p, velocity = momentum_step(p, slope(p), velocity, 0.1, 0.9)
        plain = plain - 0.1 * slope(plain)
    with_it, without = excess(p), excess(plain)
    assert with_it < without / 3, (
        f"After 100 steps on real modules it is {with_it:.3g} above the best line, which should "
        f"be well below the {without:.3g} of plain gradient descent."
    )
    return (
        f"On real modules it comes within {with_it:.1g} of the best line in 100 steps, plain "
        f"gradient descent within {without:.1g}."
    )


def right_adamw(p, g, mean, square, step, rate, decay, eps, beta1=0.9, beta2=0.999):
    mean = mean + (1 - beta1) * (g - mean)
    square = square + (1 - beta2) * (g * g - square)
    change = mean / (1 - beta1**step) / (np.sqrt(square / (1 - beta2**step)) + eps)
    return p - rate * decay * p - rate * change, mean, square


def adamw_with(p, g, mean, square, step, rate, decay, eps, *, shrink=None, t1=None, t2=None):
    """AdamW with parts of it changed: the decay, and the numbers of steps in the corrections."""
    mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g * g
    m, s = mean / (1 - 0.9 ** (t1 or step)), square / (1 - 0.999 ** (t2 or step))
    shrink = rate * decay if shrink is None else shrink
    return (1 - shrink) * p - rate * m / (np.sqrt(s) + eps), mean, square


NEVER = 10**6  # so many steps that the correction is 1


def adamw_example(rng):
    p, g, mean = rng.normal(size=(3, 7))
    square, step, rate = rng.uniform(0.1, 2, 7), int(rng.integers(2, 9)), rng.uniform(0.01, 0.2)
    return p, g, mean, square, step, rate, 0.7, 0.05


adamw_step = Function(
    name="adamw_step",
    right=right_adamw,
    names=("p", "g", "mean", "square", "step", "rate", "decay", "eps"),
    example=adamw_example,
    cases=vectors(4, st.floats(0.01, 10)).flatmap(
        lambda v: st.tuples(*map(st.just, v), st.integers(1, 2000), *[st.floats(0.001, 0.1)] * 3)
    ),
    hints=(
        "First the two running means: much of the old one stays, a little of the new comes in.",
        "Each mean began at 0. After t steps the weights of all it has seen sum to 1 − βᵗ: divide "
        "by that to have a true mean, but keep and return the means undivided.",
        "The step is rate · m / (√s + eps), with the two corrected means.",
        "The decay touches p alone, never g: (1 − rate · decay) · p, less the step.",
    ),
)


@adamw_step.mistake(
    "The bias correction is missing. The means begin at 0 and are too small in the first steps; "
    "divide them by 1 − β₁ᵗ and 1 − β₂ᵗ."
)
def uncorrected(*given):
    return adamw_with(*given, t1=NEVER, t2=NEVER)


@adamw_step.mistake("Only the mean is corrected; the mean of the squares began at 0 too.")
def square_uncorrected(*given):
    return adamw_with(*given, t2=NEVER)


@adamw_step.mistake("Only the mean of the squares is corrected; the mean of g began at 0 too.")
def mean_uncorrected(*given):
    return adamw_with(*given, t1=NEVER)


@adamw_step.mistake(
    "The correction has 1 − β without the power: that is right in step 1 alone. It is 1 − βᵗ."
)
def without_power(*given):
    return adamw_with(*given, t1=1, t2=1)


@adamw_step.mistake("The correction is one step behind: `step` is 1, not 0, in the first step.")
def step_too_many(p, g, mean, square, step, *rest):
    return adamw_with(p, g, mean, square, step, *rest, t1=step + 1, t2=step + 1)


@adamw_step.mistake(
    "This is Adam with the decay in the gradient: there it is divided by the root of the squares, "
    "so weights with large gradients hardly decay. AdamW shrinks p itself."
)
def coupled(p, g, mean, square, step, rate, decay, eps):
    return adamw_with(p, g + decay * p, mean, square, step, rate, 0.0, eps)


@adamw_step.mistake(
    "The decay has no rate in it: p shrinks by rate · decay, or a schedule would not slow it down."
)
def decay_without_rate(*given):
    return adamw_with(*given, shrink=given[6])


@adamw_step.mistake("The decay is missing: before its step, p is multiplied by 1 − rate · decay.")
def without_decay(*given):
    return adamw_with(*given, shrink=0.0)


@adamw_step.mistake("The weights grow: p is multiplied by 1 − rate · decay, not by 1 + it.")
def growth(*given):
    return adamw_with(*given, shrink=-given[5] * given[6])


@adamw_step.mistake(
    "The decay comes after the step, and shrinks the step as well: it belongs to p before the step."
)
def decay_after(p, g, mean, square, step, rate, decay, eps):
    moved, *means = adamw_with(p, g, mean, square, step, rate, 0.0, eps)
    return ((1 - rate * decay) * moved, *means)


def with_change(change):
    """AdamW that moves by rate times another quotient: change(g, m, s, eps)."""

    def adamw(p, g, mean, square, step, rate, decay, eps):
        _, mean, square = adamw_with(p, g, mean, square, step, rate, decay, eps)
        m, s = mean / (1 - 0.9**step), square / (1 - 0.999**step)
        return (1 - rate * decay) * p - rate * change(g, m, s, eps), mean, square

    return adamw


@adamw_step.mistake(
    "The step is divided by the mean of the squares, not by its root: it would be longer the "
    "smaller the gradients are."
)
def without_root(*given):
    return with_change(lambda g, m, s, eps: m / (s + eps))(*given)


@adamw_step.mistake(
    "Brackets: rate · m / √s + eps adds eps to the step. It belongs to the root: m / (√s + eps)."
)
def eps_beside_the_quotient(p, g, mean, square, step, rate, decay, eps):
    moved, *means = adamw_with(p, g, mean, square, step, rate, decay, 0.0)
    return (moved + eps, *means)


@adamw_step.mistake("eps belongs outside of the root: √s + eps, not √(s + eps).")
def eps_inside(*given):
    return with_change(lambda g, m, s, eps: m / np.sqrt(s + eps))(*given)


@adamw_step.mistake(
    "Both means keep the share β₁. The mean of the squares has a longer memory: β₂, in its running "
    "mean and in its correction."
)
def one_beta(p, g, mean, square, step, rate, decay, eps):
    mean, square = 0.9 * mean + 0.1 * g, 0.9 * square + 0.1 * g * g
    m, s = mean / (1 - 0.9**step), square / (1 - 0.9**step)
    return (1 - rate * decay) * p - rate * m / (np.sqrt(s) + eps), mean, square


@adamw_step.mistake(
    "β and 1 − β are exchanged: most of the old mean stays (β), and a little of the new comes in."
)
def shares_exchanged(p, g, mean, square, step, rate, decay, eps):
    mean, square = 0.1 * mean + 0.9 * g, 0.001 * square + 0.999 * g * g
    m, s = mean / (1 - 0.9**step), square / (1 - 0.999**step)
    return (1 - rate * decay) * p - rate * m / (np.sqrt(s) + eps), mean, square


@adamw_step.mistake("eps is missing: where all gradients were 0, this divides 0 by 0.")
def without_eps(*given):
    return with_change(lambda g, m, s, eps: m / np.sqrt(s))(*given)


@adamw_step.mistake(
    "The step goes along g, as in RMSprop. Adam's has momentum: it goes along the mean of the "
    "gradients, corrected."
)
def along_the_gradient(*given):
    return with_change(lambda g, m, s, eps: g / (np.sqrt(s) + eps))(*given)


@adamw_step.mistake(
    "The corrected means came back. Keep them as they are: the next step would correct them again."
)
def corrected_means_kept(*given):
    p, mean, square = adamw_with(*given)
    return p, mean / (1 - 0.9 ** given[4]), square / (1 - 0.999 ** given[4])


@adamw_step.swap
def fit_modules(adamw_step):
    p, mean, square = np.zeros(3), np.zeros(3), np.zeros(3)
    for step in range(1, 301):
        p, mean, square = adamw_step(p, slope(p), mean, square, step, 0.03, 0.0, 1e-8)
    gap, start = excess(p), excess(np.zeros(3))
    assert gap < start / 500, (
        f"After 300 steps on real modules it is {gap:.3g} above the best line, "
        f"from {start:.3g} at the start."
    )
    return f"On real modules it falls from {start:.2g} to {gap:.1g} above the best line."


def right_clip(weight, bias, longest):
    norm = math.hypot(*weight.ravel(), *bias)
    factor = min(1.0, longest / max(norm, 1e-300))
    return weight * factor, bias * factor


clip_by_norm = Function(
    name="clip_by_norm",
    right=right_clip,
    rtol=1e-8,
    example=lambda rng: (rng.normal(size=(3, 5)), rng.normal(size=3), 10 ** rng.uniform(-0.7, 0.9)),
    cases=st.tuples(arrays(float, (2, 3), elements=numbers), vectors(1), st.floats(0.1, 60)).map(
        lambda case: (case[0], case[1][0][:2], case[2])
    ),
    hints=(
        "One norm for both arrays: as if they were one long vector.",
        "Σ g² over all entries of both, and then the root.",
        "If that is more than `longest`, multiply both by longest / norm. If not, by 1.",
    ),
)


@clip_by_norm.mistake("Nothing is clipped: these are the gradients as they came.")
def unclipped(weight, bias, longest):
    return weight.copy(), bias.copy()


@clip_by_norm.mistake(
    "Each array is shortened by its own norm, which turns the step into another direction. Take "
    "one norm over both, so that they keep their proportions."
)
def each_alone(weight, bias, longest):
    return tuple(g * min(1.0, longest / np.linalg.norm(g)) for g in (weight, bias))


@clip_by_norm.mistake(
    "The entries are cut off at ±longest: that bends the direction. Clipping by norm multiplies "
    "all by one factor."
)
def entries(weight, bias, longest):
    return np.clip(weight, -longest, longest), np.clip(bias, -longest, longest)


def by(factor):
    """Both gradients times factor(all entries as a vector, longest)."""

    def clip(weight, bias, longest):
        scale = factor(np.array([*weight.ravel(), *bias]), longest)
        return weight * scale, bias * scale

    return clip


@clip_by_norm.mistake(
    "Short gradients are made longer: only those that are longer than `longest` are to change."
)
def always(*given):
    return by(lambda g, longest: longest / np.linalg.norm(g))(*given)


@clip_by_norm.mistake(
    "The factor is 1 / norm: the result has length 1, but it should have length `longest`."
)
def to_length_one(*given):
    return by(lambda g, longest: 1 / max(np.linalg.norm(g), longest))(*given)


@clip_by_norm.mistake(
    "The factor is 1 / norm: the result has length 1, but it should have length `longest`."
)
def to_length_one_if_longer(*given):
    norm = np.linalg.norm
    return by(lambda g, longest: 1 / norm(g) if norm(g) > longest else 1.0)(*given)


@clip_by_norm.mistake(
    "The root is missing: you divide by the sum of the squares, which is the norm squared."
)
def without_root_of_norm(*given):
    return by(lambda g, longest: min(1.0, longest / (g @ g)))(*given)


@clip_by_norm.mistake(
    "The arrays' norms are added up. Norms add as √(a² + b²), not as a + b: sum the squares first."
)
def norms_added(weight, bias, longest):
    norm = np.linalg.norm(weight) + np.linalg.norm(bias)
    return weight * min(1.0, longest / norm), bias * min(1.0, longest / norm)


@clip_by_norm.mistake(
    "The largest entry is taken for the norm. The norm is the length of the whole vector: the root "
    "of the sum of all squares."
)
def largest_entry(*given):
    return by(lambda g, longest: min(1.0, longest / np.abs(g).max()))(*given)


@clip_by_norm.mistake(
    "The norm is divided by the root of the number of entries: it is a sum of squares, no mean."
)
def root_mean_square(*given):
    return by(lambda g, longest: min(1.0, longest / np.sqrt(np.mean(g**2))))(*given)


@clip_by_norm.mistake(
    "The absolute values are added up. The norm is the root of the sum of the squares, √(Σ g²)."
)
def sum_of_absolutes(*given):
    return by(lambda g, longest: min(1.0, longest / np.abs(g).sum()))(*given)


@clip_by_norm.mistake(
    "Each row has a norm of its own here, which turns the step into another direction: take one "
    "norm over all entries."
)
def by_rows(weight, bias, longest):
    factor = np.minimum(1.0, longest / np.sqrt((weight**2).sum(axis=1) + bias**2))
    return weight * factor[:, None], bias * factor


@clip_by_norm.mistake(
    "A tiny number is added to the norm, as PyTorch does. The result is then a little too short; "
    "and a norm that is more than `longest` is not 0, so nothing is divided by 0."
)
def tiny_added(*given):
    return by(lambda g, longest: min(1.0, longest / (np.linalg.norm(g) + 1e-6)))(*given)


@clip_by_norm.swap
def stands_a_steep_wall(clip_by_norm):
    """x⁴ + y⁴ from 10: its first slope is 4,000, which the rate of 0.05 does not stand."""
    x, y = np.full((1, 1), 10.0), np.zeros(1)
    for _ in range(400):
        dx, dy = clip_by_norm(4 * x**3, 4 * y**3, 1.0)
        x, y = x - 0.05 * dx, y - 0.05 * dy
    end = abs(x.item())
    assert end < 1, f"On x⁴ from 10 it should come down to near 0, but it is at {end:.3g}."
    return f"On x⁴ it comes from 10 to {end:.2f}; without clipping the first step leaps to −190."


def right_schedule(steps, warmup, highest, lowest):
    rising = [highest * (s + 1) / (warmup + 1) for s in range(warmup)]
    turns = [math.pi * k / (steps - warmup) for k in range(steps - warmup)]
    return np.array([*rising, *(lowest + (highest - lowest) * math.cos(a / 2) ** 2 for a in turns)])


cosine_schedule = Function(
    name="cosine_schedule",
    right=right_schedule,
    example=lambda rng: (
        13,
        int(rng.integers(2, 6)),
        rng.uniform(0.5, 1),
        rng.uniform(0.01, 0.1),
    ),
    cases=st.tuples(st.just(7), st.integers(0, 6), rates, st.floats(0, 0.001)),
    hints=(
        "Begin with s = np.arange(steps): all steps at once.",
        "While s < warmup the rate is highest · (s + 1) / (warmup + 1): never 0, nor `highest`.",
        "Then q runs from 0, and 1 + cos(πq) falls from 2 to 0: half of that is the share of the "
        "way from lowest to highest.",
        "np.where(s < warmup, …, …) puts the two together.",
    ),
)


def schedule_of(rise, fall):
    """A schedule from the share of `highest` while it rises, and of the way while it falls."""

    def rates_of(steps, warmup, highest, lowest):
        s = np.arange(steps)
        up = rise(s, warmup) * highest
        down = lowest + (highest - lowest) * fall(s, steps, warmup)
        return np.where(s < warmup, up, down)

    return rates_of


def line(s, warmup):
    return (s + 1) / (warmup + 1)


def half_cosine(s, steps, warmup):
    return (1 + np.cos(np.pi * (s - warmup) / (steps - warmup))) / 2


@cosine_schedule.mistake(
    "The warm-up starts at rate 0, so that the first step moves nothing: (s + 1) / (warmup + 1)."
)
def starts_at_zero(*given):
    return schedule_of(lambda s, w: s / w, half_cosine)(*given)


@cosine_schedule.mistake(
    "The warm-up is at `highest` one step too early: divide by warmup + 1. Step `warmup` has it."
)
def arrives_early(*given):
    return schedule_of(lambda s, w: (s + 1) / w, half_cosine)(*given)


@cosine_schedule.mistake(
    "The cosine runs from step 0, not from the end of the warm-up: there the rate would jump. "
    "Measure progress by (s − warmup) / (steps − warmup)."
)
def cosine_from_the_start(*given):
    return schedule_of(line, lambda s, n, w: (1 + np.cos(np.pi * s / n)) / 2)(*given)


@cosine_schedule.mistake(
    "Progress is divided by all steps; only steps − warmup are left after the warm-up, so the "
    "rate never comes down to `lowest`."
)
def divided_by_all(*given):
    return schedule_of(line, lambda s, n, w: (1 + np.cos(np.pi * (s - w) / n)) / 2)(*given)


@cosine_schedule.mistake("There is no warm-up: the first steps rise in a straight line.")
def no_warmup(steps, warmup, highest, lowest):
    s = np.arange(steps)
    return np.where(s < warmup, highest, right_schedule(steps, warmup, highest, lowest))


@cosine_schedule.mistake(
    "The ½ is missing: 1 + cos goes from 2 to 0, so the rate starts at nearly twice `highest`."
)
def without_half(*given):
    return schedule_of(line, lambda *at: 2 * half_cosine(*at))(*given)


@cosine_schedule.mistake(
    "The cosine falls from `highest` to 0, as if `lowest` were 0: the span is highest − lowest."
)
def down_to_zero(steps, warmup, highest, lowest):
    return right_schedule(steps, warmup, highest, 0.0)


@cosine_schedule.mistake(
    "`lowest` is added to the whole of `highest`, and the curve is too high: the span between them "
    "is highest − lowest."
)
def span_too_large(steps, warmup, highest, lowest):
    s = np.arange(steps)
    down = lowest + highest * half_cosine(s, steps, warmup)
    return np.where(s < warmup, line(s, warmup) * highest, down)


@cosine_schedule.mistake(
    "The π is missing: cos turns once in 2π, so that from cos 0 to cos 1 it has hardly fallen."
)
def without_pi(*given):
    return schedule_of(line, lambda s, n, w: (1 + np.cos((s - w) / (n - w))) / 2)(*given)


@cosine_schedule.mistake(
    "The last step is at `lowest` exactly, as with np.linspace(0, 1, …): q is divided by "
    "steps − warmup, so that it would reach 1 one step after the last."
)
def ends_at_lowest(*given):
    return schedule_of(line, lambda s, n, w: half_cosine(s, max(n - 1, w + 1), w))(*given)


@cosine_schedule.mistake(
    "Your warm-up rises from `lowest`. It should rise from 0, as highest · (s + 1) / (warmup + 1): "
    "`lowest` is where the cosine ends."
)
def rises_from_lowest(steps, warmup, highest, lowest):
    rate = right_schedule(steps, warmup, highest, lowest)
    s = np.arange(steps)
    return np.where(s < warmup, lowest + (highest - lowest) * line(s, warmup), rate)


@cosine_schedule.mistake("This falls in a straight line; a cosine is flat at both ends.")
def straight_down(*given):
    return schedule_of(line, lambda s, n, w: 1 - (s - w) / (n - w))(*given)


@cosine_schedule.swap
def settle(cosine_schedule):
    """SGD with noisy gradients on x²: a rate that falls ends nearer to 0 than a constant one."""
    rng, ends = np.random.default_rng(0), {}
    for kind, rate in (("falling", cosine_schedule(400, 20, 0.3, 0.0)), ("constant", [0.3] * 400)):
        x = np.full(200, 5.0)
        for r in rate:
            x = x - r * (2 * x + rng.normal(size=200))
        ends[kind] = np.abs(x).mean()
    assert ends["falling"] < 0.4 * ends["constant"], (
        f"Noisy descent on x² ends {ends['falling']:.3g} from 0 with these rates, and "
        f"{ends['constant']:.3g} with a constant one."
    )
    return (
        f"Noisy descent on x² ends {ends['falling']:.2f} from 0, and {ends['constant']:.2f} with a "
        "constant rate."
    )
