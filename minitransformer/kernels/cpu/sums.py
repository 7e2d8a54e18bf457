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
int32 = ir.IntType(32)


@helper
def total(x):
    """Σ x of a dense row."""
    return sum_of_products(x.size, (shifted(x, 0),))


@helper
def dot(a, b):
    """Σ a b of two dense rows of one length."""
    return sum_of_products(a.size, (shifted(a, 0), shifted(b, 0)))


@helper
def spread(x, centre):
    """Σ (x - centre)² of a dense row."""
    return sum_of_products(x.size, (shifted(x, centre), shifted(x, centre)))


@helper
def moment(x, centre, a, b):
    """Σ (x - centre) a b of three dense rows of one length."""
    return sum_of_products(x.size, (shifted(x, centre), shifted(a, 0), shifted(b, 0)))


@helper
def shifted(x, centre):
    """A factor, x - centre, as `sum_of_products` takes it."""
    return x.ctypes.data, x.dtype.type(centre)


@intrinsic
def sum_of_products(typing, size, factors):
    """The sum over `size` entries of the product of up to three factors."""
    real = factors[0][1]

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        size, factors = values
        vector = ir.VectorType(context.get_value_type(real), LANES)
        zeros = constant(vector, [0.0] * LANES)
        rows = []
        for factor in cgutils.unpack_tuple(builder, factors):
            start, centre = cgutils.unpack_tuple(builder, factor)
            rows.append(
                (builder.inttoptr(start, vector.as_pointer()), in_all_lanes(builder, centre))
            )
        lanes = ir.Constant(size.type, LANES)
        whole, rest = builder.sdiv(size, lanes), builder.srem(size, lanes)
        sums = cgutils.alloca_once_value(builder, zeros)

        def add(index: Any, mask: Any) -> None:
            product = None
            for pointer, centre in rows:
                place = builder.gep(pointer, [index])
                block = builder.fsub(load(builder, place, mask, real.bitwidth // 8), centre)
                product = builder.fmul(product, block) if product else block
            product = builder.select(mask, product, zeros) if mask else product
            builder.store(builder.fadd(builder.load(sums), product), sums)

        with cgutils.for_range(builder, whole) as loop:
            add(loop.index, None)
        with builder.if_then(builder.icmp_signed(">", rest, ir.Constant(size.type, 0))):
            add(whole, first(builder, rest))
        return halved(builder, builder.load(sums))

    return real(size, factors), generate


def constant(vector: ir.VectorType, entries: Sequence) -> ir.Constant:
    return ir.Constant(vector, [ir.Constant(vector.element, entry) for entry in entries])


def first(builder: Any, count: Any) -> Any:
    """A mask of LANES bits, of which the first `count` are set."""
    numbers = constant(ir.VectorType(int32, LANES), range(LANES))
    return builder.icmp_signed("<", numbers, in_all_lanes(builder, builder.trunc(count, int32)))


def in_all_lanes(builder: Any, number: Any) -> Any:
    none = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    one = builder.insert_element(none, number, ir.Constant(int32, 0))
    return builder.shuffle_vector(one, none, constant(ir.VectorType(int32, LANES), [0] * LANES))


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
