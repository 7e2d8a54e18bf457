"""One tile of a matrix product, as LLVM instructions: its sums never leave the registers."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from minitransformer.kernels.cpu.vectors import VECTOR_BYTES, WIDE, Vectors, i64, pointer

ROWS = 8 if WIDE else 6
VECTORS = 2

i1 = ir.IntType(1)


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
    return signature_of(alpha), call_of(Tile, alpha)


@intrinsic
def run_scattered_tile(
    typing, rows, columns, depth, a, a_rows, a_columns, b, b_rows, c, c_row, alpha, add
):  # fmt: skip
    """The same for number i, k of a at a + a_rows[i] + a_columns[k], row k of b at b + b_rows[k].

    Those three are addresses of tables of int64.
    """
    return signature_of(alpha), call_of(ScatteredTile, alpha)


def signature_of(alpha: Any) -> Any:
    size = types.int64
    return types.void(*[size] * 10, alpha, types.boolean)


def call_of(kind: type["Tile"], alpha: Any) -> Any:
    """Writes a call of the function for this kind of tile, and for so many rows."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        count, *arguments = values
        real = context.get_value_type(alpha)
        done = builder.append_basic_block("done")
        choose = builder.switch(count, done)
        for number in range(1, ROWS + 1):
            block = builder.append_basic_block(f"rows{number}")
            choose.add_case(ir.Constant(count.type, number), block)
            builder.position_at_end(block)
            builder.call(tile_function(builder.module, kind, real, number), arguments)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return generate


def tile_function(module: ir.Module, tile: type["Tile"], real: ir.Type, rows: int) -> ir.Function:
    """The function for tiles of so many rows, written once in a module."""
    name = f"minitransformer_{tile.__name__}_{real}_{rows}"
    if name in module.globals:
        return module.globals[name]
    kind = ir.FunctionType(ir.VoidType(), [i64] * 9 + [real, i1])
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    tile(function, real, rows).write()
    return function


class Tile(Vectors):
    """Writes the instructions of one tile: sum along the depth, then store or add."""

    def __init__(self, function: ir.Function, real: ir.Type, rows: int) -> None:
        super().__init__(ir.IRBuilder(function.append_basic_block("entry")), real)
        names = "columns", "depth", "a", "a_row", "a_column", "b", "b_row", "c", "c_row"
        self.given = dict(zip((*names, "alpha", "add"), function.args, strict=True))
        self.rows = rows

    def write(self) -> None:
        """A narrow tile leaves out the vectors in which no column of c lies."""
        narrow = self.builder.icmp_signed("<=", self.given["columns"], ir.Constant(i64, self.lanes))
        with self.builder.if_else(narrow) as (then, otherwise):
            with then:
                self.sum_and_store(1)
            with otherwise:
                self.sum_and_store(VECTORS)
        self.builder.ret_void()

    def sum_and_store(self, vectors: int) -> None:
        # LLVM turns these places on the stack into registers.
        sums = [[self.zeroed() for _ in range(vectors)] for _ in range(self.rows)]
        with cgutils.for_range(self.builder, self.given["depth"]) as loop:
            self.step(loop.index, sums)
        with self.builder.if_else(self.given["add"]) as (then, otherwise):
            with then:
                self.finish(sums, add=True)
            with otherwise:
                self.finish(sums, add=False)

    def zeroed(self) -> Any:
        place = cgutils.alloca_once(self.builder, self.vector)
        self.builder.store(ir.Constant(self.vector, [0.0] * self.lanes), place)
        return place

    def step(self, k: Any, sums: list[list[Any]]) -> None:
        """Row k of b times number k of each row of a, added to the sums."""
        builder = self.builder
        row_of_b = [self.load(self.in_b(k, v), self.vector) for v in range(len(sums[0]))]
        for i, row in enumerate(sums):
            number = self.spread(self.load(self.in_a(i, k), self.real), self.vector)
            for total, vector in zip(row, row_of_b, strict=True):
                product = builder.fmul(number, vector, flags=["contract"])
                so_far = builder.load(total, typ=self.vector)
                builder.store(builder.fadd(so_far, product, flags=["contract"]), total)

    def in_a(self, i: int, k: Any) -> Any:
        return self.address("a", (i, self.given["a_row"]), (k, self.given["a_column"]))

    def in_b(self, k: Any, v: int) -> Any:
        return self.address("b", (k, self.given["b_row"]), (v, self.lanes))

    def finish(self, sums: list[list[Any]], add: bool) -> None:
        """Write alpha times the sums to c, as far as its columns go, or add them to it."""
        builder, alpha = self.builder, self.spread(self.given["alpha"], self.vector)
        for v in range(len(sums[0])):
            before = ir.Constant(i64, v * self.lanes)
            inside = self.inside(builder.sub(self.given["columns"], before))
            for i, row in enumerate(sums):
                place = self.address("c", (i, self.given["c_row"]), (v, self.lanes))
                value = builder.fmul(alpha, builder.load(row[v], typ=self.vector))
                if add:
                    value = builder.fadd(self.masked_load(place, inside), value)
                self.masked_store(value, place, inside)

    def address(self, base: str, *terms: tuple[Any, Any]) -> Any:
        """A pointer to base + Σ index · distance, in elements."""
        builder, place = self.builder, ir.Constant(i64, 0)
        for term in terms:
            index, distance = (ir.Constant(i64, x) if isinstance(x, int) else x for x in term)
            place = builder.add(place, builder.mul(index, distance))
        return self.place(self.given[base], place)


class ScatteredTile(Tile):
    """Its rows and columns lie where three tables say, instead of at one distance."""

    def in_a(self, i: Any, k: Any) -> Any:
        return self.address("a", (self.entry("a_row", i), 1), (self.entry("a_column", k), 1))

    def in_b(self, k: Any, v: int) -> Any:
        return self.address("b", (self.entry("b_row", k), 1), (v, self.lanes))

    def entry(self, table: str, index: Any) -> Any:
        number = ir.Constant(i64, index) if isinstance(index, int) else index
        offset = self.builder.mul(number, ir.Constant(i64, 8))
        place = self.builder.inttoptr(self.builder.add(self.given[table], offset), pointer)
        return self.builder.load(place, align=8, typ=i64)
