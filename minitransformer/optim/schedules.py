"""Learning rates that change from step to step, each a pure function of the step's number.

Call `schedule.step()` after each `optimizer.step()`. Each group goes on from its own rate.
"""

from math import cos, pi
from typing import Any

from minitransformer.optim.optimizer import Optimizer, at_least_zero


class Schedule:
    """Sets `group["lr"]` of an optimizer. A subclass gives `lr_at`."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.seek(0)

    def lr_at(self, step: int, group: int = 0) -> float:
        """The learning rate of step number `step`, counted from 0."""
        raise NotImplementedError

    def step(self) -> None:
        """Set the rates of the next step."""
        self.seek(self.steps_done + 1)

    def seek(self, step: int) -> None:
        """Set the rates of step number `step`."""
        self.steps_done = step
        for i, group in enumerate(self.optimizer.param_groups):
            group["lr"] = self.lr_at(step, i)

    def state_dict(self) -> dict[str, Any]:
        """The number of steps done; the first rates are in the optimizer's state."""
        return {"steps_done": self.steps_done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; load the optimizer's first."""
        self.seek(state_dict["steps_done"])

    def _initial_lr(self, group: int) -> float:
        return self.optimizer.param_groups[group]["initial_lr"]


class StepLR(Schedule):
    """The rate is multiplied by `gamma` every `step_size` steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: step_size should be at least 1, got {step_size}")
        at_least_zero("StepLR", "gamma", gamma)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def lr_at(self, step: int, group: int = 0) -> float:
        return self._initial_lr(group) * self.gamma ** (step // self.step_size)


class CosineLR(Schedule):
    """Up in a straight line for `warmup_steps`, then down half a cosine to `min_lr`.

    Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983

    Args:
        optimizer: whose groups' rates are the highest ones.
        total_steps: from this step on the rate is `min_lr`.
        warmup_steps: step s of them has (s + 1) / (warmup_steps + 1) of the rate. With more
            of them than total_steps, the rate only rises.
        min_lr: the last rate.
    """

    def __init__(
        self, optimizer: Optimizer, total_steps: int, warmup_steps: int = 0, min_lr: float = 0.0
    ) -> None:
        if total_steps < 1 or warmup_steps < 0:
            raise ValueError(
                "CosineLR: expected total_steps of at least 1 and warmup_steps of at least 0, "
                f"got {total_steps} and {warmup_steps}"
            )
        at_least_zero("CosineLR", "min_lr", min_lr)
        self.total_steps, self.warmup_steps, self.min_lr = total_steps, warmup_steps, min_lr
        super().__init__(optimizer)

    def lr_at(self, step: int, group: int = 0) -> float:
        highest = self._initial_lr(group)
        if step < self.warmup_steps:
            return highest * (step + 1) / (self.warmup_steps + 1)
        if step >= self.total_steps:
            return self.min_lr
        progress = (step - self.warmup_steps) / (self.total_steps - self.warmup_steps)
        return self.min_lr + (highest - self.min_lr) * (1 + cos(pi * progress)) / 2
