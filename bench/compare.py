"""What became slower or faster between two runs of one measurement, beyond their noise.

A case has changed if three things agree: the medians of the rounds are farther apart than the
margin, the rounds of one run are mostly longer than those of the other (an exact rank test, Mann
and Whitney 1947), and the best repetitions are apart too, which a busy machine disturbs least.
"""

from functools import cache
from math import comb
from statistics import median
from typing import Any

from typer import BadParameter

from bench.engines import ENGINES
from bench.tables import Table, milliseconds

# What no change of this code can make slower; all else is ours.
PEERS = {name for name, engine in ENGINES.items() if engine.module != "bench.peers.ours"}
PEERS |= {"torch-1", "cupy", "import numpy", "import torch", "first step of PyTorch"}
LEVEL = 0.01  # how often equal runs may look so different
SLOWER, FASTER, SAME, UNKNOWN = "slower", "faster", "same", "too few rounds"


def compare(before: dict[str, Any], after: dict[str, Any], margin: float) -> list[dict[str, Any]]:
    """A change for each case and engine that both records have.

    Raises:
        BadParameter: they hold different measurements, or have no case in common.
    """
    kinds = before["measurement"], after["measurement"]
    if kinds[0] != kinds[1]:
        raise BadParameter(f"compare: one file measured {kinds[0]}, the other {kinds[1]}")
    cases = {result["case"]: result for result in before["results"]}
    changes = [
        {"case": new["case"], "engine": engine, **change(cases[new["case"]], new, engine, margin)}
        for new in after["results"]
        if new["case"] in cases
        for engine in new["seconds"]
        if engine in cases[new["case"]]["seconds"]
    ]
    if not changes:
        raise BadParameter("compare: the two files have no case in common")
    return changes


def change(old: dict[str, Any], new: dict[str, Any], engine: str, margin: float) -> dict[str, Any]:
    """Medians, how much longer the new one takes, the chance, and the verdict."""
    a, b = old["seconds"][engine], new["seconds"][engine]
    ratio = median(b) / median(a)
    best = new["best"][engine] / old["best"][engine]
    chance = min(chance_of(a, b), chance_of(b, a))
    if 1 / comb(len(a) + len(b), len(a)) > LEVEL:
        verdict = UNKNOWN  # not even rounds that are wholly apart would tell
    elif chance > LEVEL or min(abs(ratio - 1), abs(best - 1)) < margin or (ratio > 1) != (best > 1):
        verdict = SAME
    else:
        verdict = SLOWER if ratio > 1 else FASTER
    before, after = median(a), median(b)
    return {
        "before": before,
        "after": after,
        "ratio": ratio,
        "best_ratio": best,
        "chance": chance,
        "verdict": verdict,
    }


def chance_of(shorter: list[float], longer: list[float]) -> float:
    """How likely equal runs are to have rounds at least so much longer; ties count half."""
    pairs = [(x < y) + (x == y) / 2 for x in shorter for y in longer]
    against = len(pairs) - sum(pairs)
    m, n = len(shorter), len(longer)
    orders = sum(orderings(u, m, n) for u in range(int(against) + 1))
    return orders / comb(m + n, m)


@cache
def orderings(u: int, m: int, n: int) -> int:
    """In how many orders of m and n numbers, u pairs of one of each stand the wrong way."""
    if u < 0:
        return 0
    if not m or not n:
        return int(u == 0)
    return orderings(u - n, m - 1, n) + orderings(u, m, n - 1)


def slower(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of our own engines that became slower."""
    return [c for c in changes if c["verdict"] == SLOWER and c["engine"] not in PEERS]


def table(changes: list[dict[str, Any]], every: bool) -> Table:
    """The changes, or `every` case."""
    shown = [c for c in changes if every or c["verdict"] in (SLOWER, FASTER)]
    rows = [
        [
            *(c["case"], c["engine"], milliseconds(c["before"]), milliseconds(c["after"])),
            *(f"{c['ratio']:.2f}", f"{c['best_ratio']:.2f}", f"{c['chance']:.3f}", c["verdict"]),
        ]
        for c in sorted(shown, key=lambda c: -c["ratio"])
    ]
    columns = "case", "engine", "before, ms", "after, ms", "after / before", "best", "p", "verdict"
    return Table(f"{len(shown)} of {len(changes)} cases", columns, rows)


def summary(before: dict[str, Any], after: dict[str, Any], changes: list[dict[str, Any]]) -> str:
    """What to know beside the table: another machine, or peers that have drifted."""
    lines = []
    for what in ("cpu", "cores", "versions", "engine"):
        old, new = before["machine"].get(what), after["machine"].get(what)
        if old != new:
            lines.append(f"the runs differ in {what}: {old} before, {new} after")
    peers = [c["ratio"] for c in changes if c["engine"] in PEERS]
    if peers:
        middle = f"{median(peers):.2f} times as long in the median"
        lines.append(f"engines that are not ours took {middle}: that much is the machine")
    unknown = sum(c["verdict"] == UNKNOWN for c in changes)
    if unknown:
        lines.append(f"{unknown} cases have too few rounds to tell; five on each side are enough")
    worse = slower(changes)
    lines.append(f"slower: {', '.join(c['case'] for c in worse)}" if worse else "nothing is slower")
    return "\n".join(lines)
