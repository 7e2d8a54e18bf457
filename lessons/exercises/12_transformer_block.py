"""Lesson 12: positions, layer norm backward, many heads, and a block in pre-norm order."""

import numpy as np


def softmax(s):
    """Exponentials of each row, scaled to sum to 1; s: (..., S)."""
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sinusoidal_positions(length, d_model):
    """A vector for each position: sines in the even columns, cosines in the odd ones.

        column 2i:       sin(p / 10000^(2i / d_model))
        column 2i + 1:   cos(p / 10000^(2i / d_model))

    d_model: even. Returns (length, d_model); row p is position p, counted from 0.

    sinusoidal_positions(2, 4) = [[0, 1, 0, 1], [0.8415, 0.5403, 0.0100, 0.99995]]
    """
    raise NotImplementedError


def layer_norm_backward(dy, x, weight, bias, eps=1e-5):
    """The gradients of layer norm.

        x̂ = (x − mean) / √(variance + eps)    for each row, the variance divided by D
        y = x̂ · weight + bias

    dy: the upstream gradient (N, D); x: (N, D); weight, bias: (D,).
    Returns (dx, dweight, dbias), of the shapes of x, weight and bias.

    The gradients of mean and variance take two parts away from dx̂ = dy · weight. For
    x = [[1, 3, 2]], weight ones, bias zeros and dy = [[0, 0, 3]], to two digits:
    ([[−1.22, −1.22, 2.45]], [0, 0, 0], [0, 0, 3])
    """
    raise NotImplementedError


def multi_head_attention(x, w_q, w_k, w_v, w_out, n_head):
    """Self-attention in several heads.

        q, k, v = x w_qᵀ, x w_kᵀ, x w_vᵀ
        head h = softmax(q_h k_hᵀ / √d) v_h,    with the features h · d to (h + 1) · d − 1 of each
        all heads side by side, times w_outᵀ

    x: (T, D); the weights: (D, D); n_head divides D, and d = D / n_head. Returns (T, D).
    `softmax` above may be used.

    A single position can only hear itself, so that x = [[1, 2]] with weights that are all the
    identity gives [[1, 2]], in one head or in two.
    """
    raise NotImplementedError


def pre_norm_block(x, attention, feed_forward, norm1, norm2):
    """A transformer block that norms before each of its two parts.

        h = x + attention(norm1(x))
        y = h + feed_forward(norm2(h))

    x: (T, D); the others are functions from (T, D) to (T, D). Returns (T, D).

    With functions that double x for all four, x = [[1]] gives h = 1 + 2 · 2 · 1 = 5, y = [[25]].
    """
    raise NotImplementedError
