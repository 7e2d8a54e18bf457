"""What the exercises of lesson 23 are held against, the mistakes they know, and their hints."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lessons.course.exercise import Function

scores = st.integers(1, 5).flatmap(lambda n: arrays(float, n, elements=st.floats(-2000, 2000)))


def sigmoid(s):
    """Without overflow."""
    small = np.exp(-np.abs(s))
    return np.where(s < 0, small, 1) / (1 + small)


def surprise(s):
    """−log σ(s), without overflow."""
    return np.maximum(-s, 0) + np.log1p(np.exp(-np.abs(s)))


def play(losses=None, slopes=None, rounds=400):
    """A generator that shifts numbers, against a discriminator of two weights: where does it end?

    Real numbers are normal about 3; made ones are noise about `shift`, at first −3, easily told.
    """
    rng = np.random.default_rng(0)
    shift, w = -3.0, np.zeros(2)
    for _ in range(rounds):
        real, made = rng.normal(size=64) + 3, rng.normal(size=64) + shift
        for x, sign in ((real, 1), (made, -1)):
            push = sign * sigmoid(-sign * (w[0] * x + w[1]))
            w = 0.98 * w + 0.3 * np.array([np.mean(push * x), np.mean(push)])
        score = w[0] * made + w[1]
        if slopes:
            ds = slopes(score)[1]
        else:  # the slope of the loss in each score, measured
            step = 1e-5 * np.eye(len(score))
            rise = [losses(real, score + e)[1] - losses(real, score - e)[1] for e in step]
            ds = np.array(rise) / 2e-5
        shift -= 0.3 * np.sum(ds * w[0])
    assert abs(shift - 3) < 0.5, (
        f"A generator that starts at −3 should learn to make numbers about 3, but after {rounds} "
        f"rounds it makes them about {shift:.3g}."
    )
    return f"A generator learns to make numbers about 3, where the real ones are: {shift:.2f}."


def right_losses(real, made):
    return np.mean(surprise(real)) + np.mean(surprise(-made)), np.mean(surprise(made))


adversarial_losses = Function(
    name="adversarial_losses",
    right=right_losses,
    example=lambda rng: (rng.normal(size=7) + 1, rng.normal(size=5) - 1),
    cases=st.tuples(scores, scores),
    hints=(
        "Who wants what? The discriminator wants σ(real) near 1 and σ(made) near 0; the generator "
        "wants σ(made) near 1.",
        "1 − σ(s) = σ(−s). So all three terms are of the form −log σ(±s).",
        "−log σ(s) = log(1 + e^−s): np.logaddexp(0, −s) does not overflow.",
        "Two means, one for the real and one for the made images, are added for L_D.",
    ),
)


def other_losses(told, fooled):
    return lambda real, made: (told(real, made), fooled(made))


def told_rightly(real, made):
    return right_losses(real, made)[0]


def fooled_rightly(made):
    return np.mean(surprise(made))


@adversarial_losses.mistake(
    "L_G is the saturating loss, the mean of log(1 − σ(made)). It is flat where made images are "
    "easily told, when the generator has most to learn: take −log σ(made)."
)
def saturating(*given):
    return other_losses(told_rightly, lambda made: -np.mean(surprise(-made)))(*given)


@adversarial_losses.mistake(
    "L_G is −log(1 − σ(made)), small where made images are told: this generator helps its opponent."
)
def generator_helps(*given):
    return other_losses(told_rightly, lambda made: np.mean(surprise(-made)))(*given)


@adversarial_losses.mistake(
    "L_G is the negative of L_D. The real images do not depend on the generator, and the slope of "
    "the rest is flat where made images are easily told: take the mean of −log σ(made)."
)
def zero_sum(real, made):
    told = told_rightly(real, made)
    return told, -told


@adversarial_losses.mistake(
    "In L_D, real and made are exchanged: real images should score high, made ones low."
)
def exchanged(*given):
    return other_losses(lambda real, made: told_rightly(made, real), fooled_rightly)(*given)


@adversarial_losses.mistake(
    "L_D wants both to score high: −log σ(made) is the generator's wish. Here it is "
    "−log(1 − σ(made))."
)
def both_high(*given):
    def told(real, made):
        return np.mean(surprise(real)) + np.mean(surprise(made))

    return other_losses(told, fooled_rightly)(*given)


@adversarial_losses.mistake("L_D has only the real images: made ones should score low as well.")
def real_only(*given):
    return other_losses(lambda real, made: np.mean(surprise(real)), fooled_rightly)(*given)


@adversarial_losses.mistake("L_D has only the made images: real ones should score high as well.")
def made_only(*given):
    return other_losses(lambda real, made: np.mean(surprise(-made)), fooled_rightly)(*given)


@adversarial_losses.mistake(
    "L_D is halved. It is the sum of two means: 2 log 2 where nobody can tell."
)
def halved(*given):
    return other_losses(lambda *both: told_rightly(*both) / 2, fooled_rightly)(*given)


@adversarial_losses.mistake(
    "L_D is one mean over all images. Real and made ones each have a mean of their own, and count "
    "alike however many there are."
)
def one_mean(*given):
    def told(real, made):
        return np.mean(np.concatenate([surprise(real), surprise(-made)]))

    return other_losses(told, fooled_rightly)(*given)


@adversarial_losses.mistake("The losses are sums over the images: take means.")
def sums(real, made):
    return np.sum(surprise(real)) + np.sum(surprise(-made)), np.sum(surprise(made))


@adversarial_losses.mistake("The sign is missing: −log σ is a loss, log σ is what it wins.")
def negative(real, made):
    told, fooled = right_losses(real, made)
    return -told, -fooled


@adversarial_losses.mistake(
    "The scores themselves are averaged (as in a Wasserstein GAN): put them through −log σ."
)
def wasserstein(real, made):
    return np.mean(made) - np.mean(real), -np.mean(made)


@adversarial_losses.mistake(
    "These are squares, as in a least-squares GAN; take −log σ(real) and −log(1 − σ(made))."
)
def least_squares(real, made):
    told = np.mean((real - 1) ** 2) + np.mean(made**2)
    return told, np.mean((made - 1) ** 2)


@adversarial_losses.mistake(
    "These are the mean probabilities 1 − σ and σ; the losses are their negative logarithms."
)
def without_logarithm(real, made):
    return np.mean(sigmoid(-real)) + np.mean(sigmoid(made)), np.mean(sigmoid(-made))


@adversarial_losses.mistake("The logarithm is taken of the mean: take the mean of the logarithms.")
def logarithm_of_the_mean(real, made):
    told = -np.log(np.mean(sigmoid(real))) - np.log(np.mean(sigmoid(-made)))
    return told, -np.log(np.mean(sigmoid(made)))


@adversarial_losses.mistake("The two losses are exchanged: the discriminator's comes first.")
def generator_first(real, made):
    return right_losses(real, made)[::-1]


@adversarial_losses.swap
def shift_by_losses(adversarial_losses):
    return play(losses=adversarial_losses)


def right_slopes(made):
    return -sigmoid(made) / made.size, -sigmoid(-made) / made.size


generator_slopes = Function(
    name="generator_slopes",
    right=right_slopes,
    example=lambda rng: (rng.normal(size=7) - 1,),
    cases=st.tuples(scores),
    hints=(
        "The slope of σ is σ(1 − σ). Divide it by what stands in the logarithm.",
        "d/ds log(1 − σ(s)) = −σ(s), and d/ds −log σ(s) = −(1 − σ(s)).",
        "1 − σ(s) is 0 to a float where s is large; σ(−s) is the same number, exactly.",
        "Each score has 1/N of the mean. For e^s, s must not be large: σ(s) = "
        "np.exp(−np.logaddexp(0, −s)).",
    ),
)


@generator_slopes.mistake("The 1/N of the mean is missing.")
def without_the_mean(made):
    return -sigmoid(made), -sigmoid(-made)


@generator_slopes.mistake("The signs are lost: both losses fall when a made image scores higher.")
def signs_lost(made):
    saturating, other = right_slopes(made)
    return -saturating, -other


@generator_slopes.mistake(
    "The sign of the saturating loss's slope is lost: log(1 − σ) falls when the score rises."
)
def one_sign_lost(made):
    saturating, other = right_slopes(made)
    return -saturating, other


@generator_slopes.mistake("The two are exchanged: the saturating loss comes first.")
def slopes_exchanged(made):
    return right_slopes(made)[::-1]


@generator_slopes.mistake(
    "Both are slopes of the non-saturating loss: that of log(1 − σ(s)) is −σ(s)."
)
def both_non_saturating(made):
    return (right_slopes(made)[1],) * 2


@generator_slopes.mistake(
    "Both are slopes of the saturating loss: that of −log σ(s) is −(1 − σ(s))."
)
def both_saturating(made):
    return (right_slopes(made)[0],) * 2


@generator_slopes.mistake(
    "These are slopes in σ, not in the score: they lack the slope of σ itself, σ(1 − σ)."
)
def in_the_probability(made):
    return -1 / sigmoid(-made) / made.size, -1 / sigmoid(made) / made.size


@generator_slopes.mistake(
    "The slope of σ is counted, but not that of the logarithm, which divides by what stands in it."
)
def without_the_logarithm(made):
    slope = -sigmoid(made) * sigmoid(-made) / made.size
    return slope, slope


@generator_slopes.mistake("These are the losses themselves, not their slopes.")
def losses_themselves(made):
    return -surprise(-made) / made.size, surprise(made) / made.size


@generator_slopes.swap
def shift_by_slopes(generator_slopes):
    return play(slopes=generator_slopes)


def right_transpose(x, weight, stride, padding):
    """Zeros between the pixels and around them, then a convolution with the kernel turned round."""
    n, c, height, width = x.shape
    k = weight.shape[2]
    spread = np.zeros((n, c, (height - 1) * stride + 1, (width - 1) * stride + 1))
    spread[:, :, ::stride, ::stride] = x
    around = np.pad(spread, ((0, 0), (0, 0), (k - 1, k - 1), (k - 1, k - 1)))
    seen = np.lib.stride_tricks.sliding_window_view(around, (k, k), axis=(2, 3))
    y = np.einsum("nchwuv,couv->nohw", seen, weight[:, :, ::-1, ::-1])
    return cut(y, padding)


def cut(y, padding):
    return y[:, :, padding : y.shape[2] - padding, padding : y.shape[3] - padding]


def drawn(seed, n, c, out, k, height, width, stride, padding):
    rng = np.random.default_rng(seed)
    x, weight = rng.normal(size=(n, c, height, width)), rng.normal(size=(c, out, k, k))
    return x, weight, stride, padding if k > 2 * padding else 0


few = st.integers(1, 3)
conv_transpose2d = Function(
    name="conv_transpose2d",
    right=right_transpose,
    example=lambda rng: drawn(rng.integers(99), 2, 3, 3, 4, 5, 7, 3, 1),
    cases=st.builds(
        drawn, st.integers(0, 99), few, few, few, st.integers(1, 4), few, few, few, few
    ),
    hints=(
        "How large is the image before it is cut? The last kernel begins at (H − 1)·stride, and is "
        "K long.",
        "Begin with zeros of that size, and walk over the pixels (i, j) of x.",
        "Pixel (i, j) adds x[n, c, i, j] · weight[c, o] to the rows i·stride to i·stride + K − 1, "
        "and the columns alike, summed over c.",
        "Kernels overlap where K > stride: add, with +=. Cut the padding off at the end.",
    ),
)


@conv_transpose2d.mistake("Kernels overlap, but each overwrites the one before: add, with +=.")
def overwritten(x, weight, stride, padding):
    (n, _, height, width), (_, out, k, _) = x.shape, weight.shape
    y = np.zeros((n, out, (height - 1) * stride + k, (width - 1) * stride + k))
    for i, j in np.ndindex(height, width):
        put = np.einsum("nc,couv->nouv", x[:, :, i, j], weight)
        y[:, :, i * stride : i * stride + k, j * stride : j * stride + k] = put
    return cut(y, padding)


@conv_transpose2d.mistake("The padding is not cut off: it makes the image smaller here.")
def not_cut(x, weight, stride, padding):
    return right_transpose(x, weight, stride, 0)


@conv_transpose2d.mistake(
    "The padding is put around, as in a convolution. Here, where all runs backwards, it is cut off."
)
def padding_added(x, weight, stride, padding):
    y = right_transpose(x, weight, stride, 0)
    return np.pad(y, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


@conv_transpose2d.mistake("The padding is cut off at the end only: all four sides lose it.")
def cut_at_the_end(x, weight, stride, padding):
    y = right_transpose(x, weight, stride, 0)
    return y[:, :, : y.shape[2] - 2 * padding, : y.shape[3] - 2 * padding]


@conv_transpose2d.mistake("The padding is cut off at the beginning only: all four sides lose it.")
def cut_at_the_beginning(x, weight, stride, padding):
    return right_transpose(x, weight, stride, 0)[:, :, 2 * padding :, 2 * padding :]


@conv_transpose2d.mistake(
    "The stride is ignored: the kernel of pixel (i, j) begins at (i·stride, j·stride)."
)
def stride_ignored(x, weight, stride, padding):
    return right_transpose(x, weight, 1, padding)


@conv_transpose2d.mistake(
    "The kernel is upside down: number (u, v) of it is put u rows below and v columns right of "
    "where the kernel begins."
)
def kernel_flipped(x, weight, stride, padding):
    return right_transpose(x, weight[:, :, ::-1, ::-1], stride, padding)


@conv_transpose2d.mistake("Rows and columns of the kernel are exchanged.")
def kernel_transposed(x, weight, stride, padding):
    return right_transpose(x, weight.swapaxes(2, 3), stride, padding)


@conv_transpose2d.mistake(
    "Channels of the weight are exchanged: it is (in, out, K, K) here, the other way round than in "
    "a convolution, since all runs backwards."
)
def channels_exchanged(x, weight, stride, padding):
    return right_transpose(x, weight.swapaxes(0, 1), stride, padding)


@conv_transpose2d.mistake("The channels are averaged: an output sums over all channels of x.")
def channels_averaged(x, weight, stride, padding):
    return right_transpose(x, weight, stride, padding) / x.shape[1]


@conv_transpose2d.mistake("Only the first channel of x is used: an output sums over all of them.")
def first_channel(x, weight, stride, padding):
    return right_transpose(x[:, :1], weight[:1], stride, padding)


@conv_transpose2d.mistake(
    "The image is H·stride pixels high, whatever the kernel: the last one begins at "
    "(H − 1)·stride, and is K long."
)
def size_without_kernel(x, weight, stride, padding):
    y = right_transpose(x, weight, stride, 0)
    return cut(y[:, :, : x.shape[2] * stride, : x.shape[3] * stride], padding)


@conv_transpose2d.mistake(
    "Each pixel is repeated and then convolved. Here there is nothing between the pixels: each "
    "puts its kernel once."
)
def upsampled(x, weight, stride, padding):
    large = x.repeat(stride, axis=2).repeat(stride, axis=3)
    y = right_transpose(large, weight, 1, 0)
    due = right_transpose(x, weight, stride, padding).shape
    return y[:, :, padding : padding + due[2], padding : padding + due[3]]


@conv_transpose2d.swap
def paint_a_five(conv_transpose2d):
    """One number grows to a picture through two layers; gradients find the kernels for it."""
    rng = np.random.default_rng(0)
    wanted = np.zeros((1, 1, 8, 8))
    wanted[0, 0, 1:7, [2, 5]] = wanted[0, 0, [1, 4, 6], 2:6] = 1
    x, first, last = (
        np.ones((1, 1, 1, 1)),
        rng.normal(size=(1, 16, 4, 4)),
        rng.normal(size=(16, 1, 4, 4)),
    )
    for _ in range(300):
        hidden = conv_transpose2d(x, first, 1, 0)
        miss = conv_transpose2d(hidden, last, 2, 1) - wanted
        # The output is linear in each layer: the gradients are convolutions of what it missed.
        around = np.pad(miss, ((0, 0), (0, 0), (1, 1), (1, 1)))
        seen = np.lib.stride_tricks.sliding_window_view(around, (4, 4), axis=(2, 3))[:, :, ::2, ::2]
        dlast = np.einsum("nchw,nohwuv->couv", hidden, seen)
        dfirst = np.einsum("nohwuv,couv->nchw", seen, last)
        last, first = last - 0.01 * dlast, first - 0.01 * dfirst
    loss = np.mean(miss**2)
    assert loss < 0.01, f"Two layers should learn to paint a letter, but miss it by {loss:.3g}."
    return f"Two layers learn to paint a letter of 8 × 8 pixels: squared error {loss:.1g}."


def right_interpolate(a, b, steps):
    """In the plane of a and b: turn by the angle step by step, and go from length to length."""
    along = a / np.linalg.norm(a)
    beside = b - (b @ along) * along
    angle = np.arctan2(np.linalg.norm(beside), b @ along)
    beside = beside / np.linalg.norm(beside)
    path = []
    for k in range(steps):
        t = k / (steps - 1)
        first, last = np.sin((1 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)
        path.append(first * a + last * b)
    return np.array(path)


def two_noises(seed, size, steps):
    return (*np.random.default_rng(seed).normal(size=(2, size)), steps)


interpolate = Function(
    name="interpolate",
    right=right_interpolate,
    example=lambda rng: (rng.normal(size=7), 2 * rng.normal(size=7), 5),
    cases=st.builds(two_noises, st.integers(0, 99), st.integers(2, 6), st.integers(2, 6)),
    hints=(
        "The angle first: cos θ = a·b / (‖a‖ ‖b‖), and np.arccos.",
        "np.linspace(0, 1, steps) has both ends.",
        "As a column, t[:, None] makes (steps, D) with a and b.",
        "np.sin((1 − t) * θ) * a + np.sin(t * θ) * b, divided by np.sin(θ).",
    ),
)


def along(weigh):
    """Interpolation with other weights: weigh(t, angle) -> those of a and of b."""

    def path(a, b, steps):
        angle = np.arccos(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
        first, last = weigh(np.linspace(0, 1, steps)[:, None], angle)
        return first * a + last * b

    return path


@interpolate.mistake(
    "This is the straight line. It cuts through the inside of the sphere, where no noise lies: its "
    "middle is √2 times too short. Take the arc."
)
def straight_line(*given):
    return along(lambda t, angle: (1 - t, t))(*given)


@interpolate.mistake("a and b are exchanged: the path begins at a and ends at b.")
def backwards(a, b, steps):
    return right_interpolate(a, b, steps)[::-1]


@interpolate.mistake("The division by sin θ is missing: at t = 0 it would be a times sin θ.")
def not_divided(*given):
    return along(lambda t, angle: (np.sin((1 - t) * angle), np.sin(t * angle)))(*given)


@interpolate.mistake("cos θ is taken for θ: the angle is its arccos.")
def cosine_for_angle(a, b, steps):
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    t = np.linspace(0, 1, steps)[:, None]
    return (np.sin((1 - t) * cosine) * a + np.sin(t * cosine) * b) / np.sin(cosine)


@interpolate.mistake("The last step is missing: t runs to 1, where the path arrives at b.")
def never_arrives(a, b, steps):
    return right_interpolate(a, b, steps + 1)[:-1]


@interpolate.mistake(
    "There is a step too many: `steps` is the number of noises, both ends counted."
)
def one_more(a, b, steps):
    return right_interpolate(a, b, steps + 1)


@interpolate.mistake(
    "A quarter of a circle is taken for the angle, as if a and b were perpendicular: θ is that "
    "between them."
)
def always_perpendicular(*given):
    return along(lambda t, angle: (np.cos(t * np.pi / 2), np.sin(t * np.pi / 2)))(*given)


@interpolate.mistake("a and b are made unit vectors: the path should begin at a, as long as it is.")
def unit_vectors(a, b, steps):
    return right_interpolate(a / np.linalg.norm(a), b / np.linalg.norm(b), steps)


@interpolate.mistake("The noises are columns here: one noise a row, (steps, D).")
def noises_as_columns(a, b, steps):
    return right_interpolate(a, b, steps).T


@interpolate.swap
def stay_on_the_sphere(interpolate):
    """A discriminator that has learned where noise lies, judges the path."""
    rng = np.random.default_rng(0)
    size, w = 64, np.zeros(2)
    lengths = np.linalg.norm(rng.normal(size=(500, size)), axis=1) / np.sqrt(size)
    inside = lengths * rng.uniform(0.5, 0.8, size=500)
    x = np.concatenate([lengths, inside]) - 0.8
    real = np.arange(1000) < 500
    for _ in range(3000):
        miss = sigmoid(w[0] * x + w[1]) - real
        w = w - 5 * np.array([np.mean(miss * x), np.mean(miss)])
    path = interpolate(*rng.normal(size=(2, size)), 9)
    judged = sigmoid(w[0] * (np.linalg.norm(path, axis=1) / np.sqrt(size) - 0.8) + w[1])
    assert judged.min() > 0.5, (
        "A discriminator that knows noise of 64 numbers should take the whole path for noise, but "
        f"gives a point of it the probability {judged.min():.2g}."
    )
    return f"A discriminator takes the whole path for noise: p is {judged.min():.2f} at the least."
