"""What `minitransformer train` does: fresh or resumed, and what it says at the end."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from minitransformer.devices import check_device
from minitransformer.models.checkpoint import load_checkpoint
from minitransformer.training.curve import draw_loss_curve
from minitransformer.training.generation import sample_text
from minitransformer.training.language_model import LanguageModelTraining, Result
from minitransformer.training.loop import TrainingDiverged
from minitransformer.training.run import Run, next_folder
from minitransformer.training.settings import Settings, make_settings, resume_settings


def train_command(
    console: Console,
    text: str | None,
    preset: str | None,
    given: dict[str, Any],
    out: Path | None,
    resume: Path | None,
    device: str,
) -> None:
    """Train as the flags say; a flag that was not given is None."""
    check_device(device, "train")
    text = None if text is None else str(Path(text).expanduser().resolve())
    if resume is None:
        run, settings, resuming = Run(out or next_folder()), make_settings(preset, **given), False
    else:
        run, settings, text, resuming = find_run(console, resume, out, preset, given, text)
    training = LanguageModelTraining(run, settings, text, resuming, device, console)
    if not resuming:
        run.create(settings.to_dict(), text)
    if training.trainer.steps_done >= settings.steps:
        console.print(
            f"{run.folder} is finished: {training.trainer.steps_done} steps done, validation loss "
            f"{training.validation_loss:.4f}. To go on: --resume {run.folder} --steps N"
        )
        return
    console.print(introduction(training))
    try:
        result = training.fit()
    except TrainingDiverged as error:
        kept = f"{run.last} is from before it" if run.last.exists() else "no checkpoint was written"
        raise RuntimeError(f"training stopped at {error}. {kept}; try a lower --lr") from error
    except KeyboardInterrupt:
        console.print(f"\nstopped; go on with: minitransformer train --resume {run.folder}")
        raise
    conclusion(console, run, result, settings)


def find_run(
    console: Console,
    resume: Path,
    out: Path | None,
    preset: str | None,
    given: dict[str, Any],
    text: str | None,
) -> tuple[Run, Settings, str | None, bool]:
    """The run to resume, its settings, its text, and whether it has a checkpoint yet."""
    run = Run(resume)
    start = run.started_with()
    text = text or (start or {}).get("text")
    if run.last.exists():
        settings = resume_settings(load_checkpoint(run.last)[1]["settings"], preset, **given)
        return (run if out is None else run.copy_to(out)), settings, text, True
    if start is not None:
        settings = resume_settings(start["settings"], preset, **given)
    elif out is not None or preset or any(value is not None for value in given.values()):
        settings = make_settings(preset, **given)
    else:
        raise FileNotFoundError(
            f"resume: there is no run in {resume}; start one with --out {resume}"
        )
    console.print(f"{resume} has no checkpoint yet: starting afresh")
    return (run if out is None else Run(out)), settings, text, False


def introduction(training: LanguageModelTraining) -> str:
    """What is about to be trained, on what, and where it goes."""
    model, settings, trainer = training.model, training.settings, training.trainer
    config = model.config
    tokens = len(trainer.batches.tokens) + len(training.held_out)
    begin = f"going on at step {trainer.steps_done}" if trainer.steps_done else "starting"
    return (
        f"GPT of {model.num_parameters():,} parameters: {config.n_layer} layers, {config.n_head} "
        f"heads, {config.n_embd} wide, {config.block_size} tokens long\n"
        f"{tokens:,} tokens of text ({training.tokenizer}), the last tenth held out\n"
        f"{begin}; {settings.steps} steps of {settings.tokens_per_step:,} tokens, "
        f"into {training.run.folder}"
    )


def conclusion(console: Console, run: Run, result: Result, settings: Settings) -> None:
    """Validation loss, a sample, a picture, and the command to go on with."""
    sample = sample_text(result.model, result.tokenizer, 300, seed=settings.seed)
    console.print(Panel(Text(sample.strip("\n")), title="a sample", title_align="left"))
    console.print(f"validation loss {result.validation_loss:.4f} (best {result.best_loss:.4f})")
    if draw_loss_curve(run.log, run.picture):
        console.print(f"loss curve: {run.picture}")
    else:
        console.print('no picture: pip install "minitransformer[plot]" draws the loss curve')
    console.print(
        f'go on with: minitransformer generate {run.folder} "def "\n'
        f"        or: minitransformer train --resume {run.folder} --steps {2 * settings.steps}"
    )
