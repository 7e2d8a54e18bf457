"""Tokens a second of generation with a cache of keys and values, ours beside PyTorch's.

Greedy, from a short prompt to the longest sequence that the model knows, float32. All must
choose the same tokens before they are timed. PyTorch takes part with one thread too, `torch-1`:
at sizes this small its threads wait for each other, above all where other programs run.
"""

from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.peers.generation import PROMPT
from bench.record import save
from bench.sizes import config_of
from bench.turns import Worker, in_turns

COLUMNS = "size", "batch", "engine", "tokens/s", "best", "ms a step", "ours / it (spread)"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def measure(size: str, batch: int, workers: dict[str, Worker], rounds: int) -> dict[str, Any]:
    """Tokens a second of each engine, a number a round.

    Raises:
        RuntimeError: the engines chose different tokens.
    """
    request = {"batch": batch, "tokens": config_of(size)[0].block_size - PROMPT}
    first = {engine: worker.ask(request)["tokens"] for engine, worker in workers.items()}
    if any(tokens != first["ours"] for tokens in first.values()):
        raise RuntimeError(f"bench inference: {size}, batch {batch}: the tokens differ")
    answers = in_turns(workers, request, rounds)
    made = batch * request["tokens"]
    speeds = {e: [made / a["seconds"] for a in of_engine] for e, of_engine in answers.items()}
    return {"size": size, **request, "tokens_per_second": speeds}


def start(size: str) -> dict[str, Worker]:
    """Every engine that is installed, in a process of its own."""
    module = "bench.peers.generation"
    workers = {"ours": Worker(module, "ours", size)}
    if find_spec("torch"):
        workers["torch"] = Worker(module, "torch", size)
        workers["torch-1"] = Worker(module, "torch", size, **ONE_THREAD)
    return workers


def row(result: dict[str, Any], engine: str) -> list[str]:
    batch, all_speeds = result["batch"], result["tokens_per_second"]
    speeds, ratio = all_speeds[engine], ""
    if engine != "ours":
        ratios = [ours / other for ours, other in zip(all_speeds["ours"], speeds, strict=True)]
        ratio = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    step = f"{1000 * batch / median(speeds):.2f}"
    cells = f"{median(speeds):.0f}", f"{max(speeds):.0f}", step
    return [result["size"], str(batch), engine, *cells, ratio]


def run(sizes: list[str], batches: list[int], rounds: int, file: Path | None) -> None:
    """Measure every size and batch, print a table, and write the numbers to `file`."""
    table = Table(*COLUMNS, title="generation with a cache")
    results = []
    for size in sizes:
        workers = start(size)
        for batch in batches:
            results.append(measure(size, batch, workers, rounds))
            for engine in workers:
                table.add_row(*row(results[-1], engine))
            table.add_section()
        for worker in workers.values():
            worker.stop()
    Console().print(table)
    save(file, "inference", results)
