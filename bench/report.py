"""The tables of finished measurements as Markdown, and all measurements one after another."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from typer import BadParameter

from bench.record import load

MEASUREMENTS = (
    *("train", "profile", "kernels", "attention"),
    *("inference", "startup", "engine", "crossover"),
)
README = "README.md"


def report(folder: Path) -> str:
    """The tables of every JSON in `folder`, ready for Markdown.

    Raises:
        BadParameter: there is none.
    """
    files = [folder / f"{name}.json" for name in MEASUREMENTS]
    parts = [section(file) for file in files if file.exists()]
    if not parts:
        raise BadParameter(f"report: {folder} holds no measurement; write one with --json")
    written = "Written by `python -m bench report`; how to read it: [bench](../README.md)."
    return "\n\n".join(["# One run", written, *parts]) + "\n"


def section(file: Path) -> str:
    """One measurement: the machine, the picture if there is one, the tables."""
    record = load(file)
    picture = file.with_suffix(".png")
    lines = [f"## {record['measurement']}", *about(record)]
    lines += [f"![{record['measurement']}]({picture.name})"] * picture.exists()
    if record.get("no_gpu"):
        lines.append(f"No GPU: {record['no_gpu']}.")
    tables = import_module(f"bench.{record['measurement']}").tables(record["results"])
    return "\n\n".join([*lines, *(table.markdown() for table in tables)])


def about(record: dict[str, Any]) -> Iterator[str]:
    facts = record["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    peaks = f"{facts['peaks']['gflops']:.0f} GFLOP/s, {facts['peaks']['gbs']:.0f} GB/s"
    made = f"{record.get('made', '')}, commit {record.get('commit', '')}"
    yield f"{facts['cpu']}, {facts['cores']} cores, measured peaks {peaks}; {made}; {packages}."


def run_all(folder: Path, only: list[str]) -> None:
    """Every measurement in a process of its own, its JSON and picture, then the report."""
    console = Console(stderr=True, highlight=False)
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in only:
        begin = perf_counter()
        command = [sys.executable, "-m", "bench", name, "--json", str(folder / f"{name}.json")]
        console.rule(name)
        if subprocess.run(command).returncode:
            failed.append(name)
        console.print(f"{name}: {perf_counter() - begin:.0f} s")
    (folder / README).write_text(report(folder), encoding="utf-8")
    if failed:
        raise BadParameter(f"all: failed: {', '.join(failed)}")
