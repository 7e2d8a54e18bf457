"""A training step of a GPT, ours beside PyTorch's: forward, backward and AdamW, float32.

Each engine runs in its own process and they take turns, so that a noisy machine is noisy for
both. Losses are compared before times are. The ratio is PyTorch's time over ours: above 1,
ours is faster.
"""

from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.record import save
from bench.turns import Worker, in_turns

STEPS = {"micro": 60, "tiny": 12, "small": 3, "medium": 2}


def measure(size: str, engines: list[str], rounds: int) -> dict[str, Any]:
    """Times of each engine at one size, in turns; the first round warms up."""
    workers = {engine: Worker("bench.peers.worker", engine, size) for engine in engines}
    losses = {engine: worker.ask(3)["losses"] for engine, worker in workers.items()}
    apart = max(abs(a - b) for e in engines for a, b in zip(losses[e], losses["ours"], strict=True))
    if apart > 1e-3:
        raise RuntimeError(f"bench train: {size}: losses differ by {apart:.2g}: {losses}")
    answers = in_turns(workers, STEPS[size], rounds)
    for worker in workers.values():
        worker.stop()
    return {
        "size": size,
        "apart": apart,
        "median": {e: [median(answer["seconds"]) for answer in answers[e]] for e in engines},
        "best": {e: min(min(answer["seconds"]) for answer in answers[e]) for e in engines},
        "peak_mb": {e: answers[e][-1]["peak_mb"] for e in engines},
    }


def run(sizes: list[str], engines: list[str], rounds: int, file: Path | None) -> None:
    """Measure and print a table, a row an engine and size."""
    table = Table("size", "engine", "median ms", "best ms", "peak MB", "ours is faster by (spread)")
    results = []
    for size in sizes:
        result = measure(size, engines, rounds)
        results.append(result)
        for engine in engines:
            times, own = result["median"][engine], result["median"]["ours"]
            ratios = sorted(t / o for t, o in zip(times, own, strict=True))
            spread = f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            table.add_row(
                size,
                engine,
                f"{1000 * median(times):.1f}",
                f"{1000 * result['best'][engine]:.1f}",
                f"{result['peak_mb'][engine]:.0f}",
                "" if engine == "ours" else spread,
            )
    Console().print(table)
    save(file, "train", results)
