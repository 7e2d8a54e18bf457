"""One tile of a matrix product, as LLVM instructions: its sums never leave the registers."""

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

WIDE = binding.get_host_cpu_features().get("avx512f", False)  # 32 registers of 64 bytes
ROWS = 8 if WIDE else 6
VECTORS = 2
VECTOR_BYTES = 64 if WIDE else 32

i1, i32, i64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
pointer = ir.PointerType()


def tile_columns(like: Any) -> int:
    """How many columns a tile of numbers like this one has, in kernels."""
    raise NotImplementedError


@overload(tile_columns, inline="always")
def _tile_columns(like):
    columns = VECTORS * VECTOR_BYTES * 8 // like.bitwidth
    return lambda like: columns


@intrinsic
def run_tile(typing, rows, columns, depth, a, a_row, a_column, b, b_row, c, c_row, alpha, add):
    """c = alpha · a b, or c += alpha · a b, for a tile of `rows` rows and `columns` columns.

    a, b and c are addresses; all the columns of b are read. Distances are in elements.
    """
    size = types.int64
    kinds = size, size, size, size, size, size, size, size, size, size, alpha, types.boolean

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        count, *arguments = values
        real = context.get_value_type(alpha)
        done = builder.append_basic_block("done")
        choose = builder.switch(count, done)
        for number in range(1, ROWS + 1):
            block = builder.append_basic_block(f"rows{number}")
            choose.add_case(ir.Constant(count.type, number), block)
            builder.position_at_end(block)
            builder.call(tile_function(builder.module, real, number), arguments)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(*kinds), generate


def tile_function(module: ir.Module, real: ir.Type, rows: int) -> ir.Function:
    """The function for tiles of so many rows, written once in a module."""
    name = f"minitransformer_tile_{real}_{rows}"
    if name in module.globals:
        return module.globals[name]
    kind = ir.FunctionType(ir.VoidType(), [i64] * 9 + [real, i1])
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    Tile(function, real, rows).write()
    return function


class Tile:
    """Writes the instructions of one tile: sum along the depth, then store or add."""

    def __init__(self, function: ir.Function, real: ir.Type, rows: int) -> None:
        self.real, self.bytes = real, 4 if real == ir.FloatType() else 8
        self.lanes = VECTOR_BYTES // self.bytes
        self.vector = ir.VectorType(real, self.lanes)
        names = "columns", "depth", "a", "a_row", "a_column", "b", "b_row", "c", "c_row"
        self.given = dict(zip((*names, "alpha", "add"), function.args, strict=True))
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        # LLVM turns these places on the stack into registers.
        self.sums = [[self.zeroed() for _ in range(VECTORS)] for _ in range(rows)]

    def zeroed(self) -> Any:
        place = cgutils.alloca_once(self.builder, self.vector)
        self.builder.store(ir.Constant(self.vector, [0.0] * self.lanes), place)
        return place

    def write(self) -> None:
        with cgutils.for_range(self.builder, self.given["depth"]) as loop:
            self.step(loop.index)
        with self.builder.if_else(self.given["add"]) as (then, otherwise):
            with then:
                self.finish(add=True)
            with otherwise:
                self.finish(add=False)
        self.builder.ret_void()

    def step(self, k: Any) -> None:
        """Row k of b times number k of each row of a, added to the sums."""
        builder, given = self.builder, self.given
        row_of_b = [
            self.load(self.address("b", (k, given["b_row"]), (v, self.lanes)), self.vector)
            for v in range(VECTORS)
        ]
        for i, sums in enumerate(self.sums):
            place = self.address("a", (i, given["a_row"]), (k, given["a_column"]))
            number = self.spread(self.load(place, self.real), self.vector)
            for total, vector in zip(sums, row_of_b, strict=True):
                product = builder.fmul(number, vector, flags=["contract"])
                so_far = builder.load(total, typ=self.vector)
                builder.store(builder.fadd(so_far, product, flags=["contract"]), total)

    def finish(self, add: bool) -> None:
        """Write alpha times the sums to c, as far as its columns go, or add them to it."""
        builder, alpha = self.builder, self.spread(self.given["alpha"], self.vector)
        for v in range(VECTORS):
            inside = self.columns_inside(v)
            for i, sums in enumerate(self.sums):
                place = self.address("c", (i, self.given["c_row"]), (v, self.lanes))
                value = builder.fmul(alpha, builder.load(sums[v], typ=self.vector))
                if add:
                    value = builder.fadd(self.masked_load(place, inside), value)
                self.masked_store(value, place, inside)

    def address(self, base: str, *terms: tuple[Any, Any]) -> Any:
        """A pointer to base + Σ index · distance, in elements."""
        builder, place = self.builder, ir.Constant(i64, 0)
        for term in terms:
            index, distance = (ir.Constant(i64, x) if isinstance(x, int) else x for x in term)
            place = builder.add(place, builder.mul(index, distance))
        offset = builder.mul(place, ir.Constant(i64, self.bytes))
        return builder.inttoptr(builder.add(self.given[base], offset), pointer)

    def load(self, place: Any, kind: ir.Type) -> Any:
        return self.builder.load(place, align=self.bytes, typ=kind)

    def spread(self, number: Any, kind: ir.VectorType) -> Any:
        """A vector that holds one number everywhere."""
        undefined = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.Constant(i32, 0))
        everywhere = ir.Constant(ir.VectorType(i32, kind.count), [0] * kind.count)
        return self.builder.shuffle_vector(first, undefined, everywhere)

    def columns_inside(self, v: int) -> Any:
        """Which lanes of vector v of a row are columns of c."""
        kind = ir.VectorType(i64, self.lanes)
        column = ir.Constant(kind, list(range(v * self.lanes, (v + 1) * self.lanes)))
        return self.builder.icmp_signed("<", column, self.spread(self.given["columns"], kind))

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
