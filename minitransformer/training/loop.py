"""The training loop: draw a batch, step down its gradient, now and then evaluate."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from statistics import fmean
from time import perf_counter
from typing import Any

import numpy as np

from minitransformer import random
from minitransformer.devices import array_module
from minitransformer.models.checkpoint import OPTIMIZER, weights_of
from minitransformer.optim import clip_grad_norm_


class TrainingDiverged(RuntimeError):
    """The loss or a gradient is NaN or infinite; says at which step and where it began."""


@dataclass
class Step:
    """What one step did."""

    number: int
    loss: float
    lr: float
    grad_norm: float
    seconds: float


class Trainer:
    """Takes a model down its loss, one optimiser step at a time.

    Args:
        model: Module to train.
        optimizer: over the model's parameters.
        batches: iterator of batches, with `state_dict` and `load_state_dict`.
        loss: `loss(model, batch)`, a Tensor of one element.
        schedule: sets the learning rate of a step; None leaves it as it is.
        accumulate: batches whose mean gradient makes one step.
        max_grad_norm: longer gradients are shortened to this length.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        batches: Any,
        loss: Callable[[Any, Any], Any],
        schedule: Any = None,
        accumulate: int = 1,
        max_grad_norm: float = float("inf"),
    ) -> None:
        if accumulate < 1:
            raise ValueError(f"Trainer: accumulate should be at least 1, got {accumulate}")
        self.model = model
        self.optimizer = optimizer
        self.batches = batches
        self.loss = loss
        self.schedule = schedule
        self.accumulate = accumulate
        self.max_grad_norm = max_grad_norm
        self.steps_done = 0

    def step(self) -> Step:
        """Take one step.

        Raises:
            TrainingDiverged: the loss or a gradient is not finite; the weights are as they were.
        """
        begin = perf_counter()
        self.model.train()
        self.optimizer.zero_grad()
        # What NumPy would warn of is looked for below, and named.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            losses = [self._backward() for _ in range(self.accumulate)]
            norm = clip_grad_norm_(self.model.parameters(), self.max_grad_norm)
        # A GPU has the whole backward pass to do by now; this is where the step waits for it.
        loss = fmean(loss.item() for loss in losses)
        if not isfinite(loss):
            raise self._diverged(f"the loss is {loss}", origin(self.model, ("data",)))
        if not isfinite(norm):
            raise self._diverged(f"the gradient's norm is {norm}", origin(self.model))
        lr = self.optimizer.param_groups[0]["lr"]
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        self.steps_done += 1
        return Step(self.steps_done, loss, lr, norm, perf_counter() - begin)

    def _backward(self) -> Any:
        """Add one batch's share to the gradients; its loss, a Tensor."""
        loss = self.loss(self.model, next(self.batches))
        (loss / self.accumulate if self.accumulate > 1 else loss).backward()
        return loss.detach()

    def _diverged(self, what: str, where: str) -> TrainingDiverged:
        return TrainingDiverged(f"step {self.steps_done + 1}: {what}; {where}")

    def state_dict(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """All that the next step depends on: arrays, and facts ready for JSON."""
        arrays = {name: value.data for name, value in self.model.state_dict().items()}
        optimizer = self.optimizer.state_dict()
        numbers: dict[str, dict[str, float]] = {}
        for index, memory in optimizer["state"].items():
            for name, value in memory.items():
                if hasattr(value, "shape"):
                    arrays[f"{OPTIMIZER}{index}.{name}"] = value
                else:
                    numbers.setdefault(str(index), {})[name] = value
        facts = {
            "steps_done": self.steps_done,
            "optimizer": {"numbers": numbers, "param_groups": optimizer["param_groups"]},
            "batches": self.batches.state_dict(),
            "random": random.get_state(),
        }
        return arrays, facts

    def load_state_dict(self, arrays: dict[str, Any], facts: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        own = weights_of(arrays)
        self.model.load_state_dict(own)
        saved = facts["optimizer"]
        state: dict[int, dict[str, Any]] = {int(k): dict(v) for k, v in saved["numbers"].items()}
        for key in arrays.keys() - own.keys():
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = arrays[key]
        self.optimizer.load_state_dict({"state": state, "param_groups": saved["param_groups"]})
        self.batches.load_state_dict(facts["batches"])
        random.set_state(facts["random"])
        self.steps_done = facts["steps_done"]
        if self.schedule is not None:
            self.schedule.seek(self.steps_done)


def origin(model: Any, places: tuple[str, ...] = ("data", "grad")) -> str:
    """Where the first number that is not finite stands: in a parameter, else in a gradient."""
    for what in places:
        for name, parameter in model.named_parameters():
            array = getattr(parameter, what)
            if array is not None and not bool(array_module(array).isfinite(array).all()):
                kind = "parameter" if what == "data" else "the gradient of parameter"
                return f"it began in {kind} {name}"
    largest = max(model.named_parameters(), key=lambda pair: float(abs(pair[1].data).max()))
    return (
        f"all parameters are finite: it began in the forward pass; the largest weight, "
        f"{float(abs(largest[1].data).max()):.3g}, is in {largest[0]}"
    )
