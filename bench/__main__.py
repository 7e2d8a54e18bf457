"""`python -m bench`: measurements, each engine in its own process."""

from pathlib import Path
from typing import Annotated

import typer

from bench import options
from bench.engines import ENGINES, installed_engines, missing
from bench.report import MEASUREMENTS
from bench.sizes import SIZES

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=(
        "Measure minitransformer beside its peers. Each engine runs in a process of its own, they "
        "take turns, and answers are compared before times are. bench/README.md says how to read "
        "what comes out. Close other programs first: on a busy machine no ratio means much."
    ),
)

Json = Annotated[
    Path | None,
    typer.Option(
        help="Write every number to this file, with the machine's facts, and a picture beside it.",
        callback=options.writable,
    ),
]
Rounds = Annotated[
    int, typer.Option(min=1, help="How often the engines take turns; `compare` needs five or more.")
]
Sizes = Annotated[str, typer.Option(help=f"Comma-separated: {', '.join(SIZES)}; or all.")]
Folder = Annotated[Path, typer.Argument(help="The folder with the JSON files.")]


@app.command()
def train(
    sizes: Sizes = "all",
    engines: Annotated[
        str,
        typer.Option(
            help=f"Comma-separated: {', '.join(ENGINES)}. All that are installed if left out. "
            "The three floors are the step's dense products alone, each through another library.",
            show_default=False,
        ),
    ] = "",
    rounds: Rounds = 5,
    json: Json = None,
) -> None:
    """A training step of a GPT beside every installed peer, and above its bare products.

    A peer whose step takes more than two seconds at one size is left out of the next.
    """
    from bench.train import run

    names = options.choose(engines, ENGINES, "engine") if engines else installed_engines()
    for name in names:
        if lacking := missing(name):
            raise typer.BadParameter(f"engine {name!r} needs {', '.join(lacking)}, not found here")
    run(options.choose(sizes, SIZES, "size"), names, rounds, json)


@app.command()
def profile(sizes: Sizes = "micro,small", json: Json = None) -> None:
    """Where a step's time goes: by op, forward and backward, and the engine's Python apart."""
    from bench.profile import run

    run(options.choose(sizes, SIZES, "size"), json)


@app.command()
def kernels(rounds: Rounds = 5, json: Json = None) -> None:
    """Every kernel beside its textbook op, PyTorch's, CuPy's, and this machine's peaks."""
    from bench.kernels import run

    run(rounds, json)


@app.command()
def crossover(rounds: Rounds = 5, json: Json = None) -> None:
    """From which size on a GPU is faster than the CPU, transfers counted and not."""
    from bench.crossover import run

    run(rounds, json)


@app.command()
def attention(
    lengths: Annotated[
        str, typer.Option(help="Comma-separated numbers of positions.")
    ] = "64,128,256,512,1024,2048,4096",
    batch: Annotated[int, typer.Option(min=1, help="Sequences at a time.")] = 1,
    rounds: Rounds = 5,
    json: Json = None,
) -> None:
    """Causal attention by T, time and memory: kernels, textbook, PyTorch."""
    from bench.attention import run

    run(options.whole_numbers(lengths, "lengths"), batch, rounds, json)


@app.command()
def inference(
    sizes: Sizes = "tiny,small",
    batches: Annotated[
        str, typer.Option(help="Comma-separated numbers of sequences continued at a time.")
    ] = "1,16",
    rounds: Rounds = 5,
    json: Json = None,
) -> None:
    """Tokens a second of generation with a cache, ours beside PyTorch's."""
    from bench.inference import run

    run(
        options.choose(sizes, SIZES, "size"),
        options.whole_numbers(batches, "batches"),
        rounds,
        json,
    )


@app.command()
def startup(
    size: Annotated[str, typer.Option(help=f"Of the first step: {', '.join(SIZES)}.")] = "tiny",
    rounds: Rounds = 3,
    json: Json = None,
) -> None:
    """Import, and the first training step: kernels compiled before, or not yet."""
    from bench.startup import run

    run(options.choose(size, SIZES, "size")[0], rounds, json)


