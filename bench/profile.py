"""Where a training step's time goes: by op, forward and backward, and the engine apart.

Every implementation's passes are wrapped with clocks. A pass that calls another one counts its own
time alone, so nothing counts twice: what is left of the step is the engine, Python that builds
and walks the graph. Steps with clocks and without take turns, which shows what clocks cost.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import minitransformer as mt
from bench.batches import batches
from bench.record import save
from bench.sizes import BETA2, LR, WEIGHT_DECAY, config_of
from bench.tables import Table, milliseconds
from minitransformer import graph
from minitransformer.function import ACCELERATED
from minitransformer.methods import OPS
from minitransformer.models.gpt import GPT

ENGINE, SUMS = "engine (Python)", "sums of gradients"
PHASES = "forward", "backward", "optimizer"
PASSES = {"forward": "forward", "backward": "backward", "forward_each": "forward"}
WARM, BUDGET = 3, 6.0  # steps before the first that counts; seconds of each size
FEWEST = 6


class Clocks:
    """Seconds of each op's passes in one step, what other passes took inside them left out."""

    def __init__(self) -> None:
        self.phase = "forward"
        self.spent: dict[tuple[str, str], float] = {}  # (name, phase)
        self.calls: dict[tuple[str, str], int] = {}
        self.inside = [0.0]  # of the pass that runs now, what passes inside it took

    def timed(self, name: str, function: Callable) -> Callable:
        def run(*args: Any, **options: Any) -> Any:
            self.inside.append(0.0)
            begin = perf_counter()
            try:
                return function(*args, **options)
            finally:
                seconds = perf_counter() - begin
                key = name, self.phase
                self.spent[key] = self.spent.get(key, 0.0) + seconds - self.inside.pop()
                self.calls[key] = self.calls.get(key, 0) + 1
                self.inside[-1] += seconds

        return run

    def take(self) -> tuple[dict, dict]:
        """What was counted since the last time."""
        counted = self.spent, self.calls
        self.spent, self.calls = {}, {}
        return counted


@contextmanager
def wrapped(clocks: Clocks) -> Iterator[None]:
    """Clocks in every op and kernel, and in the sums where several gradients meet."""
    implementations = [(op.op_name, op) for op in OPS.values()]
    implementations += [(op.op_name, kernel) for (op, _), kernel in ACCELERATED.items()]
    before: list[tuple[Any, str, Any]] = []

    def put(owner: Any, attribute: str, name: str, static: bool) -> None:
        before.append((owner, attribute, vars(owner)[attribute]))
        clocked = clocks.timed(name, getattr(owner, attribute))
        setattr(owner, attribute, staticmethod(clocked) if static else clocked)

    try:
        for name, owner in implementations:
            for attribute in PASSES.keys() & vars(owner).keys():
                put(owner, attribute, name, static=True)
        for attribute in ("add", "unbroadcast"):
            put(graph, attribute, SUMS, static=False)
        yield
    finally:
        for owner, attribute, value in reversed(before):
            setattr(owner, attribute, value)


def stepper(size: str, clocks: Clocks) -> Callable[[], dict[str, float]]:
    """A function that takes one training step and tells the seconds of each phase."""
    config, batch_size = config_of(size)
    mt.manual_seed(1337)
    model = GPT(config)
    optimizer = model.configure_optimizer(weight_decay=WEIGHT_DECAY, lr=LR, betas=(0.9, BETA2))
    supply = batches(config.vocab_size, batch_size, config.block_size)

    def step() -> dict[str, float]:
        idx, targets = next(supply)
        clocks.phase, times = "forward", [perf_counter()]
        _, loss = model(idx, targets)
        times.append(perf_counter())
        clocks.phase = "backward"
        loss.backward()
        times.append(perf_counter())
        clocks.phase = "optimizer"
        optimizer.step()
        optimizer.zero_grad()
        times.append(perf_counter())
        pairs = zip(PHASES, pairwise(times), strict=True)
        return {phase: end - begin for phase, (begin, end) in pairs}

    return step


def measure(size: str) -> dict[str, Any]:
    """Seconds a step of each op and phase: means over the faster half of the steps."""
    clocks = Clocks()
    step = stepper(size, clocks)
    for _ in range(WARM):
        step()
    plain: list[float] = []
    steps: list[dict[str, Any]] = []
    while len(steps) < FEWEST or sum(plain) < BUDGET / 2:
        plain.append(sum(step().values()))
        with wrapped(clocks):
            clocks.take()
            phases = step()
            spent, calls = clocks.take()
        steps.append({"phases": phases, "spent": spent, "calls": calls})
    totals = [sum(each["phases"].values()) for each in steps]
    half = [each for each, total in zip(steps, totals, strict=True) if total <= median(totals)]
    return {
        "case": size,
        "seconds": {"ours": plain, "ours, with clocks": totals},
        "best": {"ours": min(plain), "ours, with clocks": min(totals)},
        "steps": len(half),
        "parts": parts_of(half),
    }


def parts_of(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Seconds of each op by phase, the longest first; last what is left of each phase."""
    keys = sorted({key for step in steps for key in step["spent"]})
    mean = {key: sum(step["spent"].get(key, 0.0) for step in steps) / len(steps) for key in keys}
    left = {phase: sum(step["phases"][phase] for step in steps) / len(steps) for phase in PHASES}
    parts: dict[str, dict[str, Any]] = {}
    for (name, phase), seconds in mean.items():
        part = parts.setdefault(name, {"name": name, "calls": 0, **dict.fromkeys(PHASES, 0.0)})
        part[phase] += seconds
        part["calls"] += steps[0]["calls"].get((name, phase), 0)
        left[phase] -= seconds
    longest_first = sorted(parts.values(), key=total, reverse=True)
    return [*longest_first, {"name": ENGINE, "calls": 0, **left}]


def total(part: dict[str, Any]) -> float:
    return sum(part[phase] for phase in PHASES)


def table(result: dict[str, Any]) -> Table:
    whole = sum(map(total, result["parts"]))
    rows = []
    for part in result["parts"]:
        times = [milliseconds(part[phase]) if part[phase] else "" for phase in PHASES]
        calls = str(part["calls"] or "")
        share = f"{total(part) / whole:.1%}"
        rows.append([part["name"], calls, *times, milliseconds(total(part)), share])
    sums = [milliseconds(sum(part[phase] for part in result["parts"])) for phase in PHASES]
    rows.append(["the step", "", *sums, milliseconds(whole), "100.0%"])
    plain, clocked = (median(seconds) for seconds in result["seconds"].values())
    title = (
        f"where a step of {result['case']} goes, ms: means over the {result['steps']} faster steps "
        f"(medians: {milliseconds(clocked)} with clocks, {milliseconds(plain)} without)"
    )
    return Table(title, ("op", "calls", *PHASES, "all", "share"), rows)


def tables(results: list[dict[str, Any]]) -> list[Table]:
    return [table(result) for result in results]


def run(sizes: list[str], file: Path | None) -> None:
    """Measure, print a table a size, and write the numbers to `file`."""
    importlib.import_module("minitransformer.kernels.cpu.warm").compile_all()
    results = [measure(size) for size in sizes]
    for shown in tables(results):
        shown.show()
    save(file, "profile", results)
