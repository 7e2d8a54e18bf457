"""Arrays by their addresses, for kernels that take a list of them of any length."""

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from minitransformer.kernels.cpu.runtime import helper


def addresses(rows: list[tuple]) -> np.ndarray:
    """Where each array's memory begins, int64 (rows, columns). The caller keeps them alive."""
    return np.array([[x.__array_interface__["data"][0] for x in row] for row in rows], np.int64)


@helper
def stretch(address, low, high, like):
    """Entries `low` to `high` of the array at an address, whose dtype is that of `like`."""
    return carray(pointer(address + low * size_of(like), like), (high - low,))


@intrinsic
def size_of(typing, like):
    """The bytes of a number, known when compiling."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return context.get_constant(types.int64, like.bitwidth // 8)

    return types.int64(like), generate


@intrinsic
def pointer(typing, address, like):
    """An address as a pointer to numbers of `like`'s type."""
    result = types.CPointer(like)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(result))

    return result(address, like), generate
