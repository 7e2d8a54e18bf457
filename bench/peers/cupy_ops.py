"""The op of each case of `bench.cases` on a GPU, in a process of its own.

Asked for [number of the case, direction], it takes one turn and answers with its seconds, the
GPU idle before each reading of a clock, and the seconds that the inputs' way to the GPU took.
The first time it holds the result against the textbook.
"""

from time import perf_counter
from typing import Any

import cupy
import numpy as np

from bench.cases import TOLERANCE, Case, cases, largest_error, perform
from bench.kernels import take_turn
from bench.turns import serve
from minitransformer.devices import to_device
from minitransformer.function import ACCELERATED, load_kernels
from minitransformer.graph import Node


class Synchronised:
    """An implementation whose passes end when the GPU has done their work."""

    def __init__(self, case: Case) -> None:
        load_kernels(case.op.family, "cuda")
        self.implementation = ACCELERATED.get((case.op, "cuda"), case.op)

    def forward(self, ctx: Node, *arrays: Any, **options: Any) -> Any:
        y = self.implementation.forward(ctx, *arrays, **options)
        cupy.cuda.get_current_stream().synchronize()
        return y

    def backward(self, ctx: Node, dy: Any) -> tuple:
        grads = self.implementation.backward(ctx, dy)
        cupy.cuda.get_current_stream().synchronize()
        return grads


def on_gpu(case: Case) -> Case:
    return case._replace(
        inputs=tuple(x if x is None else to_device(x, "cuda") for x in case.inputs)
    )


def main() -> None:
    known, validated = list(cases()), set()

    def answer(request: list) -> dict[str, Any]:
        number, direction = request
        begin = perf_counter()
        case = on_gpu(known[number])
        cupy.cuda.get_current_stream().synchronize()
        transfer = perf_counter() - begin
        engine = Synchronised(case)
        if (number, direction) not in validated:
            validated.add((number, direction))
            validate(engine, known[number], case, direction)
        return {"turn": take_turn(engine, case, direction), "transfer": transfer}

    serve(answer)


def validate(engine: Synchronised, on_cpu: Case, case: Case, direction: str) -> None:
    """Refuse another result than the textbook's in float64."""
    results = tuple(x.get() for x in perform(engine, case, direction).results)
    expected = perform(case.op, on_cpu, direction, np.float64).results
    if case.name != "dropout" and not (error := largest_error(results, expected)) < TOLERANCE:
        raise RuntimeError(f"bench kernels: {case.name} {direction}: CuPy's error {error:.2g}")


if __name__ == "__main__":
    main()
