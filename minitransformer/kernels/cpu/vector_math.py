"""exp, sigmoid, tanh and the normal distribution, written so that loops over them vectorise.

In float32 each is a polynomial on a few instructions; calls of the C library's functions would
keep a loop scalar, ten times slower. In float64, which is there to be exact, they are called.
NaN gives NaN. Largest errors, in units in the last place (ulp) or absolute:

    exp         1.03 ulp; 0 below 2^-125.5, where numbers lose their bits and take long
    sigmoid     2.5 ulp; 0 from -88.7 down
    tanh        3.0 ulp
    normal      2.1e-7 for Φ, 4.6e-8 for its density; relative to Φ 4.4e-7 down to x = -4
"""

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

from minitransformer.kernels.cpu.runtime import INTERNAL

# Reassociation would undo the two-step reductions below: only fused multiply-adds are allowed.
EXACT = {"fastmath": {"contract"}, "error_model": "numpy", "forceinline": True, **INTERNAL}
exactly = njit(**EXACT)
f32 = np.float32


@exactly
def exp_float32(x):
    """e^x = 2^k e^f with k = round(x / ln 2), so that |f| is at most ln 2 / 2."""
    x = f32(-87.336) if x < f32(-87.336) else x
    x = f32(89.0) if x > f32(89.0) else x
    # Adding 1.5 · 2²³ leaves no bits for a fraction: the sum's last bits are k.
    shifted = x * f32(1.44269504) + f32(12582912.0)
    k = shifted - f32(12582912.0)
    # ln 2 in two parts: k times the first is exact.
    f = (x - k * f32(0.693359375)) - k * f32(-2.12194440e-4)
    p = f32(0.0013813142)
    p = p * f + f32(0.0083694188)
    p = p * f + f32(0.0416684560)
    p = p * f + f32(0.1666651517)
    p = p * f + f32(0.4999999404)
    p = p * f * f + f + f32(1.0)
    # 2^(k-1), its bits put together; 2p makes up for the one, so that k = 128 gives infinity.
    scale = (f32(shifted).view(np.int32) - np.int32(0x4B400000 - 126)) << np.int32(23)
    return (p + p) * np.int32(scale).view(np.float32)


@exactly
def sigmoid_float32(x):
    return f32(1.0) / (f32(1.0) + exp_float32(-x))


@exactly
def tanh_float32(x):
    """Through exp, but for small x, where 1 - 2 / (e^2x + 1) would lose what it is made of."""
    s = x * x
    p = f32(-0.0056724217)
    p = p * s + f32(0.0206031464)
    p = p * s + f32(-0.0537252314)
    p = p * s + f32(0.1333118528)
    p = p * s + f32(-0.3333326280)
    small = x + x * s * p
    large = f32(1.0) - f32(2.0) / (exp_float32(f32(2.0) * x) + f32(1.0))
    return small if s < f32(0.390625) else large


@exactly
def normal_float32(x):
    """Φ and φ = Φ' from one exp: Φ(-|x|) is e^(-x²/2) times a polynomial in 1 / (1 + c|x|)."""
    bell = exp_float32(f32(-0.5) * x * x)
    t = f32(1.0) / (f32(1.0) + f32(0.35) * abs(x))
    p = f32(-0.0291260835)
    p = p * t + f32(0.1438732594)
    p = p * t + f32(-0.2555066049)
    p = p * t + f32(0.1589314938)
    p = p * t + f32(-0.0229385607)
    p = p * t + f32(0.1054334939)
    p = p * t + f32(0.1198523119)
    p = p * t + f32(0.1398590952)
    p = p * t + f32(0.1396215707)
    tail = bell * p * t
    return (f32(1.0) - tail if x > f32(0.0) else tail), bell * f32(0.39894228)


@exactly
def normal_float64(x):
    bell = math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return 0.5 * math.erfc(-x * math.sqrt(0.5)), bell


@exactly
def sigmoid_float64(x):
    small = math.exp(-abs(x))
    return (1.0 if x >= 0.0 else small) / (1.0 + small)


@exactly
def order(bits):
    """Turn all bits but the sign over where that is set: integers then order as their floats."""
    return np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@exactly
def row_max_float32(row):
    """By integers: LLVM vectorises their maximum, but not one that has to heed NaN."""
    top = order(f32(row[0]).view(np.int32))
    for i in range(row.size):
        top = max(top, order(f32(row[i]).view(np.int32)))
    return np.int32(order(top)).view(np.float32)


@exactly
def row_max_float64(row):
    top = row[0]
    for i in range(row.size):
        top = row[i] if row[i] > top else top
    return top


def exp(x: Any) -> Any:
    """e^x, in kernels."""


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x), in kernels."""


def tanh(x: Any) -> Any:
    """The hyperbolic tangent, in kernels."""


def normal(x: Any) -> Any:
    """The normal distribution function Φ(x) and its density, in kernels."""


def row_max(x: Any) -> Any:
    """The largest entry of a row, in kernels. Whether NaNs count is left open."""


def _by_dtype(function: Any, single: Any, double: Any) -> None:
    """In compiled code, `function` means `single` for float32 and `double` for float64."""

    @overload(function, jit_options=EXACT)
    def choose(x):
        dtype = getattr(x, "dtype", x)
        if dtype == types.float32:
            return lambda x: single(x)
        if dtype == types.float64:
            return lambda x: double(x)
        return None


_by_dtype(exp, exp_float32, math.exp)
_by_dtype(sigmoid, sigmoid_float32, sigmoid_float64)
_by_dtype(tanh, tanh_float32, math.tanh)
_by_dtype(normal, normal_float32, normal_float64)
_by_dtype(row_max, row_max_float32, row_max_float64)
