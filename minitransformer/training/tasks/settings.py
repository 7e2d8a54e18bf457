"""What decides how a task's model is trained, the same for the command line and for Python."""

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from minitransformer.ops.checks import check_probability

SCHEDULES = ("cosine", "step", "constant")


@dataclass(frozen=True)
class FitSettings:
    """Each task has its own for each of its models.

    Attributes:
        epochs: times that all training rows are gone through, at most.
        batch_size: rows in a step.
        lr: highest learning rate of AdamW.
        schedule: "cosine" rises for a twentieth of the steps, then falls to 0; "step" goes down
            to a tenth after each third; "constant".
        weight_decay: how much AdamW shrinks matrices (L2).
        l1: this times the sum of the matrices' absolute values is added to the loss.
        label_smoothing: share of a target that is spread evenly over all classes.
        augment: change training rows at random, as the task knows how.
        patience: stop when the validation loss has not fallen for so many epochs, and keep the
            best epoch; a tenth of the training rows validates. 0: train to the end on all rows.
        limit: rows to take; None for all.
        seed: of the split, the first weights, the order, augmentation and dropout.
    """

    epochs: int = 10
    batch_size: int = 64
    lr: float = 1e-3
    schedule: str = "cosine"
    weight_decay: float = 0.01
    l1: float = 0.0
    label_smoothing: float = 0.0
    augment: bool = True
    patience: int = 0
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in {"epochs": 1, "batch_size": 1, "patience": 0, "seed": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(
                    f"fit: {name} should be at least {least}, got {getattr(self, name)}"
                )
        if self.limit is not None and self.limit < 10:
            raise ValueError(f"fit: limit should be at least 10 rows, got {self.limit}")
        if not (isfinite(self.lr) and self.lr > 0):
            raise ValueError(f"fit: lr should be a positive number, got {self.lr}")
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"fit: schedule should be one of {', '.join(SCHEDULES)}, got {self.schedule!r}"
            )
        for name in ("weight_decay", "l1"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"fit: {name} should not be negative, got {getattr(self, name)}")
        check_probability("fit: label_smoothing", self.label_smoothing)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
