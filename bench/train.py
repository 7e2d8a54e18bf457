"""A training step of a GPT, ours beside every peer's: forward, backward and AdamW, float32.

Each engine runs in its own process and they take turns, so that a noisy machine is noisy for
all. From the same weights and batches every one must have our first losses before it is timed;
how far apart they are after more steps is reported. The floor is the step's dense products
alone, through one BLAS.
"""

from collections.abc import Callable
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from rich.console import Console

from bench.engines import ENGINES
from bench.floor import step_flops
from bench.record import save
from bench.sizes import config_of
from bench.tables import Table, milliseconds, ratios, spread
from bench.turns import Worker, in_turns

VALIDATED = 3  # steps whose losses must be equal
FALLING = 50  # steps whose losses are reported, or as many as fit into
VALIDATION = 10.0  # seconds
TURN = {"steps": 60, "seconds": 1.5}
TOLERANCE = 1e-4
PATIENCE = 2.0  # seconds that a step may take for a peer to be tried at the next size
COLUMNS = (
    *("size", "engine", "median ms", "best ms", "tokens/s", "peak MB"),
    *("PyTorch / it", "of the bests", "compiled / it", "it / floor", "of the bests"),
    *("losses apart", "first s"),
)

log = Console(stderr=True, highlight=False)


def run(sizes: list[str], engines: list[str], rounds: int, file: Path | None) -> None:
    """Measure, print a table, and write the numbers to `file`."""
    if "ours" in engines:
        warm()
    results: list[dict[str, Any]] = []
    for size in sizes:
        slow = too_slow(results[-1]) if results else {}
        results.append(measure(size, engines, slow, rounds))
    for table in tables(results):
        table.show()
    save(file, "train", results)


def warm() -> None:
    """Compile our kernels in a process that is not measured."""
    worker = Worker("bench.peers.worker", "ours", "micro")
    worker.ask({"steps": 1, "seconds": 0})
    worker.stop()


def too_slow(result: dict[str, Any]) -> dict[str, str]:
    """The peers that have no place at the next size, and why."""
    reasons = {e: reason for e, reason in result["skipped"].items() if "too slow" in reason}
    for engine, seconds in result["seconds"].items():
        if engine != "ours" and not ENGINES[engine].is_floor and median(seconds) > PATIENCE:
            reasons[engine] = f"too slow: {median(seconds):.1f} s a step at {result['case']}"
    return reasons


def measure(size: str, engines: list[str], slow: dict[str, str], rounds: int) -> dict[str, Any]:
    """Times of each engine at one size, in turns.

    Raises:
        RuntimeError: an engine's losses are not ours.
    """
    skipped = {engine: reason for engine, reason in slow.items() if engine in engines}
    workers: dict[str, Worker] = {}
    first, losses = {}, {}
    for engine in (e for e in engines if e not in skipped):
        log.print(f"{size}: {ENGINES[engine].title} takes its first steps")
        worker = Worker("bench.peers.worker", engine, size)
        try:
            began = worker.ask({"steps": 1, "seconds": 0})
        except RuntimeError as error:
            skipped[engine] = f"failed: {error}"
            continue
        after = worker.ask({"steps": FALLING - 1, "seconds": VALIDATION})
        workers[engine], first[engine] = worker, began["seconds"][0]
        losses[engine] = began["losses"] + after["losses"]
    apart = compare_losses(size, losses)
    log.print(f"{size}: {rounds} rounds")
    answers = in_turns(workers, TURN, rounds)
    for worker in workers.values():
        worker.stop()
    return {
        "case": size,
        "tokens": config_of(size)[1] * config_of(size)[0].block_size,
        "products_gflop": step_flops(*config_of(size)) / 1e9,
        "seconds": each(answers, lambda turns: [median(turn["seconds"]) for turn in turns]),
        "best": each(answers, lambda turns: min(min(turn["seconds"]) for turn in turns)),
        "first_s": first,
        "peak_mb": each(answers, lambda turns: max(turn["peak_mb"] or 0 for turn in turns)),
        "losses": losses,
        "apart": apart,
        "skipped": skipped,
    }


