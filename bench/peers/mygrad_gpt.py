"""The GPT step in MyGrad, of its own ops; AdamW in NumPy, since it has none."""

from collections.abc import Callable
from math import pi, sqrt

import mygrad as mg
import numpy as np
from mygrad.nnet import softmax, softmax_crossentropy

from bench.peers.adamw import AdamW
from minitransformer.models.gpt import GPTConfig

Weights = dict[str, mg.Tensor]

# A Python number would make everything after it float64.
EPS, ONE, HALF, CUBIC, SLOPE = map(np.float32, (1e-5, 1, 0.5, 0.044715, sqrt(2 / pi)))


def linear(w: Weights, name: str, x: mg.Tensor) -> mg.Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def layer_norm(w: Weights, name: str, x: mg.Tensor) -> mg.Tensor:
    centred = x - mg.mean(x, axis=-1, keepdims=True)
    variance = mg.mean(centred**2, axis=-1, keepdims=True)
    return centred / mg.sqrt(variance + EPS) * w[f"{name}.weight"] + w[f"{name}.bias"]


def gelu(x: mg.Tensor) -> mg.Tensor:
    inner = (x + x * x * x * CUBIC) * SLOPE
    return x * (mg.tanh(inner) + ONE) * HALF


def attention(w: Weights, name: str, x: mg.Tensor, n_head: int, future: np.ndarray) -> mg.Tensor:
    B, T, C = x.shape
    packed = linear(w, f"{name}.c_attn", x).reshape(B, T, 3, n_head, C // n_head)
    q, k, v = (packed[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    scores = q @ mg.swapaxes(k, -1, -2) * np.float32((C // n_head) ** -0.5) + future
    y = softmax(scores, axis=-1) @ v
    return linear(w, f"{name}.c_proj", y.transpose(0, 2, 1, 3).reshape(B, T, C))


def loss(w: Weights, config: GPTConfig, idx: np.ndarray, targets: np.ndarray) -> mg.Tensor:
    length = idx.shape[1]
    future = np.triu(np.full((length, length), -np.inf, np.float32), 1)
    x = w["transformer.wte.weight"][idx] + w["transformer.wpe.weight"][:length]
    for i in range(config.n_layer):
        block = f"transformer.h.{i}"
        normed = layer_norm(w, f"{block}.ln_1", x)
        x = x + attention(w, f"{block}.attn", normed, config.n_head, future)
        normed = layer_norm(w, f"{block}.ln_2", x)
        x = x + linear(w, f"{block}.mlp.c_proj", gelu(linear(w, f"{block}.mlp.c_fc", normed)))
    rows = layer_norm(w, "transformer.ln_f", x).reshape(-1, config.n_embd)
    return softmax_crossentropy(rows @ w["transformer.wte.weight"].T, targets.reshape(-1))


def make_step(config: GPTConfig, weights: dict[str, np.ndarray]) -> Callable:
    optimizer = AdamW(weights)

    def step(idx: np.ndarray, targets: np.ndarray) -> float:
        tensors = {name: mg.tensor(w, copy=False) for name, w in weights.items()}
        value = loss(tensors, config, idx, targets)
        value.backward()
        optimizer.step(weights, {name: x.grad for name, x in tensors.items()})
        return value.item()

    return step
