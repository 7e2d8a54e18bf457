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
    json: Annotated[Path | None, typer.Option(help="Write the numbers to this file.")] = None,
) -> None:
    """A training step, ours beside PyTorch's."""
    from bench.train import run

    run(sizes.split(","), engines.split(","), rounds, json)


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
def attention(
    lengths: Annotated[str, typer.Option(help="Comma-separated; 64 to 4096 if empty.")] = "",
    long: Annotated[bool, typer.Option("--long", help="8192 too.")] = False,
    batch: int = 1,
    rounds: Annotated[int, typer.Option(help="How often the engines take turns.")] = 5,
    json: Annotated[Path | None, typer.Option(help="Write the numbers to this file.")] = None,
) -> None:
    """Causal attention by T, time and memory: kernels, textbook, PyTorch."""
    from bench.attention import LENGTHS, LONG, run

    chosen = [int(T) for T in lengths.split(",")] if lengths else LENGTHS
    run(chosen + [LONG] * long, batch, rounds, json)


@app.command()
def inference(
    sizes: Annotated[str, typer.Option(help="Comma-separated.")] = "tiny,small",
    batches: Annotated[str, typer.Option(help="Comma-separated.")] = "1,16",
    rounds: Annotated[int, typer.Option(help="How often the engines take turns.")] = 5,
    json: Annotated[Path | None, typer.Option(help="Write the numbers to this file.")] = None,
) -> None:
    """Tokens a second of generation with a cache, ours beside PyTorch's."""
    from bench.inference import run

    run(sizes.split(","), [int(batch) for batch in batches.split(",")], rounds, json)


@app.command()
def startup(
    size: str = "tiny",
    rounds: Annotated[int, typer.Option(help="Medians of this many.")] = 3,
    json: Annotated[Path | None, typer.Option(help="Write the numbers to this file.")] = None,
) -> None:
    """Import, and the first training step: kernels compiled before, or not yet."""
    from bench.startup import run

    run(size, rounds, json)


@app.command()
def kernels(
    rounds: Annotated[int, typer.Option(help="How often the engines take turns.")] = 3,
    json: Annotated[Path | None, typer.Option(help="Write everything here.")] = None,
) -> None:
    """Every CPU kernel beside its textbook op and PyTorch's."""
    from bench.kernels import run

    run(rounds, json)


app()
