"""What `minitransformer fit` does: fresh or resumed, and what it says at the end."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from minitransformer.models.checkpoint import load_checkpoint
from minitransformer.random import manual_seed
from minitransformer.training.fitting import Fitting
from minitransformer.training.loop import TrainingDiverged
from minitransformer.training.run import Run, next_folder
from minitransformer.training.tasks import FitSettings, Source, find_task


def fit_command(
    console: Console,
    name: str,
    model: str | None,
    given: dict[str, Any],
    source: Source,
    out: Path | None,
    resume: Path | None,
) -> dict[str, Any]:
    """Fit as the flags say (None: not given); the metrics on held-out rows."""
    task, own_file = find_task(name)
    if own_file is not None and source.root is not None:
        raise ValueError(f"fit: expected one file, got {own_file} and --root {source.root}")
    if resume is not None and out is not None:
        raise ValueError(f"fit: expected --out or --resume, got --out {out} --resume {resume}")
    source = replace(source, root=own_file) if own_file is not None else source
    model, recipe = task.recipe(model)
    names = {"task": task.name, "model": model}
    given = {flag: value for flag, value in given.items() if value is not None}
    settings = replace(recipe.settings, **given)
    run = Run(resume or out or next_folder())
    if resume is not None:
        settings = saved_settings(run, names, given)
    manual_seed(settings.seed)
    problem = task.problem(recipe, settings, source)
    fitting = Fitting(run, names, problem, settings, console, resume is not None)
    if resume is None:
        run.create({**names, **settings.to_dict()}, None)
    console.print(
        f"{task.name}, {task.about}: {problem.describe()}\n"
        f"{model} of {problem.model.num_parameters():,} parameters, {fitting.steps:,} steps of "
        f"up to {settings.batch_size} rows, into {run.folder}"
    )
    try:
        metrics = fitting.fit()
    except TrainingDiverged as error:
        raise RuntimeError(f"training stopped at {error}; try a lower --lr") from error
    except KeyboardInterrupt:
        resumable = f"go on with: minitransformer fit {name} --resume {run.folder}"
        console.print(f"\nstopped; {resumable if run.last.exists() else 'no epoch was finished'}")
        raise
    conclude(console, run, metrics, fitting.progress.seconds)
    return metrics


def saved_settings(run: Run, names: dict[str, str], given: dict[str, Any]) -> FitSettings:
    """The settings of the run to resume.

    Raises:
        FileNotFoundError: it has no checkpoint.
        ValueError: it is of another task or model, or a flag differs.
    """
    facts = load_checkpoint(run.last)[1]
    saved = {**facts.get("settings", {}), **{name: facts.get(name) for name in names}}
    different = [
        f"{name} {saved.get(name)} (given {value})"
        for name, value in {**names, **given}.items()
        if saved.get(name) != value
    ]
    if different:
        raise ValueError(
            f"resume: the checkpoint was made with {', '.join(different)}; "
            "leave these out, or start afresh in another folder"
        )
    return FitSettings(**facts["settings"])


def conclude(console: Console, run: Run, metrics: dict[str, Any], seconds: float) -> None:
    """A table of the metrics, a file of them, and the command to go on with."""
    table = Table("held out", "", title_justify="left")
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else f"{value:,}")
    table.add_row("seconds", f"{seconds:.0f}")
    console.print(table)
    scratch = run.folder / "metrics.json.tmp"
    scratch.write_text(json.dumps({**metrics, "seconds": round(seconds, 1)}, indent=1) + "\n")
    scratch.replace(run.folder / "metrics.json")
    for picture in sorted(run.folder.glob("*.png")):
        console.print(f"picture: {picture}")
    console.print(f"go on with: minitransformer predict {run.folder} INPUT …")
