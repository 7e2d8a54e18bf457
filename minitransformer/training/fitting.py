"""Fitting a task's model: epochs of steps, an evaluation after each, and the best one kept."""

from dataclasses import dataclass
from statistics import fmean
from time import perf_counter
from typing import Any

from rich.console import Console

from minitransformer.models.checkpoint import load_checkpoint, save_checkpoint, weights_of
from minitransformer.optim import AdamW, CosineLR, StepLR
from minitransformer.training.display import Display
from minitransformer.training.log import TrainingLog
from minitransformer.training.loop import Trainer
from minitransformer.training.run import Run
from minitransformer.training.tasks import FitSettings, Problem

MAX_GRAD_NORM = 1.0


@dataclass
class Progress:
    """What early stopping goes by, and the seconds spent; a checkpoint keeps it."""

    best_loss: float | None = None
    best_epoch: int = 0
    seconds: float = 0.0


class Fitting:
    """One run: a problem, how it is trained, and the folder that it is written to.

    Args:
        run: the folder.
        names: {"task": …, "model": …}, kept in checkpoints.
        problem: the model and its data.
        settings: epochs, rates, patience.
        console: where progress is shown.
        resume: continue from the run's last checkpoint, which must be there.
    """

    def __init__(
        self,
        run: Run,
        names: dict[str, str],
        problem: Problem,
        settings: FitSettings,
        console: Console,
        resume: bool = False,
    ) -> None:
        self.run, self.names, self.console = run, names, console
        self.problem, self.settings = problem, settings
        self.progress = Progress()
        self.steps = settings.epochs * problem.steps_per_epoch
        self.trainer = make_trainer(problem, settings, self.steps)
        if resume:
            arrays, facts = load_checkpoint(run.last)
            self.trainer.load_state_dict(arrays, facts)
            self.progress = Progress(**facts["progress"])

    @property
    def epochs_done(self) -> int:
        return self.trainer.steps_done // self.problem.steps_per_epoch

    def fit(self) -> dict[str, Any]:
        """Train to the last epoch, or until patience ends; the metrics on held-out rows.

        Raises:
            TrainingDiverged: a number is not finite. The checkpoint is from before it.
        """
        self.run.clean()
        log = TrainingLog(self.run.log, keep_until=self.trainer.steps_done)
        bar = (self.steps, self.trainer.steps_done, self.settings.batch_size, "rows")
        try:
            with Display(self.console, *bar) as display:
                while self.epochs_done < self.settings.epochs and not self._out_of_patience():
                    self._epoch(log, display)
        finally:
            log.close()
        if self.settings.patience:
            self.problem.model.load_state_dict(weights_of(load_checkpoint(self.run.best)[0]))
        return {**self.problem.conclude(self.run.folder), "epochs": self.epochs_done}

    def _epoch(self, log: TrainingLog, display: Display) -> None:
        """Go through the training rows once; evaluate, log, save."""
        begin = perf_counter()
        losses = []
        for _ in range(self.problem.steps_per_epoch):
            step = self.trainer.step()
            display.step(step)
            losses.append(step.loss)
            if len(losses) < self.problem.steps_per_epoch:
                log.write(step=step.number, loss=step.loss, lr=step.lr)
        part = "validation" if self.settings.patience else "held_out"
        metrics = self.problem.evaluate(part)
        self.progress.seconds += perf_counter() - begin
        log.write(step=step.number, loss=step.loss, lr=step.lr, **{part: metrics})
        best = self._note_best(metrics["loss"])
        self._save(best)
        self.console.print(epoch_line(self.epochs_done, fmean(losses), part, metrics, best))

    def _note_best(self, loss: float) -> bool:
        """Whether this epoch is the best so far, by its validation loss."""
        lowest = self.progress.best_loss
        best = self.settings.patience > 0 and (lowest is None or loss < lowest)
        if best:
            self.progress.best_loss, self.progress.best_epoch = loss, self.epochs_done
        return best

    def _out_of_patience(self) -> bool:
        waited = self.epochs_done - self.progress.best_epoch
        return 0 < self.settings.patience <= waited and self.progress.best_epoch > 0

    def _save(self, best: bool) -> None:
        arrays, facts = self.trainer.state_dict()
        facts |= self.names | self.problem.facts()
        facts |= {
            "config": self.problem.model.config.to_dict(),
            "settings": self.settings.to_dict(),
            "progress": vars(self.progress),
        }
        if best:
            save_checkpoint(self.run.best, arrays, facts)
        save_checkpoint(self.run.last, arrays, facts)


def make_trainer(problem: Problem, settings: FitSettings, steps: int) -> Trainer:
    """AdamW, which shrinks matrices alone, with the schedule that the settings name."""
    parameters = list(problem.model.parameters())
    matrices = [p for p in parameters if p.ndim >= 2]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = AdamW([group for group in groups if group["params"]], lr=settings.lr)

    def loss(model: Any, batch: Any) -> Any:
        loss = problem.loss(model, batch)
        if settings.l1:
            loss = loss + settings.l1 * sum(p.abs().sum() for p in matrices)
        return loss

    schedule = make_schedule(optimizer, settings.schedule, steps)
    return Trainer(
        problem.model, optimizer, problem.batches, loss, schedule, max_grad_norm=MAX_GRAD_NORM
    )


def make_schedule(optimizer: AdamW, name: str, steps: int) -> Any:
    """See `FitSettings.schedule`; None for a constant rate."""
    if name == "cosine":
        return CosineLR(optimizer, steps, warmup_steps=steps // 20)
    if name == "step":
        return StepLR(optimizer, step_size=max(1, steps // 3))
    return None


def epoch_line(epoch: int, trained: float, part: str, metrics: dict[str, float], best: bool) -> str:
    """`epoch 3  training loss 0.1234  held out: loss 0.2345  accuracy 0.9123`."""
    own = "  ".join(f"{name} {value:.4f}" for name, value in list(metrics.items())[:2])
    star = "  best so far" if best else ""
    return f"epoch {epoch}  training loss {trained:.4f}  {part.replace('_', ' ')}: {own}{star}"
