"""Matrix products callable inside kernels: SciPy's BLAS, each call on the thread that makes it.

One pool of threads is enough: kernels split a product among Numba's, and each thread calls the
library for its part. The library is SciPy's own copy, so that NumPy's keeps its threads.
"""

from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic

from minitransformer.kernels.cpu.runtime import helper
from minitransformer.threads import belongs_to_scipy, blas_libraries

MODULE = "scipy.linalg.cython_blas"
AS_IT_IS, TURNED = np.uint8(ord("N")), np.uint8(ord("T"))
SYMBOLS = {types.float32: "minitransformer_sgemm", types.float64: "minitransformer_dgemm"}


def connect() -> str:
    """Tell LLVM where the products are; the library's name, or "" where none can be used."""
    try:
        from scipy.linalg import cython_blas

        libraries = [library for library in blas_libraries() if belongs_to_scipy(library)]
    except ImportError:
        return ""
    if "(char *, char *, int *," not in repr(cython_blas.__pyx_capi__["sgemm"]):
        return ""  # integers of another width
    if len(libraries) != 1:
        return ""  # shared with NumPy, or of a kind whose threads cannot be set
    libraries[0].set_num_threads(1)
    binding.add_symbol(SYMBOLS[types.float32], get_cython_function_address(MODULE, "sgemm"))
    binding.add_symbol(SYMBOLS[types.float64], get_cython_function_address(MODULE, "dgemm"))
    info = libraries[0].info()
    return f"{info['internal_api']} {info['version']}"


library = connect()


@helper
def gemm(a, b, c, alpha, beta):
    """c = alpha · a b + beta · c, for matrices whose rows or columns (of c: rows) are dense.

    Row-major matrices are the transposes of BLAS's column-major ones: cᵀ = bᵀ aᵀ.
    """
    m, n = c.shape
    turn_a, lda = orientation(a)
    turn_b, ldb = orientation(b)
    ldc = max(1, n, c.strides[0] // c.itemsize)
    operands = b.ctypes.data, ldb, a.ctypes.data, lda
    call_gemm(turn_b, turn_a, n, m, a.shape[1], alpha, *operands, beta, c.ctypes.data, ldc)


@helper
def orientation(x):
    """BLAS's letter for a matrix of dense rows or of dense columns, and how far apart they are."""
    rows, columns = x.shape
    if x.strides[1] == x.itemsize:
        return AS_IT_IS, max(1, columns, x.strides[0] // x.itemsize)
    return TURNED, max(1, rows, x.strides[1] // x.itemsize)


@intrinsic
def call_gemm(typing, turn_a, turn_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
    """Call sgemm or dgemm as Fortran does: every argument by its address."""
    size, address = types.int32, types.uintp
    kinds = types.uint8, types.uint8, size, size, size, alpha
    kinds += address, size, address, size, alpha, address, size

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointers = []
        for kind, value in zip(kinds, values, strict=True):
            if kind is address:
                kind = context.get_value_type(alpha).as_pointer()
                pointers.append(builder.inttoptr(value, kind))
            else:
                pointers.append(cgutils.alloca_once_value(builder, value))
        function = ir.FunctionType(ir.VoidType(), [pointer.type for pointer in pointers])
        symbol = cgutils.get_or_insert_function(builder.module, function, SYMBOLS[alpha])
        builder.call(symbol, pointers)
        return context.get_dummy_value()

    return types.void(*kinds), generate
