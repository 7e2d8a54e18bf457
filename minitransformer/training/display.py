"""What a person sees while a model trains: a bar in a terminal, plain lines elsewhere."""

from statistics import fmean
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from minitransformer.training.loop import Step


class Display:
    """A progress bar with loss, speed and time left; a line an evaluation.

    Use as a context manager around the loop. A step takes `size` of what `unit` names.
    """

    def __init__(
        self, console: Console, steps: int, done: int, size: int, unit: str = "tokens"
    ) -> None:
        self.console = console
        self.size, self.unit = size, unit
        self._rate = 0.0
        self._losses: list[float] = []
        self._bar = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(bar_width=None),
            TextColumn("loss {task.fields[loss]}  {task.fields[rate]} " + unit + "/s"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=steps, completed=done, loss="-", rate="-")

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def step(self, step: Step) -> None:
        rate = self.size / step.seconds
        self._rate = rate if self._rate == 0 else 0.9 * self._rate + 0.1 * rate
        self._losses.append(step.loss)
        loss, speed = f"{step.loss:.3f}", f"{self._rate:,.0f}"
        self._bar.update(self._task, completed=step.number, loss=loss, rate=speed)

    def evaluation(self, step: int, held_out: float, best: bool) -> None:
        """A line with the mean training loss since the last one, and the held-out loss."""
        trained = f"  training loss {fmean(self._losses):.4f}" if self._losses else ""
        speed = f"  {self._rate:,.0f} {self.unit}/s" if self._rate else ""
        star = "  best so far" if best else ""
        self._losses.clear()
        self.console.print(f"step {step:>5}{trained}  validation loss {held_out:.4f}{speed}{star}")
