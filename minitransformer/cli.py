"""The commands: `minitransformer train`, `generate`, `fit`, `predict`, `embed`, `doctor`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A deep-learning engine on NumPy: train and use small transformers on your CPU.",
)
console = Console(soft_wrap=True, markup=False, highlight=False)

Size = Annotated[int | None, typer.Option(show_default=False)]


@app.command()
def train(
    text: Annotated[
        str | None,
        typer.Option(help="File or folder to learn from; Python's standard library if left out."),
    ] = None,
    tokenizer: Annotated[str | None, typer.Option(help="bytes, chars or bpe.")] = None,
    vocab_size: Annotated[int | None, typer.Option(help="Tokens that bpe learns.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Sizes and batch: micro, tiny, small or medium.")
    ] = None,
    n_layer: Size = None,
    n_head: Size = None,
    n_embd: Size = None,
    block_size: Size = None,
    batch_size: Size = None,
    accumulate: Annotated[int | None, typer.Option(help="Batches to a step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Share of activations zeroed.")] = None,
    steps: Annotated[int | None, typer.Option(help="In total, resumed or not.")] = None,
    eval_every: Annotated[
        int | None, typer.Option(help="Steps between evaluations, and checkpoints.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same bits.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; runs/1, runs/2, … if left out.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Folder of a run to go on with, bit for bit.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a GPT on text, and watch it learn. Without flags: nanoGPT's recipe for a CPU."""
    given = {
        "tokenizer": tokenizer,
        "vocab_size": vocab_size,
        "n_layer": n_layer,
        "n_head": n_head,
        "n_embd": n_embd,
        "block_size": block_size,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "lr": lr,
        "dropout": dropout,
        "steps": steps,
        "eval_every": eval_every,
        "seed": seed,
    }
    from minitransformer.training.command import train_command

    train_command(console, text, preset, given, out, resume, device)


@app.command()
def generate(
    folder: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    prompt: Annotated[str, typer.Argument(help="Text to go on from.")] = "\n",
    tokens: Annotated[int, typer.Option(help="How many to add.")] = 200,
    temperature: Annotated[float, typer.Option(help="Below 1: bolder; above: wilder.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="Choose among the k likeliest.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Choose among the likeliest that make up this share.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same text.")] = None,
    checkpoint: Annotated[str, typer.Option(help="best or last.")] = "best",
) -> None:
    """Stream text from a trained model."""
    from minitransformer.training.generation import load_language_model, printable, stream_text

    model, tokenizer = load_language_model(folder, checkpoint)
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    pieces = stream_text(model, tokenizer, prompt, tokens, **options)
    first = next(pieces, "")
    sys.stdout.write(prompt + printable(first))
    for piece in pieces:
        sys.stdout.write(printable(piece))
        sys.stdout.flush()
    sys.stdout.write("\n")


@app.command()
def fit(
    task: Annotated[
        str,
        typer.Argument(
            help="imdb, rotten-tomatoes, mnist, fashion-mnist, pinyin, translation, "
            "movielens, or a FILE.csv."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(help="mlp, cnn, vit, lstm, transformer, …; the task's own if left out."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Times through the training rows.")] = None,
    batch_size: Size = None,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    schedule: Annotated[str | None, typer.Option(help="cosine, step or constant.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="L2: shrinks the weights.")] = None,
    l1: Annotated[float | None, typer.Option(help="L1: this times their absolute sum.")] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="Share of a target given to all classes alike.")
    ] = None,
    augment: Annotated[
        bool | None, typer.Option(help="Change training rows at random.", show_default=False)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many epochs without a lower loss; keep the best one."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Rows to take; all if left out.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same bits.")] = None,
    root: Annotated[
        Path | None, typer.Option(help="File or folder of the data; the cache if left out.")
    ] = None,
    download: Annotated[bool, typer.Option(help="Fetch what is not in the cache.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; runs/1, runs/2, … if left out.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Folder of a run to go on with, bit for bit.")
    ] = None,
) -> None:
    """Train a model on a task's real data, and measure it on rows held out."""
    given = {
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "schedule": schedule,
        "weight_decay": weight_decay,
        "l1": l1,
        "label_smoothing": label_smoothing,
        "augment": augment,
        "patience": patience,
        "limit": limit,
        "seed": seed,
    }
    from minitransformer.training.fit_command import fit_command
    from minitransformer.training.tasks import Source

    fit_command(console, task, model, given, Source(root, download), out, resume)


@app.command()
def predict(
    folder: Annotated[Path, typer.Argument(help="Folder of a run of `fit`.")],
    inputs: Annotated[
        list[str], typer.Argument(help="Texts, files of a text a line, images, or film ids.")
    ],
) -> None:
    """Say what a fitted model makes of new inputs: a class or a text, the input beside it."""
    from minitransformer.training.prediction import prediction_lines

    for line in prediction_lines(folder, inputs):
        print(line)


@app.command()
def embed(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a BERT: config.json, model.safetensors, vocab.txt.")
    ],
    file: Annotated[Path, typer.Argument(help="Text file, a sentence a line.")],
    like: Annotated[
        str | None, typer.Option(help="Find the ten lines nearest to this text.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write all points to this .npy or .safetensors.")
    ] = None,
) -> None:
    """Sentences as points: print the ten closest pairs of lines, or those nearest to a text."""
    from minitransformer.training.embedding import embed_command

    embed_command(console, folder, file, like, out)


@app.command()
def doctor(
    warm: Annotated[bool, typer.Option("--warm", help="Compile all kernels now.")] = False,
) -> None:
    """Say what this machine has, what is missing, and how to mend it."""
    from minitransformer.doctor import examine, warm_up

    console.print(examine())
    if warm:
        warm_up(console)


def main(arguments: list[str] | None = None) -> Any:
    """Run a command; an error that a person can mend is one line, not a traceback."""
    try:
        app(args=arguments)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except (ValueError, TypeError, OSError, RuntimeError, IndexError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
