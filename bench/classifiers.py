"""The Transformer classifier of `minitransformer fit`, beside PyTorch's and a bag of words.

All see the same training and held-out rows. PyTorch starts from the same weights, reads the same
batches in the same order, takes the same steps; only its dropout draws other numbers. The bag of
words is scikit-learn's logistic regression on tf-idf, so that nobody is fooled.
"""

from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, median
from typing import Any

from rich.console import Console

from bench.record import save
from bench.tables import Table, ratios, spread
from bench.turns import Worker

TASKS = ("imdb", "rotten-tomatoes")
ENGINES = {"ours": "", "torch": "torch", "words": "sklearn"}  # and the package that each needs
TITLES = {"ours": "minitransformer", "torch": "PyTorch", "words": "bag of words (scikit-learn)"}
COLUMNS = "task", "held out", "classifier", "accuracy", "seconds", "it / ours"
CLOSE = 1e-4  # how far apart the first losses may be

log = Console(stderr=True, highlight=False)


def measure(task: str, seeds: list[int], limit: int) -> dict[str, Any]:
    """Seconds and accuracy of each classifier, a number a seed; they take turns.

    Raises:
        RuntimeError: ours and PyTorch's do not begin with the same loss.
    """
    engines = [engine for engine, needs in ENGINES.items() if not needs or find_spec(needs)]
    answers: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    for seed in seeds:
        workers = {e: Worker("bench.peers.classifier", e, task, seed, limit) for e in engines}
        first = {e: workers[e].ask("first loss") for e in engines if e != "words"}
        if max(first.values()) - min(first.values()) > CLOSE:
            raise RuntimeError(f"bench classifiers: {task}: the first losses differ: {first}")
        for engine, worker in workers.items():
            answers[engine].append(worker.ask("fit"))
            log.print(f"{task}, seed {seed}, {engine}: {answers[engine][-1]}")
            worker.stop()
    seconds = {e: [answer["seconds"] for answer in own] for e, own in answers.items()}
    return {
        "case": task,
        "rows": answers["ours"][0]["rows"],
        "seeds": seeds,
        "accuracy": {e: [answer["accuracy"] for answer in own] for e, own in answers.items()},
        "seconds": seconds,
        "best": {engine: min(taken) for engine, taken in seconds.items()},
    }


def row(result: dict[str, Any], engine: str) -> list[str]:
    seconds, accuracies = result["seconds"], result["accuracy"][engine]
    shown = f"{100 * fmean(accuracies):.2f} %"
    if len(accuracies) > 1:
        shown += f" ({100 * min(accuracies):.2f} to {100 * max(accuracies):.2f})"
    ratio = "" if engine == "ours" else spread(ratios(seconds[engine], seconds["ours"]))
    who = [result["case"], f"{result['rows']:,}", TITLES[engine]]
    return [*who, shown, f"{median(seconds[engine]):.1f}", ratio]


def tables(results: list[dict[str, Any]]) -> list[Table]:
    rows: list[list[str]] = []
    for result in results:
        rows += [*(row(result, engine) for engine in result["seconds"]), []]
    return [Table("classifiers", COLUMNS, rows)]


def run(tasks: list[str], seeds: list[int], limit: int, file: Path | None) -> None:
    """Measure every task, print a table, and write the numbers to `file`."""
    results = [measure(task, seeds, limit) for task in tasks]
    for shown in tables(results):
        shown.show()
    save(file, "classifiers", results)