def each(answers: dict[str, list[Any]], function: Callable[[list[Any]], Any]) -> dict[str, Any]:
    return {engine: function(turns) for engine, turns in answers.items()}


def compare_losses(size: str, losses: dict[str, list[Any]]) -> dict[str, dict[str, float]]:
    """How far each engine's losses are from the first one's, over the steps that both took.

    Raises:
        RuntimeError: farther than `TOLERANCE` in the first few steps.
    """
    trained = {e: values for e, values in losses.items() if not ENGINES[e].is_floor}
    expected = next(iter(trained.values()), [])
    found = {}
    for engine, values in trained.items():
        apart = [abs(a - b) for a, b in zip(values, expected, strict=False)]
        first = max(apart[:VALIDATED])
        if not first <= TOLERANCE:  # NaN neither
            raise RuntimeError(f"bench train: {size}: the losses of {engine} differ by {first:.2g}")
        found[engine] = {"steps": len(apart), "largest": max(apart)}
    return found


def tables(results: list[dict[str, Any]]) -> list[Table]:
    """One of every engine and size, one of what holds for all sizes together."""
    rows: list[list[str]] = []
    for result in results:
        rows += [row(result, engine) for engine in result["seconds"]]
        rows += [skipped_row(result, engine) for engine in result["skipped"]]
        rows.append([])
    return [Table("a training step, float32", COLUMNS, rows), means(results)]


def row(result: dict[str, Any], engine: str) -> list[str]:
    seconds, best = result["seconds"], result["best"]
    middle, apart = median(seconds[engine]), result["apart"].get(engine)

    def against(other: str) -> tuple[str, str]:
        if other not in seconds or engine == other or ENGINES[engine].is_floor:
            return "", ""
        return spread(ratios(seconds[other], seconds[engine])), f"{best[other] / best[engine]:.2f}"

    above_floor = ["", ""]
    if "floor" in seconds and engine != "floor":
        above_floor[0] = spread(ratios(seconds[engine], seconds["floor"]))
        above_floor[1] = f"{best[engine] / best['floor']:.2f}"
    return [
        *(result["case"], ENGINES[engine].title),
        *(milliseconds(middle), milliseconds(best[engine])),
        "" if apart is None else f"{result['tokens'] / middle:.0f}",
        f"{result['peak_mb'][engine]:.0f}",
        *against("torch"),
        against("torch-compile")[0],
        *above_floor,
        "" if apart is None else f"{apart['largest']:.0e} ({apart['steps']} steps)",
        f"{result['first_s'][engine]:.1f}",
    ]


def skipped_row(result: dict[str, Any], engine: str) -> list[str]:
    reason = result["skipped"][engine]
    return [result["case"], ENGINES[engine].title, reason, *[""] * (len(COLUMNS) - 3)]


def means(results: list[dict[str, Any]]) -> Table:
    """Geometric means over the sizes, of every engine that was timed at all of them."""
    everywhere = [e for e in ENGINES if all(e in result["seconds"] for result in results)]
    best = "of the bests"
    columns = ("engine", "PyTorch / it", best, "compiled / it", best, "it / floor", best)
    pairs = [("torch", False), ("torch-compile", False), ("floor", True)]
    rows = []
    for engine in (e for e in everywhere if not ENGINES[e].is_floor):
        cells = [ENGINES[engine].title]
        for other, above in pairs:
            cells += mean_ratio(results, engine, other, above) if other in everywhere else ["", ""]
        rows.append(cells)
    names = ", ".join(result["case"] for result in results)
    return Table(f"geometric mean over {names}", columns, rows)


def mean_ratio(results: list[dict[str, Any]], engine: str, other: str, above: bool) -> list[str]:
    """Of the median ratios and of the ratios of the bests; `above`: its time over the other's."""
    top, below = (engine, other) if above else (other, engine)
    middle = [median(ratios(r["seconds"][top], r["seconds"][below])) for r in results]
    best = [r["best"][top] / r["best"][below] for r in results]
    return [f"{geometric_mean(middle):.2f}", f"{geometric_mean(best):.2f}"]
