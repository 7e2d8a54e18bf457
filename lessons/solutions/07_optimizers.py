"""Lesson 07: a step with momentum, a step of AdamW, clipping, and the rates of a training run."""

import numpy as np


def momentum_step(p, g, velocity, rate, keep):
    """One step of gradient descent with momentum.

        velocity ← keep · velocity + g
        p ← p − rate · velocity

    p, g, velocity: (N,), where g is the gradient at p; rate, keep: numbers.
    Returns (new p, new velocity), each (N,), and leaves its inputs as they are.

    momentum_step(np.array([2.0]), np.array([4.0]), np.array([10.0]), 0.1, 0.5) = ([1.1], [9.0])
    """
    velocity = keep * velocity + g
    return p - rate * velocity, velocity


def adamw_step(p, g, mean, square, step, rate, decay, eps, beta1=0.9, beta2=0.999):
    """One step of AdamW.

        p ← (1 − rate · decay) p
        mean ← β₁ · mean + (1 − β₁) g           square ← β₂ · square + (1 − β₂) g²
        p ← p − rate · m / (√s + eps),    where m = mean / (1 − β₁ᵗ) and s = square / (1 − β₂ᵗ)

    p, g, mean, square: (N,), and t is `step`, the number of this step, 1 for the first.
    Returns (new p, new mean, new square): the means as they are kept, without the correction.

    The first step is one rate long, whatever the size of g; the decay comes on top:
    adamw_step(np.array([2.0]), np.array([4.0]), np.zeros(1), np.zeros(1), 1, 0.1, 0.5, 1e-8)
    = ([1.8], [0.4], [0.016])
    """
    mean = beta1 * mean + (1 - beta1) * g
    square = beta2 * square + (1 - beta2) * g**2
    m, s = mean / (1 - beta1**step), square / (1 - beta2**step)
    p = (1 - rate * decay) * p - rate * m / (np.sqrt(s) + eps)
    return p, mean, square


def clip_by_norm(weight, bias, longest):
    """The gradients of a layer's weight and bias, shortened together if they are too long.

    norm = √(the sum of the squares of all entries of both). Where it is more than `longest`,
    every entry is multiplied by longest / norm; else both stay as they are.

    weight: (M, N); bias: (M,); longest: a positive number.
    Returns (new weight gradient, new bias gradient).

    clip_by_norm(np.array([[3.0]]), np.array([4.0]), 1.0) = ([[0.6]], [0.8]): the norm was 5
    """
    norm = np.sqrt(np.sum(weight**2) + np.sum(bias**2))
    scale = longest / norm if norm > longest else 1.0
    return weight * scale, bias * scale


def cosine_schedule(steps, warmup, highest, lowest):
    """The rates of a whole training run: up in a straight line, then down half a cosine.

        step s < warmup:   highest · (s + 1) / (warmup + 1)
        from there on:     lowest + (highest − lowest) · (1 + cos(π q)) / 2,
                           where q = (s − warmup) / (steps − warmup)

    steps, warmup: whole numbers, 0 ≤ warmup < steps; highest, lowest: rates.
    Returns (steps,), the rates of the steps s = 0, 1, …, steps − 1.

    cosine_schedule(4, 2, 0.3, 0.1) = [0.1, 0.2, 0.3, 0.2]
    """
    s = np.arange(steps)
    q = (s - warmup) / (steps - warmup)
    down = lowest + (highest - lowest) * (1 + np.cos(np.pi * q)) / 2
    return np.where(s < warmup, highest * (s + 1) / (warmup + 1), down)
