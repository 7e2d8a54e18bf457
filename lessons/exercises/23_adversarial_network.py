"""Lesson 23: both losses, the slopes of two losses, transposed convolution, and interpolation."""

import numpy as np


def adversarial_losses(real, made):
    """The losses of the discriminator and of the generator, from the discriminator's scores.

        L_D = mean of −log σ(real) + mean of −log(1 − σ(made))
        L_G = mean of −log σ(made),    σ(s) = 1 / (1 + e^−s)

    The discriminator wants real images to score high and made ones to score low; the generator
    wants made ones to score high.

    real: scores of N real images (N,); made: scores of M made ones (M,). Returns (L_D, L_G), two
    numbers, finite however large the scores are. −log σ(s) = log(1 + e^−s) is
    np.logaddexp(0, −s), without overflow.

    For real = [0, 0] and made = [0] nobody can tell: (2 log 2, log 2) = (1.386, 0.693)
    """
    raise NotImplementedError


def generator_slopes(made):
    """What the generator would learn from two losses: their gradients in the scores `made`.

        saturating        mean of log(1 − σ(made)), which the generator makes smaller
        non-saturating    mean of −log σ(made), which it makes smaller too

    made: the discriminator's scores of N made images (N,). Returns two arrays (N,), finite however
    large the scores are.

    For made = [−4, 0], the first told easily: ([−0.009, −0.25], [−0.491, −0.25]). The first loss
    is flat there.
    """
    raise NotImplementedError


def conv_transpose2d(x, weight, stride, padding):
    """A convolution run backwards: every pixel puts its multiple of the kernel into a larger image.

        y[n, o, i·stride + u, j·stride + v] += x[n, c, i, j] · weight[c, o, u, v]

    for all n, c, i, j, o, u, v; where kernels overlap they add. Then `padding` rows and columns are
    cut off on all four sides.

    x: (N, C, H, W); weight: (C, O, K, K); stride and padding: integers.
    Returns (N, O, H', W') with H' = (H − 1)·stride + K − 2·padding, and W' alike.

    With x = [[[[1, 2]]]], weight = [[[[1, 10], [100, 1000]]]], stride 1 and padding 0:
    [[[[1, 12, 20], [100, 1200, 2000]]]]
    """
    raise NotImplementedError


def interpolate(a, b, steps):
    """From one noise to another, along the arc between them.

        z(t) = (sin((1 − t) θ) a + sin(t θ) b) / sin θ,    cos θ = a·b / (‖a‖ ‖b‖)

    In many dimensions, normal noise lies near a sphere of radius √D. The straight line between two
    points cuts through the inside, where the generator was never asked; the arc stays outside.

    a, b: two noises (D,), not parallel; steps: how many noises, 2 or more. Returns (steps, D): the
    first is a, the last is b, and t grows by 1 / (steps − 1).

    interpolate(np.array([1.0, 0.0]), np.array([0.0, 2.0]), 3) = [[1, 0], [0.707, 1.414], [0, 2]]
    """
    raise NotImplementedError