@app.command()
def engine(rounds: Rounds = 9, json: Json = None) -> None:
    """What a node costs, and importing."""
    from bench.engine import run

    run(rounds, json)


@app.command()
def classifiers(
    tasks: Annotated[str, typer.Option(help="Comma-separated: imdb, rotten-tomatoes; or all.")] = (
        "all"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="Runs, each of another seed and split.")] = 1,
    limit: Annotated[int, typer.Option(min=0, help="Rows to take of each task; 0 for all.")] = 0,
    json: Json = None,
) -> None:
    """Transformer classifiers on film reviews: ours, PyTorch's, and a bag of words."""
    from bench.classifiers import TASKS, run

    run(options.choose(tasks, TASKS, "task"), list(range(seeds)), limit, json)


@app.command()
def pretraining(
    models: Annotated[str, typer.Option(help="Comma-separated: minilm, own; or all.")] = "all",
    steps: Annotated[int, typer.Option(min=1, help="Pre-training of our own BERT.")] = 2500,
    seeds: Annotated[int, typer.Option(min=1, help="Fine-tunings of our own BERT.")] = 3,
) -> None:
    """Film reviews told apart by BERTs, pre-trained and not: about a quarter of an hour."""
    from bench.pretraining import Reviews, measure_minilm, measure_our_own

    chosen = options.choose(models, ("minilm", "own"), "model")
    reviews = Reviews()
    if "minilm" in chosen:
        measure_minilm(reviews)
    if "own" in chosen:
        measure_our_own(reviews, steps, seeds)


@app.command()
def memory(
    folder: Annotated[Path, typer.Argument(help="A new folder for the run.")],
    early: Annotated[int, typer.Option(min=1, help="The step to compare the last one with.")] = 200,
    steps: Annotated[int, typer.Option(min=2, help="Steps in all.")] = 2000,
) -> None:
    """Train the default recipe into FOLDER, and print how much memory grew."""
    from bench.memory import run

    run(folder, early, steps)


@app.command()
def parity(
    folder: Annotated[Path, typer.Argument(help="A finished run of `minitransformer train`.")],
    steps: Annotated[int | None, typer.Option(min=1, help="As many as the run, or fewer.")] = None,
) -> None:
    """Repeat a finished run of ours in PyTorch, and compare the losses."""
    from bench.parity import compare as compare_losses

    compare_losses(str(folder), steps)


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="A JSON of some measurement.")],
    after: Annotated[Path, typer.Argument(help="A later one of the same measurement.")],
    margin: Annotated[float, typer.Option(min=0, help="Smaller changes do not count.")] = 0.05,
    every: Annotated[bool, typer.Option("--every", help="Show what is the same, too.")] = False,
) -> None:
    """What became slower or faster, beyond the noise; exit code 1 if ours became slower."""
    from bench import compare as comparison
    from bench.record import load

    records = load(before), load(after)
    changes = comparison.compare(*records, margin)
    comparison.table(changes, every).show()
    typer.echo(comparison.summary(*records, changes))
    raise typer.Exit(bool(comparison.slower(changes)))


@app.command()
def report(folder: Folder) -> None:
    """The tables of all JSON files in FOLDER, as Markdown."""
    from bench.report import report as markdown

    typer.echo(markdown(folder), nl=False)


@app.command(name="all")
def run_everything(
    out: Annotated[Path, typer.Option(help="Where JSON files, pictures and README.md go.")],
    only: Annotated[
        str, typer.Option(help=f"Comma-separated: {', '.join(MEASUREMENTS)}; or all.")
    ] = "all",
) -> None:
    """Every measurement, about twenty minutes, and a report of it in OUT/README.md."""
    from bench.report import run_all

    run_all(out, options.choose(only, MEASUREMENTS, "measurement"))


app()
