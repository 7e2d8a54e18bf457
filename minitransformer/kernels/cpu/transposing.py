"""A square block of a matrix turned over in vector registers, as LLVM instructions."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from minitransformer.kernels.cpu.vectors import VECTOR_BYTES, i32, i64, pointer


def block_side(like: Any) -> int:
    """How many rows and columns a block of numbers like this one has, in kernels."""
    raise NotImplementedError


@overload(block_side, inline="always")
def _block_side(like):
    side = VECTOR_BYTES * 8 // like.bitwidth
    return lambda like: side


@intrinsic
def transpose_block(typing, source, source_row, target, target_row, like):
    """target[j, i] = source[i, j] for one block; addresses, and distances of rows in elements."""
    size = types.int64
    bytes_ = like.bitwidth // 8
    side = VECTOR_BYTES // bytes_

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        source, source_row, target, target_row, _ = values
        vector = ir.VectorType(context.get_value_type(like), side)

        def place(start: Any, distance: Any, i: int) -> Any:
            offset = builder.mul(distance, ir.Constant(i64, i * bytes_))
            return builder.inttoptr(builder.add(start, offset), pointer)

        rows = [
            builder.load(place(source, source_row, i), align=bytes_, typ=vector)
            for i in range(side)
        ]
        step = 1
        while step < side:
            rows = exchanged(builder, rows, step)
            step *= 2
        for i, row in enumerate(rows):
            builder.store(row, place(target, target_row, i), align=bytes_)
        return context.get_dummy_value()

    return types.void(size, size, size, size, like), generate


def exchanged(builder: Any, rows: list[Any], step: int) -> list[Any]:
    """In each 2 · step square of the block, the upper right and lower left quarters change places.

    After this for 1, 2, 4, … every entry is where its row and column have changed places.
    """
    lanes = range(len(rows))
    upper = [lane - step + len(rows) if lane & step else lane for lane in lanes]
    lower = [lane + len(rows) if lane & step else lane + step for lane in lanes]
    new = list(rows)
    for i in lanes:
        if not i & step:
            for k, mask in ((i, upper), (i + step, lower)):
                places = ir.Constant(ir.VectorType(i32, len(rows)), mask)
                new[k] = builder.shuffle_vector(rows[i], rows[i + step], places)
    return new
