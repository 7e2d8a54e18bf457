"""The GPT step in tinygrad on the CPU, recorded once by TinyJit, with its AdamW."""

import os
from collections.abc import Callable

import numpy as np

from bench.sizes import BETA2, LR, WEIGHT_DECAY
from minitransformer.models.gpt import GPTConfig

os.environ["DEV"] = "CPU"  # read when tinygrad is imported

from tinygrad import Context, Tensor, TinyJit
from tinygrad.nn.optim import AdamW, OptimizerGroup

Weights = dict[str, Tensor]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return x.linear(w[f"{name}.weight"].T, w[f"{name}.bias"])


def layer_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    return x.layernorm(eps=1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def attention(w: Weights, name: str, x: Tensor, n_head: int) -> Tensor:
    B, T, C = x.shape
    packed = linear(w, f"{name}.c_attn", x).reshape(B, T, 3, n_head, C // n_head)
    q, k, v = (packed[:, :, i].transpose(1, 2) for i in range(3))
    y = q.scaled_dot_product_attention(k, v, is_causal=True)
    return linear(w, f"{name}.c_proj", y.transpose(1, 2).reshape(B, T, C))


def loss(w: Weights, config: GPTConfig, idx: Tensor, targets: Tensor) -> Tensor:
    x = w["transformer.wte.weight"][idx] + w["transformer.wpe.weight"][: idx.shape[1]]
    for i in range(config.n_layer):
        block = f"transformer.h.{i}"
        x = x + attention(w, f"{block}.attn", layer_norm(w, f"{block}.ln_1", x), config.n_head)
        hidden = linear(w, f"{block}.mlp.c_fc", layer_norm(w, f"{block}.ln_2", x)).gelu()
        x = x + linear(w, f"{block}.mlp.c_proj", hidden)
    logits = layer_norm(w, "transformer.ln_f", x) @ w["transformer.wte.weight"].T
    return logits.flatten(0, 1).sparse_categorical_crossentropy(targets.flatten())


def make_step(config: GPTConfig, weights: dict[str, np.ndarray]) -> Callable:
    w = {name: Tensor(array).is_param_() for name, array in weights.items()}
    matrices = [x for x in w.values() if x.ndim >= 2]
    vectors = [x for x in w.values() if x.ndim < 2]
    options = {"lr": LR, "b1": 0.9, "b2": BETA2}
    optimizer = OptimizerGroup(
        AdamW(matrices, weight_decay=WEIGHT_DECAY, **options),
        AdamW(vectors, weight_decay=0.0, **options),
    )

    @TinyJit
    def update(idx: Tensor, targets: Tensor) -> Tensor:
        optimizer.zero_grad()
        value = loss(w, config, idx, targets).backward()
        return value.realize(*optimizer.schedule_step())

    def step(idx: np.ndarray, targets: np.ndarray) -> float:
        with Context(TRAINING=1):
            value = update(*(Tensor(x.astype(np.int32)).realize() for x in (idx, targets)))
        return value.item()

    return step
