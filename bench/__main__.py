"""`python -m bench`: measurements, each engine in its own process."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def train(
    sizes: Annotated[str, typer.Option(help="Comma-separated.")] = "micro,tiny,small,medium",
    engines: Annotated[str, typer.Option(help="ours, torch, torch-compile.")] = "ours,torch",
    rounds: Annotated[int, typer.Option(help="How often the engines take turns.")] = 5,
) -> None:
    """A training step, ours beside PyTorch's."""
    from bench.train import run

    run(sizes.split(","), engines.split(","), rounds)


@app.command()
def parity(folder: Path, steps: int | None = None) -> None:
    """Repeat a finished run of ours in PyTorch, and compare the losses."""
    from bench.parity import compare

    compare(str(folder), steps)


@app.command()
def memory(folder: Path, early: int = 200, steps: int = 2000) -> None:
    """Train the default recipe into FOLDER, and print how much memory grew."""
    from bench.memory import run

    run(folder, early, steps)


@app.command()
def engine(rounds: Annotated[int, typer.Option(help="Medians of this many.")] = 9) -> None:
    """What a node costs, and importing."""
    from bench.engine import run

    run(rounds)


@app.command()
def kernels(
    rounds: Annotated[int, typer.Option(help="How often the engines take turns.")] = 3,
    json: Annotated[Path | None, typer.Option(help="Write everything here.")] = None,
) -> None:
    """Every CPU kernel beside its textbook op."""
    from bench.kernels import run

    run(rounds, json)


app()
