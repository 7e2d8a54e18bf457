"""Wrong backward passes of scaled dot-product attention, q (..., T, D), k and v (..., S, D)."""

import numpy as np

from .operation import Operation
from .softmax import softmax, softmax_backward


def swap(x):
    return x.swapaxes(-1, -2)


def scores(q, k):
    return q @ swap(k) / np.sqrt(q.shape[-1])


def attention(q, k, v):
    return softmax(scores(q, k)) @ v


def attention_backward(dy, q, k, v):
    s = scores(q, k)
    root = np.sqrt(q.shape[-1])
    ds = softmax_backward(dy @ swap(v), s) / root
    return ds @ k, swap(ds) @ q, swap(softmax(s)) @ dy


def _example(rng):
    return tuple(rng.normal(size=(2, 3, 3)) for _ in range(3))


def _primes(rng):
    return tuple(rng.normal(size=shape) for shape in ((2, 5, 3), (2, 7, 3), (2, 7, 11)))


ATTENTION = Operation("attention", attention, attention_backward, _example, _primes)


@ATTENTION.mistake("dV = Pᵀ @ dy: P was left untransposed. With T = S no shape complains.")
def values_untransposed(dy, q, k, v):
    dq, dk, _ = attention_backward(dy, q, k, v)
    return dq, dk, softmax(scores(q, k)) @ dy


@ATTENTION.mistake("dK = dSᵀ @ q: dS was left untransposed. With T = S no shape complains.")
def keys_untransposed(dy, q, k, v):
    dq, _, dv = attention_backward(dy, q, k, v)
    ds = softmax_backward(dy @ swap(v), scores(q, k)) / np.sqrt(q.shape[-1])
    return dq, ds @ q, dv


@ATTENTION.mistake("1/√d_k is missing from the gradients of q and k: the scores were scaled by it.")
def unscaled(dy, q, k, v):
    dq, dk, dv = attention_backward(dy, q, k, v)
    root = np.sqrt(q.shape[-1])
    return dq * root, dk * root, dv


@ATTENTION.mistake("The scale 1/√d_k enters once; here the gradients of q and k have 1/d_k.")
def scaled_twice(dy, q, k, v):
    dq, dk, dv = attention_backward(dy, q, k, v)
    root = np.sqrt(q.shape[-1])
    return dq / root, dk / root, dv


@ATTENTION.mistake("The softmax inside is taken elementwise, y(1 − y): its rows belong together.")
def softmax_diagonal(dy, q, k, v):
    s = scores(q, k)
    p = softmax(s)
    ds = (dy @ swap(v)) * p * (1 - p) / np.sqrt(q.shape[-1])
    return ds @ k, swap(ds) @ q, swap(p) @ dy


@ATTENTION.mistake(
    "The softmax inside is skipped: dy @ vᵀ is the gradient of P, not of the scores."
)
def softmax_skipped(dy, q, k, v):
    _, _, dv = attention_backward(dy, q, k, v)
    ds = dy @ swap(v) / np.sqrt(q.shape[-1])
    return ds @ k, swap(ds) @ q, dv


@ATTENTION.mistake("dQ = dS @ k, dK = dSᵀ @ q: q and k are exchanged.")
def queries_for_keys(dy, q, k, v):
    s = scores(q, k)
    ds = softmax_backward(dy @ swap(v), s) / np.sqrt(q.shape[-1])
    return ds @ q, swap(ds) @ k, swap(softmax(s)) @ dy


@ATTENTION.mistake("dV uses the scores before their softmax: dV = Pᵀ @ dy, P the weights.")
def scores_for_weights(dy, q, k, v):
    dq, dk, _ = attention_backward(dy, q, k, v)
    return dq, dk, swap(scores(q, k)) @ dy


def causal(s):
    """Scores with −∞ above the diagonal: no position sees a later one."""
    return np.where(np.tril(np.ones(s.shape, bool)), s, -np.inf)


def causal_attention(q, k, v):
    return softmax(causal(scores(q, k))) @ v


def causal_attention_backward(dy, q, k, v):
    s = causal(scores(q, k))
    ds = softmax_backward(dy @ swap(v), s) / np.sqrt(q.shape[-1])
    return ds @ k, swap(ds) @ q, swap(softmax(s)) @ dy


CAUSAL = Operation(
    "causal_attention", causal_attention, causal_attention_backward, _example, _primes
)


@CAUSAL.mistake("The mask is forgotten in the backward pass: later positions leak gradient.")
def unmasked(dy, q, k, v):
    return attention_backward(dy, q, k, v)


@CAUSAL.mistake("dV uses weights that were not masked: recompute P with the causal mask.")
def values_unmasked(dy, q, k, v):
    dq, dk, _ = causal_attention_backward(dy, q, k, v)
    return dq, dk, swap(softmax(scores(q, k))) @ dy


@CAUSAL.mistake("The mask is on the wrong side: it keeps later positions, not earlier ones.")
def mask_transposed(dy, q, k, v):
    s = np.where(np.triu(np.ones((q.shape[-2], k.shape[-2]), bool)), scores(q, k), -np.inf)
    ds = softmax_backward(dy @ swap(v), s) / np.sqrt(q.shape[-1])
    return ds @ k, swap(ds) @ q, swap(softmax(s)) @ dy


@CAUSAL.mistake("Masking after the softmax leaves rows that do not sum to one: mask the scores.")
def masked_after(dy, q, k, v):
    p = np.tril(softmax(scores(q, k)))
    dp = np.tril(dy @ swap(v))
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, swap(ds) @ q, swap(p) @ dy


@CAUSAL.mistake("1/√d_k is missing from the gradients of q and k: the scores were scaled by it.")
def causal_unscaled(dy, q, k, v):
    dq, dk, dv = causal_attention_backward(dy, q, k, v)
    root = np.sqrt(q.shape[-1])
    return dq * root, dk * root, dv


@CAUSAL.mistake("dK = dSᵀ @ q: dS was left untransposed. With T = S no shape complains.")
def causal_keys_untransposed(dy, q, k, v):
    dq, _, dv = causal_attention_backward(dy, q, k, v)
    ds = softmax_backward(dy @ swap(v), causal(scores(q, k))) / np.sqrt(q.shape[-1])
    return dq, ds @ q, dv
