"""Arrays by their addresses, for kernels that take a list of them of any length."""

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from minitransformer.kernels.cpu.runtime import helper


def addresses(rows: list[tuple], dtype: np.dtype) -> np.ndarray | None:
    """Where each array's memory begins, int64 (rows, columns). The caller keeps them alive.

    None if one is not dense in C order, or not of this dtype.
    """
    kind, places = dtype.str, []
    for row in rows:
        for x in row:
            layout = x.__array_interface__
            if layout["strides"] is not None or layout["typestr"] != kind:
                return None
            places.append(layout["data"][0])
    return np.array(places, np.int64).reshape(len(rows), -1)


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
