"""A training step of ours: with its kernels, or with the textbook ops, which are plain NumPy."""

from collections.abc import Callable

import numpy as np

import minitransformer as mt
from bench.sizes import BETA2, LR, WEIGHT_DECAY
from minitransformer.models.gpt import GPT, GPTConfig


def make_step(config: GPTConfig, weights: dict[str, np.ndarray], kernels: str = "auto") -> Callable:
    model = GPT(config)
    model.load_state_dict(weights | {"lm_head.weight": weights["transformer.wte.weight"]})
    optimizer = model.configure_optimizer(weight_decay=WEIGHT_DECAY, lr=LR, betas=(0.9, BETA2))

    def step(idx: np.ndarray, targets: np.ndarray) -> float:
        with mt.use_kernels(kernels):
            optimizer.zero_grad()
            _, loss = model(idx, targets)
            loss.backward()
            optimizer.step()
            return loss.item()

    return step
