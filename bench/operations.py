"""How many operations an op does, as its formula is written: the height of a roofline's points.

Each +, ·, ÷, maximum, exp, log and tanh counts as one, whatever it costs. For ops on rows that
only moves a point along the line of the memory's speed, which is what they are held against.
"""

from bench.cases import Case

# For each element, forward and backward.
PER_ELEMENT = {
    "add": (1, 0),
    "relu": (1, 1),
    "sigmoid": (3, 3),
    "tanh": (1, 3),
    "silu": (4, 7),
    "gelu": (5, 9),
    "gelu tanh": (8, 14),
    "softmax": (4, 4),
    "log_softmax": (5, 4),
    "layer_norm": (7, 11),
    "rms_norm": (4, 9),
    "batch_norm": (7, 11),
    "max_pool2d": (1, 1),
    "avg_pool2d": (1, 1),
    "dropout": (1, 1),
    "embedding": (0, 1),
    "cross_entropy": (4, 3),
    "sgd_update": (6, 0),
    "adagrad_update": (8, 0),
    "rmsprop_update": (10, 0),
    "adam_update": (14, 0),
}

# Products of a backward pass for each of the forward one; attention computes its scores again.
BACKWARD_PRODUCTS = {"linear": 2.0, "convolution": 2.0, "recurrent": 2.0, "attention": 2.5}


def count(case: Case, direction: str) -> float:
    """Floating-point operations of one pass."""
    if case.flops:
        return case.flops * (BACKWARD_PRODUCTS[case.op.family] if direction == "backward" else 1.0)
    elements = max(x.size for x in case.inputs if x is not None)
    return float(elements * PER_ELEMENT[case.name][direction == "backward"])


def attainable(intensity: float, gflops: float, gbs: float) -> float:
    """The roofline: GFLOP/s that `intensity` operations a byte allow, between two peaks.

    Williams, Waterman, Patterson 2009, "Roofline: an insightful visual performance model".
    """
    return min(gflops, intensity * gbs)
