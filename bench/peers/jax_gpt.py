"""The GPT step in JAX, compiled whole with `jit`, with optax's AdamW."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from jax import numpy as jnp

from bench.sizes import BETA2, LR, WEIGHT_DECAY
from minitransformer.models.gpt import GPTConfig

Weights = dict[str, jax.Array]


def linear(w: Weights, name: str, x: jax.Array) -> jax.Array:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def layer_norm(w: Weights, name: str, x: jax.Array) -> jax.Array:
    normed = jax.nn.standardize(x, axis=-1, epsilon=1e-5)
    return normed * w[f"{name}.weight"] + w[f"{name}.bias"]


def attention(w: Weights, name: str, x: jax.Array, n_head: int) -> jax.Array:
    B, T, C = x.shape
    packed = linear(w, f"{name}.c_attn", x).reshape(B, T, 3, n_head, C // n_head)
    q, k, v = (packed[:, :, i] for i in range(3))
    y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    return linear(w, f"{name}.c_proj", y.reshape(B, T, C))


def loss(w: Weights, config: GPTConfig, idx: jax.Array, targets: jax.Array) -> jax.Array:
    x = w["transformer.wte.weight"][idx] + w["transformer.wpe.weight"][: idx.shape[1]]
    for i in range(config.n_layer):
        block = f"transformer.h.{i}"
        x = x + attention(w, f"{block}.attn", layer_norm(w, f"{block}.ln_1", x), config.n_head)
        hidden = linear(w, f"{block}.mlp.c_fc", layer_norm(w, f"{block}.ln_2", x))
        x = x + linear(w, f"{block}.mlp.c_proj", jax.nn.gelu(hidden, approximate=True))
    logits = layer_norm(w, "transformer.ln_f", x) @ w["transformer.wte.weight"].T
    return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()


def make_step(config: GPTConfig, weights: dict[str, np.ndarray]) -> Callable:
    jax.config.update("jax_platforms", "cpu")
    matrices = {name: w.ndim >= 2 for name, w in weights.items()}
    options = {"b2": BETA2, "weight_decay": WEIGHT_DECAY, "mask": matrices}
    optimizer = optax.adamw(LR, **options)

    @partial(jax.jit, donate_argnums=(0, 1))
    def update(w: Weights, state: Any, idx: jax.Array, targets: jax.Array) -> tuple:
        value, grads = jax.value_and_grad(loss)(w, config, idx, targets)
        changes, state = optimizer.update(grads, state, w)
        return optax.apply_updates(w, changes), state, value

    held = {name: jnp.array(w) for name, w in weights.items()}
    now = [held, optimizer.init(held)]

    def step(idx: np.ndarray, targets: np.ndarray) -> float:
        *now[:], value = update(*now, idx.astype(np.int32), targets.astype(np.int32))
        jax.block_until_ready(now)
        return float(value)

    return step
