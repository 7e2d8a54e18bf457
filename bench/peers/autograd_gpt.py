"""The GPT step in HIPS autograd, of its own ops; AdamW in NumPy, since it has none."""

from collections.abc import Callable
from math import pi, sqrt

import autograd.numpy as np
from autograd import value_and_grad
from autograd.scipy.special import logsumexp

from bench.peers.adamw import AdamW
from minitransformer.models.gpt import GPTConfig

Weights = dict[str, np.ndarray]


def linear(w: Weights, name: str, x: np.ndarray) -> np.ndarray:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def layer_norm(w: Weights, name: str, x: np.ndarray) -> np.ndarray:
    centred = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))


def attention(w: Weights, name: str, x: np.ndarray, n_head: int, future: np.ndarray) -> np.ndarray:
    B, T, C = x.shape
    packed = np.reshape(linear(w, f"{name}.c_attn", x), (B, T, 3, n_head, C // n_head))
    q, k, v = (np.transpose(packed[:, :, i], (0, 2, 1, 3)) for i in range(3))
    scores = q @ np.swapaxes(k, -1, -2) / sqrt(C // n_head) + future
    y = np.exp(scores - logsumexp(scores, axis=-1, keepdims=True)) @ v
    return linear(w, f"{name}.c_proj", np.reshape(np.transpose(y, (0, 2, 1, 3)), (B, T, C)))


def loss(w: Weights, config: GPTConfig, idx: np.ndarray, targets: np.ndarray) -> np.ndarray:
    length = idx.shape[1]
    future = np.triu(np.full((length, length), -np.inf, np.float32), 1)
    x = w["transformer.wte.weight"][idx] + w["transformer.wpe.weight"][:length]
    for i in range(config.n_layer):
        block = f"transformer.h.{i}"
        normed = layer_norm(w, f"{block}.ln_1", x)
        x = x + attention(w, f"{block}.attn", normed, config.n_head, future)
        normed = layer_norm(w, f"{block}.ln_2", x)
        x = x + linear(w, f"{block}.mlp.c_proj", gelu(linear(w, f"{block}.mlp.c_fc", normed)))
    rows = np.reshape(layer_norm(w, "transformer.ln_f", x), (-1, config.n_embd))
    logits = rows @ w["transformer.wte.weight"].T
    chosen = logits[np.arange(len(rows)), np.reshape(targets, -1)]
    return np.mean(logsumexp(logits, axis=-1) - chosen)


def make_step(config: GPTConfig, weights: Weights) -> Callable:
    optimizer, both = AdamW(weights), value_and_grad(loss)

    def step(idx: np.ndarray, targets: np.ndarray) -> float:
        value, grads = both(weights, config, idx, targets)
        optimizer.step(weights, grads)
        return float(value)

    return step
