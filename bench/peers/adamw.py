"""AdamW in plain NumPy, for the peers that have none."""

from collections.abc import Mapping

import numpy as np

from bench.sizes import BETA2, LR, WEIGHT_DECAY

BETA1, EPS = 0.9, 1e-8


class AdamW:
    """Decays matrices alone, and changes them in place."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.mean = {name: np.zeros_like(w) for name, w in weights.items()}
        self.square = {name: np.zeros_like(w) for name, w in weights.items()}
        self.steps = 0

    def step(self, weights: Mapping[str, np.ndarray], grads: Mapping[str, np.ndarray]) -> None:
        self.steps += 1
        rate = LR / (1 - BETA1**self.steps)
        correction = (1 - BETA2**self.steps) ** 0.5
        for name, w in weights.items():
            g, mean, square = grads[name], self.mean[name], self.square[name]
            mean += (1 - BETA1) * (g - mean)
            square += (1 - BETA2) * (g * g - square)
            if w.ndim >= 2:
                w *= 1 - LR * WEIGHT_DECAY
            w -= rate * mean / (np.sqrt(square) / correction + EPS)
