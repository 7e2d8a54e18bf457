"""A training step of a GPT, ours beside PyTorch's: forward, backward and AdamW, float32.

Each engine runs in its own process and they take turns, so that a noisy machine is noisy for
both. Losses are compared before times are. The ratio is PyTorch's time over ours: above 1,
ours is faster.
"""

import json
import subprocess
import sys
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

STEPS = {"micro": 60, "tiny": 12, "small": 3, "medium": 2}


class Worker:
    """An engine in another process, warm, waiting for its turn."""

    def __init__(self, engine: str, size: str) -> None:
        command = [sys.executable, "-m", "bench.peers.worker", engine, size]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def take(self, steps: int) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.communicate()


def measure(size: str, engines: list[str], rounds: int) -> dict[str, Any]:
    """Times of each engine at one size, in turns; the first round warms up."""
    workers = {engine: Worker(engine, size) for engine in engines}
    warm = {engine: worker.take(3) for engine, worker in workers.items()}
    losses = {engine: answer["losses"] for engine, answer in warm.items()}
    apart = max(abs(a - b) for e in engines for a, b in zip(losses[e], losses["ours"], strict=True))
    if apart > 1e-3:
        raise RuntimeError(f"bench train: {size}: losses differ by {apart:.2g}: {losses}")
    times: dict[str, list[float]] = {engine: [] for engine in engines}
    best = dict.fromkeys(engines, float("inf"))
    peak = {}
    for _ in range(rounds):
        for engine, worker in workers.items():
            answer = worker.take(STEPS[size])
            times[engine].append(median(answer["seconds"]))
            best[engine] = min(best[engine], *answer["seconds"])
            peak[engine] = answer["peak_mb"]
    for worker in workers.values():
        worker.stop()
    return {"size": size, "median": times, "best": best, "peak_mb": peak, "apart": apart}


def run(sizes: list[str], engines: list[str], rounds: int) -> list[dict[str, Any]]:
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
    return results
