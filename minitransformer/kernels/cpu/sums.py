"""Sums of rows in an order of our own, so that LLVM may not choose one.

Free to choose, it takes another order in the process that compiles a kernel than in the code it
leaves on disk, which it optimises once more: last bits would differ from one run to the next.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from minitransformer.kernels.cpu.runtime import helper

LANES = 16  # entry j is added to running sum j % LANES, all of which are in vector registers
int32, bit = ir.IntType(32), ir.IntType(1)


@helper
def total(x):
    """Σ x of a dense row."""
    return sum_of_products(x.size, x.dtype.type(0), (x.ctypes.data,))


@helper
def dot(a, b):
    """Σ a b of two dense rows of one length."""
    return sum_of_products(a.size, a.dtype.type(0), (a.ctypes.data, b.ctypes.data))


@intrinsic
def sum_of_products(typing, size, like, addresses):
    """Σ over `size` entries of the product of the numbers, typed as `like`, at the addresses."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        size, _, starts = values
        vector = ir.VectorType(context.get_value_type(like), LANES)
        pointers = [
            builder.inttoptr(start, vector.as_pointer())
            for start in cgutils.unpack_tuple(builder, starts)
        ]
        lanes = ir.Constant(size.type, LANES)
        whole, rest = builder.sdiv(size, lanes), builder.srem(size, lanes)
        sums = cgutils.alloca_once_value(builder, constant(vector, [0.0] * LANES))

        def add(index: Any, mask: Any) -> None:
            blocks = [
                load(builder, builder.gep(p, [index]), mask, like.bitwidth // 8) for p in pointers
            ]
            terms = blocks[0] if len(blocks) == 1 else builder.fmul(*blocks)
            builder.store(builder.fadd(builder.load(sums), terms), sums)

        with cgutils.for_range(builder, whole) as loop:
            add(loop.index, None)
        with builder.if_then(builder.icmp_signed(">", rest, ir.Constant(size.type, 0))):
            add(whole, first(builder, rest))
        return halved(builder, builder.load(sums))

    return like(size, like, addresses), generate


def constant(vector: ir.VectorType, entries: Sequence) -> ir.Constant:
    return ir.Constant(vector, [ir.Constant(vector.element, entry) for entry in entries])


def first(builder: Any, count: Any) -> Any:
    """A mask of LANES bits, of which the first `count` are set."""
    numbers = ir.VectorType(int32, LANES)
    none = ir.Constant(numbers, ir.Undefined)
    one = builder.insert_element(none, builder.trunc(count, int32), ir.Constant(int32, 0))
    every = builder.shuffle_vector(one, none, constant(numbers, [0] * LANES))
    return builder.icmp_signed("<", constant(numbers, range(LANES)), every)


def load(builder: Any, pointer: Any, mask: Any, align: int) -> Any:
    """LANES numbers; zero, and not read, where the mask is not set."""
    if mask is None:
        return builder.load(pointer, align=align)
    vector = pointer.type.pointee
    zeros = constant(vector, [0.0] * LANES)
    kind = ir.FunctionType(vector, [pointer.type, int32, mask.type, vector])
    name = f"llvm.masked.load.v{LANES}{vector.element.intrinsic_name}.p0"
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [pointer, ir.Constant(int32, align), mask, zeros])


def halved(builder: Any, x: Any) -> Any:
    """The sum of a vector's entries: its upper half is added to the lower until one is left."""
    while x.type.count > 1:
        half = x.type.count // 2
        low, high = (
            builder.shuffle_vector(x, x, constant(ir.VectorType(int32, half), range(i, i + half)))
            for i in (0, half)
        )
        x = builder.fadd(low, high)
    return builder.extract_element(x, ir.Constant(int32, 0))
