"""minitransformer: a deep-learning engine on NumPy, with every gradient checked.

import minitransformer as mt
from minitransformer import functional as F
"""

import importlib
from typing import Any

from minitransformer import functional, graph, ops
from minitransformer.creation import arange, ones, randn, tensor, zeros
from minitransformer.function import Function, use_kernels
from minitransformer.functional import concatenate, einsum, maximum, minimum, stack, where

# At once: loaded later, the package of this name would hide the function.
from minitransformer.gradcheck import GradcheckError, check_backward, gradcheck
from minitransformer.graph import detect_anomaly, no_grad
from minitransformer.random import manual_seed
from minitransformer.tensor import Tensor

__version__ = "0.1.0"

# Loaded at first use, so that `import minitransformer` stays quick.
_LAZY_MODULES = {"data", "models", "nn", "optim", "text", "training"}
_LAZY_NAMES = {
    "save": "minitransformer.nn.serialization",
    "load": "minitransformer.nn.serialization",
    "set_num_threads": "minitransformer.threads",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES:
        return importlib.import_module(f"minitransformer.{name}")
    if name in _LAZY_NAMES:
        return getattr(importlib.import_module(_LAZY_NAMES[name]), name)
    raise AttributeError(f"module 'minitransformer' has no attribute {name!r}")
