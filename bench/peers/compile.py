"""Seconds that each kernel's first call takes beyond a later one, with nothing compiled before.

Run with an empty NUMBA_CACHE_DIR. Helpers that several kernels share count for the first.
"""

from time import perf_counter
from typing import Any

from bench.cases import cases, perform
from bench.kernels import directions, load_all
from bench.turns import serve
from minitransformer.function import ACCELERATED


def main() -> None:
    begin = perf_counter()
    load_all()
    loading = perf_counter() - begin

    def answer(_: Any) -> dict[str, Any]:
        compiling: dict[str, float] = {}
        for case in cases():
            for direction in directions(case):
                key = f"{case.name} {direction}"
                if key not in compiling:
                    compiling[key] = extra(case, direction)
        return {"loading": loading, "compiling": compiling}

    serve(answer)


def extra(case: Any, direction: str) -> float:
    kernel, seconds = ACCELERATED[case.op, "cpu"], []
    for _ in range(2):
        begin = perf_counter()
        perform(kernel, case, direction)
        seconds.append(perf_counter() - begin)
    return max(0.0, seconds[0] - seconds[1])


if __name__ == "__main__":
    main()
