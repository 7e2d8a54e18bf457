"""Whether a long training run's memory is flat: resident size by step."""

import resource
from pathlib import Path

from rich.console import Console

from minitransformer.training import LanguageModelTraining, Run, make_settings


def resident_mb() -> float:
    """The resident size of this process now, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def run(folder: Path, early: int, steps: int) -> None:
    """Train the default recipe and print the growth from step `early` to the last."""
    console = Console()
    settings = make_settings(steps=steps)
    training = LanguageModelTraining(Run(folder), settings, console=console)
    training.run.create(settings.to_dict(), None)
    step, sizes = training.trainer.step, {}

    def watched():
        done = step()
        if done.number in (early, steps):
            sizes[done.number] = resident_mb()
        return done

    training.trainer.step = watched
    training.fit()
    growth = sizes[steps] / sizes[early] - 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * 1.048576
    console.print(
        f"resident {sizes[early]:.1f} MB at step {early}, {sizes[steps]:.1f} MB at step {steps}: "
        f"{growth:+.2%}; peak {peak:.1f} MB"
    )
