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

from bench.peers.generation import PROMPT
from bench.record import save
from bench.sizes import config_of
from bench.tables import Table, milliseconds, ratios, spread
from bench.turns import Worker, in_turns

COLUMNS = "size", "batch", "engine", "tokens/s", "best", "ms a step", "it / ours"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}

log = Console(stderr=True, highlight=False)


def measure(size: str, batch: int, workers: dict[str, Worker], rounds: int) -> dict[str, Any]:
    """Seconds of each engine to continue the prompts, a number a round.

    Raises:
        RuntimeError: the engines chose different tokens.
    """
    request = {"batch": batch, "tokens": config_of(size)[0].block_size - PROMPT}
    first = {engine: worker.ask(request)["tokens"] for engine, worker in workers.items()}
    if any(tokens != first["ours"] for tokens in first.values()):
        raise RuntimeError(f"bench inference: {size}, batch {batch}: the tokens differ")
    answers = in_turns(workers, request, rounds)
    seconds = {e: [answer["seconds"] for answer in answers[e]] for e in workers}
    best = {engine: min(taken) for engine, taken in seconds.items()}
    case = {"case": f"{size}, batch {batch}", "size": size, **request}
    return {**case, "seconds": seconds, "best": best}


def start(size: str) -> dict[str, Worker]:
    """Every engine that is installed, in a process of its own."""
    module = "bench.peers.generation"
    workers = {"ours": Worker(module, "ours", size)}
    if find_spec("torch"):
        workers["torch"] = Worker(module, "torch", size)
        workers["torch-1"] = Worker(module, "torch", size, **ONE_THREAD)
    return workers


def row(result: dict[str, Any], engine: str) -> list[str]:
    seconds, made = result["seconds"], result["batch"] * result["tokens"]
    middle, best = median(seconds[engine]), result["best"][engine]
    speeds = [f"{made / middle:.0f}", f"{made / best:.0f}", milliseconds(middle / result["tokens"])]
    ratio = "" if engine == "ours" else spread(ratios(seconds[engine], seconds["ours"]))
    return [result["size"], str(result["batch"]), engine, *speeds, ratio]


def tables(results: list[dict[str, Any]]) -> list[Table]:
    rows: list[list[str]] = []
    for result in results:
        rows += [*(row(result, engine) for engine in result["seconds"]), []]
    return [Table("generation with a cache", COLUMNS, rows)]


def run(sizes: list[str], batches: list[int], rounds: int, file: Path | None) -> None:
    """Measure every size and batch, print a table, and write the numbers to `file`."""
    results = []
    for size in sizes:
        workers = start(size)
        for batch in batches:
            log.print(f"{size}, batch {batch}: {rounds} rounds")
            results.append(measure(size, batch, workers, rounds))
        for worker in workers.values():
            worker.stop()
    for shown in tables(results):
        shown.show()
    save(file, "inference", results)
