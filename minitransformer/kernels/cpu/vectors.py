"""LLVM instructions on vectors of numbers: as many as a register holds, or the first few."""

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WIDE = binding.get_host_cpu_features().get("avx512f", False)  # 32 registers of 64 bytes
VECTOR_BYTES = 64 if WIDE else 32

i32, i64 = ir.IntType(32), ir.IntType(64)
pointer = ir.PointerType()


class Vectors:
    """Writes instructions on vectors of one type of number."""

    def __init__(self, builder: ir.IRBuilder, real: ir.Type) -> None:
        self.builder, self.real = builder, real
        self.bytes = 4 if real == ir.FloatType() else 8
        self.lanes = VECTOR_BYTES // self.bytes
        self.vector = ir.VectorType(real, self.lanes)

    def place(self, start: Any, index: Any) -> Any:
        """A pointer to a number of the array that starts at an address."""
        offset = self.builder.mul(index, ir.Constant(i64, self.bytes))
        return self.builder.inttoptr(self.builder.add(start, offset), pointer)

    def load(self, place: Any, kind: ir.Type) -> Any:
        return self.builder.load(place, align=self.bytes, typ=kind)

    def spread(self, number: Any, kind: ir.VectorType) -> Any:
        """A vector that holds one number everywhere."""
        undefined = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.Constant(i32, 0))
        everywhere = ir.Constant(ir.VectorType(i32, kind.count), [0] * kind.count)
        return self.builder.shuffle_vector(first, undefined, everywhere)

    def inside(self, count: Any) -> Any:
        """Which lanes are among the first so many."""
        kind = ir.VectorType(i64, self.lanes)
        lane = ir.Constant(kind, list(range(self.lanes)))
        return self.builder.icmp_signed("<", lane, self.spread(count, kind))

    def masked_load(self, place: Any, inside: Any) -> Any:
        nothing = ir.Constant(self.vector, [0.0] * self.lanes)
        kind = ir.FunctionType(self.vector, [pointer, i32, inside.type, self.vector])
        align = ir.Constant(i32, self.bytes)
        return self.builder.call(self.masked("load", kind), [place, align, inside, nothing])

    def masked_store(self, value: Any, place: Any, inside: Any) -> None:
        kind = ir.FunctionType(ir.VoidType(), [self.vector, pointer, i32, inside.type])
        align = ir.Constant(i32, self.bytes)
        self.builder.call(self.masked("store", kind), [value, place, align, inside])

    def masked(self, what: str, kind: ir.FunctionType) -> Any:
        name = f"llvm.masked.{what}.v{self.lanes}f{8 * self.bytes}.p0"
        return cgutils.get_or_insert_function(self.builder.module, kind, name)


@intrinsic
def copy_row(typing, source, target, count, more):
    """target[j] = source[j] + more for so many j; addresses. Short rows have no slow remainder."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        source, target, count, more = values
        write = Vectors(builder, context.get_value_type(signature.args[3]))
        step = ir.Constant(i64, write.lanes)
        with cgutils.for_range_slice(builder, ir.Constant(i64, 0), count, step) as (j, _):
            inside = write.inside(builder.sub(count, j))
            row = write.masked_load(write.place(source, j), inside)
            row = builder.fadd(row, write.spread(more, write.vector))
            write.masked_store(row, write.place(target, j), inside)
        return context.get_dummy_value()

    size = types.int64
    return types.void(size, size, size, more), generate
