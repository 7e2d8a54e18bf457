"""Inputs for every op with a CUDA kernel, larger than `tests/strategies.py` draws them.

Several warps a row, several blocks, sizes that fill neither, and every branch of a kernel.
`cases(name)` is a list of (inputs, options), float32; `SMALL` ones will do for the sanitizers,
which take a thread of the operating system for each of CUDA's.
"""

from typing import Any

import numpy as np

Case = tuple[tuple, dict[str, Any]]
SEED = (1 << 63) - 5


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(np.float32)


def integers(high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng((high, *shape)).integers(high, size=shape)


def rows() -> list[Case]:
    return [((normal(*shape),), {}) for shape in [(3, 300), (2, 33), (1, 1000), (5, 1)]]


def norms(parameters: int) -> list[Case]:
    """With weights and without, more rows than one chunk has, more columns than one block."""
    weighted = [(130, 40), (3, 300)]
    cases = [
        ((normal(*shape), *(normal(shape[1], seed=i) for i in range(parameters))), {})
        for shape in weighted
    ]
    return [*cases, ((normal(2, 33),), {"eps": 0.1})]


def gelu() -> list[Case]:
    return [((normal(3, 200),), {"approximate": form}) for form in ("none", "tanh")]


def dropout() -> list[Case]:
    return [((normal(3, 200),), {"p": p, "seed": SEED}) for p in (0.3, 0.9)]


def embedding() -> list[Case]:
    return [
        ((normal(5, 40), integers(5, 30, 20)), {}),
        ((normal(3, 300), integers(3, 7)), {}),
    ]


def cross_entropy() -> list[Case]:
    target = integers(300, 9)
    ignoring = {"ignore_index": int(target[2]), "label_smoothing": 0.1}
    return [
        ((normal(9, 300), target), {}),
        ((normal(9, 300), target), ignoring),
        ((normal(300, 3), integers(3, 300)), {"reduction": "sum"}),
        ((normal(9, 33), integers(33, 9)), {"reduction": "none", "label_smoothing": 0.2}),
    ]


def attention() -> list[Case]:
    """Tiles that are full and that are not, longer queries and longer keys, all masks."""
    cases: list[Case] = []
    for b, h, t, s, d, dv in [(1, 2, 70, 40, 16, 40), (2, 1, 33, 65, 64, 3), (1, 2, 5, 5, 4, 4)]:
        q, k, v = normal(b, h, t, d), normal(b, h, s, d, seed=1), normal(b, h, s, dv, seed=2)
        cases += [((q, k, v), {}), ((q, k, v), {"is_causal": True, "scale": 0.3})]
        dropped = {"is_causal": True, "dropout_p": 0.3, "seed": SEED}
        boolean = integers(2, b, 1, t, s) > 0
        boolean[:, :, t // 2] = False  # looks nowhere
        cases += [((q, k, v), dropped), ((q, k, v, boolean), {"is_causal": True})]
        cases += [((q, k, v, normal(1, h, 1, s)), {})]
    return cases


def packed_attention() -> list[Case]:
    return [
        ((normal(2, 40, 3, 2, 8),), {"is_causal": True}),
        ((normal(1, 33, 3, 2, 64),), {"dropout_p": 0.2, "seed": 3}),
    ]


def adam() -> list[Case]:
    p, g, mean = normal(3, 200), normal(3, 200, seed=1), normal(3, 200, seed=2)
    numbers = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-6, "weight_decay": 0.1, "step": 3}
    return [((p, g, mean, mean**2), {**numbers, "decoupled": way}) for way in (True, False)]


CASES = {
    "softmax": rows,
    "log_softmax": rows,
    "layer_norm": lambda: norms(2),
    "rms_norm": lambda: norms(1),
    "gelu": gelu,
    "dropout": dropout,
    "embedding": embedding,
    "cross_entropy": cross_entropy,
    "scaled_dot_product_attention": attention,
    "packed_self_attention": packed_attention,
    "adam_update": adam,
}


def cases(name: str) -> list[Case]:
    return CASES[name]()
