"""The floor: the step's dense products through one library, and nothing else.

Every layer has arrays of its own, as a step has, and all results are written into place.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.floor import Layer, layers
from minitransformer.models.gpt import GPTConfig
from minitransformer.threads import get_num_threads

Product = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]  # a, b, and where a @ b goes


def with_numpy() -> Product:
    return lambda a, b, out: np.matmul(a, b, out=out)


def with_ours() -> Product:
    """The products that our kernels are made of."""
    from minitransformer.kernels.cpu.linear import chunks_for_product, products

    def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        products(*(x[None, None] for x in (a, b, out)), chunks_for_product(out.size, len(b)))

    return product


def with_torch() -> Product:
    import torch

    torch.set_num_threads(get_num_threads())
    view = torch.from_numpy
    return lambda a, b, out: torch.mm(view(a), view(b), out=view(out))


LIBRARIES = {"ours": with_ours, "numpy": with_numpy, "torch": with_torch}


class Arrays:
    """What one layer reads and writes."""

    def __init__(self, layer: Layer, normal: Callable) -> None:
        self.x, self.y, self.weight = (
            normal(shape, dtype=np.float32)
            for shape in (
                (layer.rows, layer.inputs),
                (layer.rows, layer.outputs),
                (layer.outputs, layer.inputs),
            )
        )
        self.dx, self.dweight = np.ones_like(self.x), np.ones_like(self.weight)

    def forward(self, product: Product) -> None:
        product(self.x, self.weight.T, self.y)

    def backward(self, product: Product) -> None:
        product(self.y, self.weight, self.dx)  # y stands for dy, which has its shape
        product(self.y.T, self.x, self.dweight)


def check(product: Product) -> None:
    """Refuse a library that computes something else."""
    arrays = Arrays(Layer(24, 16, 40), np.random.default_rng(7).standard_normal)
    x, weight = arrays.x.astype(np.float64), arrays.weight.astype(np.float64)
    arrays.forward(product)
    arrays.backward(product)
    y = x @ weight.T
    pairs = (arrays.y, y), (arrays.dx, y @ weight), (arrays.dweight, y.T @ x)
    if not all(np.allclose(got, expected, rtol=1e-4, atol=1e-3) for got, expected in pairs):
        raise RuntimeError("bench floor: its products are wrong")


def make_step(config: GPTConfig, weights: Any, batch_size: int, blas: str) -> Callable:
    """A function of (idx, targets), which it does not need, that gives no loss."""
    product = LIBRARIES[blas]()
    check(product)
    normal = np.random.default_rng(7).standard_normal
    all_arrays = [Arrays(layer, normal) for layer in layers(config, batch_size)]

    def step(idx: np.ndarray, targets: np.ndarray) -> None:
        for arrays in all_arrays:
            arrays.forward(product)
        for arrays in reversed(all_arrays):
            arrays.backward(product)

    return step
