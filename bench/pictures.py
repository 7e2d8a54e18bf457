"""A picture of each measurement, drawn beside its JSON where matplotlib is installed."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.engines import ENGINES
from bench.operations import attainable
from bench.tables import ratios

OURS, PEER, FLOOR = "tab:blue", "0.6", "tab:orange"
COLOURS = {"ours": OURS, "textbook": "tab:green", "torch": PEER}
TITLES = {"ours": "ours", "textbook": "textbook (T × T matrix)", "torch": "PyTorch"}


def draw(record: dict[str, Any], file: Path) -> bool:
    """Draw `record` into `file`; False where there is nothing to draw, or no matplotlib."""
    painter = PAINTERS.get(record["measurement"])
    if painter is None or not record["results"]:
        return False
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    painter(figure, record)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120, metadata={"Software": None})
    return True


def roofline(figure: Any, record: dict[str, Any]) -> None:
    """Every kernel at its larger size: operations a byte, and GFLOP/s under the machine's peaks."""
    figure.set_size_inches(9.5, 6)
    axes, legend = figure.subplots(1, 2, width_ratios=(5, 1))
    peaks = record["machine"]["peaks"]
    rows = {(r["op"], r["direction"]): r for r in record["results"] if r["flops"]}.values()
    in_cache = median([r["gbs"] / r["share_of_peak"] for r in rows if not r["made_of_products"]])
    lines = ("-", "a large copy", peaks["gbs"]), (":", "copies of the kernels' sizes", in_cache)
    intensity = np.geomspace(0.05, 1000, 200)
    for style, what, gbs in lines:
        roof = [attainable(x, peaks["gflops"], gbs) for x in intensity]
        axes.plot(intensity, roof, style, color="black", lw=1, label=f"{what}: {gbs:.0f} GB/s")
    products = f"products: {peaks['gflops']:.0f} GFLOP/s"
    axes.annotate(products, (5, peaks["gflops"] * 1.05), fontsize=9, va="bottom")
    ops = list(dict.fromkeys(r["op"] for r in rows))
    for marker, direction, colour in (("o", "forward", OURS), ("s", "backward", FLOOR)):
        chosen = [r for r in rows if r["direction"] == direction]
        points = [(r["flops"] / r["bytes"], r["gflops"]) for r in chosen]
        style = {"color": colour, "markersize": 5, "label": direction}
        axes.plot(*zip(*points, strict=True), marker, **style)
        for r, point in zip(chosen, points, strict=True):
            number = str(1 + ops.index(r["op"]))
            axes.annotate(number, point, (4, 3), textcoords="offset points", fontsize=7)
    axes.set(xscale="log", yscale="log", xlim=(0.05, 1000), ylim=(0.3, 4 * peaks["gflops"]))
    axes.set(xlabel="operations a byte", ylabel="GFLOP/s, best")
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    names = (f"{i}  {op.replace('_', ' ')}" for i, op in enumerate(ops, 1))
    legend.text(0, 1, "\n".join(names), fontsize=8, va="top", linespacing=1.6)
    legend.set_axis_off()
    figure.suptitle("CPU kernels, under this machine's measured peaks")


def bars(figure: Any, record: dict[str, Any]) -> None:
    """How long each engine's step takes, in multiples of PyTorch's (else of ours), by size.

    Bars begin at 1: those to the left are faster, those to the right slower.
    """
    results = record["results"]
    figure.set_size_inches(3.2 * len(results) + 1.2, 4.8)
    for axes, result in zip(np.atleast_1d(figure.subplots(1, len(results))), results, strict=True):
        seconds, best = result["seconds"], result["best"]
        unit = next(e for e in ("torch", "ours", *seconds) if e in seconds)
        engines = sorted(seconds, key=lambda e: -median(seconds[e]))
        farthest = []
        for i, engine in enumerate(engines):
            rounds, fastest = ratios(seconds[engine], seconds[unit]), best[engine] / best[unit]
            colour = OURS if engine == "ours" else FLOOR if ENGINES[engine].is_floor else PEER
            axes.barh(i, median(rounds) - 1, left=1, color=colour, height=0.7)
            axes.plot([min(rounds), max(rounds)], [i, i], color="black", linewidth=1)
            axes.plot(fastest, i, "|", color="black", markersize=9)
            farthest += [min(*rounds, fastest), max(*rounds, fastest, 1)]
            style = {"textcoords": "offset points", "va": "center", "fontsize": 8}
            axes.annotate(f"{median(rounds):.2f}", (farthest[-1], i), (4, 0), **style)
        axes.axvline(1, color="black", linewidth=0.8)
        limits = 0.85 * min(farthest), 1.6 * max(farthest)
        axes.set(xscale="log", xlim=limits, title=result["case"])
        axes.set_xlabel(f"time / {ENGINES[unit].title}")
        axes.minorticks_off()
        ticks = [x for x in (0.25, 0.5, 1, 2, 4, 8, 16, 32) if limits[0] <= x <= limits[1]]
        axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
        axes.set_yticks(range(len(engines)), [ENGINES[e].title for e in engines], fontsize=8)
    figure.suptitle("a training step: medians, their spread (line) and the best (tick)")


def curves(figure: Any, record: dict[str, Any]) -> None:
    """Time and memory of attention by length."""
    figure.set_size_inches(10, 4.2)
    time, memory = figure.subplots(1, 2)
    for engine, colour in COLOURS.items():
        rows = [r for r in record["results"] if engine in r["seconds"]]
        lengths = [r["T"] for r in rows]
        style = {"color": colour, "label": TITLES[engine], "marker": "o", "markersize": 4}
        if rows:
            time.plot(lengths, [1000 * median(r["seconds"][engine]) for r in rows], **style)
            memory.plot(lengths, [r["growth_mb"][engine] for r in rows], **style)
    for axes, label in ((time, "ms, forward + backward"), (memory, "MB above the inputs")):
        axes.set(xscale="log", yscale="log", xlabel="T, positions", ylabel=label)
        axes.set_xticks(lengths := sorted({r["T"] for r in record["results"]}), map(str, lengths))
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:g}")
    time.legend(frameon=False)
    figure.suptitle("causal attention by length")


def shares(figure: Any, record: dict[str, Any]) -> None:
    """What each op takes of a step, a bar a size."""
    results = record["results"]
    figure.set_size_inches(9, 1.4 + 0.7 * len(results))
    axes = figure.subplots()
    names = [part["name"] for part in results[-1]["parts"]]
    colours = [f"C{i}" for i in range(6)]
    shown = dict(zip(names[:6], colours, strict=False)) | {"other ops": "0.85", names[-1]: "0.4"}
    for i, result in enumerate(results):
        left, whole = 0.0, sum(map(seconds_of, result["parts"]))
        found = dict.fromkeys(shown, 0.0)
        for part in result["parts"]:
            found[part["name"] if part["name"] in shown else "other ops"] += seconds_of(part)
        for what, seconds in found.items():
            share = seconds / whole
            label = what.replace("_", " ") if i == 0 else None
            axes.barh(i, share, left=left, color=shown[what], height=0.7, label=label)
            if share > 0.04:
                axes.annotate(f"{share:.0%}", (left + share / 2, i), ha="center", va="center")
            left += share
    axes.set_yticks(range(len(results)), [r["case"] for r in results])
    axes.set(xlim=(0, 1), xlabel="share of a step's time")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}")
    axes.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=8)


def seconds_of(part: dict[str, Any]) -> float:
    return part["forward"] + part["backward"] + part["optimizer"]


PAINTERS: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "kernels": roofline,
    "train": bars,
    "attention": curves,
    "profile": shares,
}
