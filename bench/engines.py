"""The engines that take a training step: what each is, its file, and what it needs installed."""

from collections.abc import Mapping
from importlib.util import find_spec
from shutil import which
from types import MappingProxyType
from typing import Any, NamedTuple


class Engine(NamedTuple):
    """`module` has `make_step(config, weights, **options)`, which gives (idx, targets) -> loss."""

    title: str
    module: str
    needs: tuple[str, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})
    programs: tuple[str, ...] = ()

    @property
    def is_floor(self) -> bool:
        """Whether it computes the step's dense products alone."""
        return self.module.endswith(".floor")


ENGINES = {
    "ours": Engine("minitransformer", "bench.peers.ours"),
    "torch": Engine("PyTorch eager", "bench.peers.torch_gpt", ("torch",)),
    "torch-compile": Engine(
        "PyTorch compiled", "bench.peers.torch_gpt", ("torch",), {"compiled": True}
    ),
    "numpy": Engine("plain NumPy", "bench.peers.ours", (), {"kernels": "reference"}),
    "jax": Engine("JAX jit, optax", "bench.peers.jax_gpt", ("jax", "optax")),
    "tinygrad": Engine("tinygrad", "bench.peers.tinygrad_gpt", ("tinygrad",), programs=("clang",)),
    "mygrad": Engine("MyGrad", "bench.peers.mygrad_gpt", ("mygrad",)),
    "autograd": Engine("HIPS autograd", "bench.peers.autograd_gpt", ("autograd",)),
    "floor": Engine("floor: our products", "bench.peers.floor", ("numba",), {"blas": "ours"}),
    "floor-numpy": Engine("floor: NumPy's BLAS", "bench.peers.floor", (), {"blas": "numpy"}),
    "floor-torch": Engine("floor: PyTorch's", "bench.peers.floor", ("torch",), {"blas": "torch"}),
}


def missing(engine: str) -> list[str]:
    """The packages and programs that `engine` needs and that are not installed."""
    packages = [package for package in ENGINES[engine].needs if not find_spec(package)]
    return packages + [name for name in ENGINES[engine].programs if not which(name)]


def installed_engines() -> list[str]:
    return [engine for engine in ENGINES if not missing(engine)]
