"""What all classifications share: the split, the loss, the metrics, the answers."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer.data import DataLoader, split
from minitransformer.devices import to_device
from minitransformer.graph import no_grad
from minitransformer.nn import Module, evaluating
from minitransformer.tensor import Tensor
from minitransformer.training.confusion import draw_confusion
from minitransformer.training.metrics import (
    accuracy,
    confusion_matrix,
    precision_recall_f1,
    roc_auc,
)
from minitransformer.training.tasks.settings import FitSettings
from minitransformer.training.tasks.task import Problem

Rows = tuple[Any, np.ndarray]  # inputs, and the class of each


class Classification(Problem):
    """Rows of one class each, in three parts; a subclass says how they make batches.

    Args:
        model: gives logits (B, C), or (B,) for class 1 against class 0.
        parts: rows by part: "train", "held_out", and with patience "validation".
        classes: their names.
        settings: batch size, label smoothing, seed.
    """

    def __init__(
        self, model: Module, parts: dict[str, Rows], classes: Sequence[str], settings: FitSettings
    ) -> None:
        self.model, self.parts = model, parts
        self.classes, self.settings = list(classes), settings
        loader = self.loader(parts["train"], training=True)
        self.batches, self.steps_per_epoch = loader.endless(), len(loader)

    @abstractmethod
    def loader(self, rows: Rows, training: bool) -> DataLoader:
        """Batches (*inputs, labels): shuffled and augmented for training."""

    def loss(self, model: Any, batch: Any) -> Tensor:
        *inputs, labels = batch
        return class_loss(model(*inputs), labels, self.settings.label_smoothing)

    def evaluate(self, part: str) -> dict[str, float]:
        probabilities, labels = self.answers(part)
        likelihood = np.take_along_axis(probabilities, labels[:, None], axis=1)
        loss = -np.log(np.maximum(likelihood, np.finfo(np.float64).tiny)).mean()
        return {"loss": float(loss), **class_metrics(labels, probabilities)}

    @no_grad()
    def answers(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (N, C) and classes (N,) of a part's rows, in the loader's order."""
        probabilities, labels = [], []
        with evaluating(self.model):
            for *inputs, target in self.loader(self.parts[part], training=False):
                probabilities.append(class_probabilities(self.model(*inputs)))
                labels.append(target)
        return np.concatenate(probabilities), np.concatenate(labels)

    def describe(self) -> str:
        counts = ", ".join(f"{len(rows[1]):,} {name}" for name, rows in self.parts.items())
        return f"{counts.replace('_', ' ')} rows of {len(self.classes)} classes"

    def conclude(self, folder: Path) -> dict[str, Any]:
        probabilities, labels = self.answers("held_out")
        matrix = confusion_matrix(labels, probabilities.argmax(axis=1), len(self.classes))
        draw_confusion(matrix, self.classes, folder / "confusion.png")
        return {**class_metrics(labels, probabilities), "rows": len(labels)}


def split_rows(inputs: Any, labels: np.ndarray, settings: FitSettings) -> dict[str, Rows]:
    """A fifth is held out; with patience a tenth of the others validates."""
    train, held_out = split(inputs, labels, held_out=0.2, seed=settings.seed)
    return with_validation(train, held_out, settings)


def with_validation(train: Rows, held_out: Rows, settings: FitSettings) -> dict[str, Rows]:
    """The parts by name; with patience a tenth of the training rows validates."""
    if not settings.patience:
        return {"train": train, "held_out": held_out}
    train, validation = split(*train, held_out=0.1, seed=settings.seed)
    return {"train": train, "validation": validation, "held_out": held_out}


def check_classes(name: str, labels: np.ndarray, classes: Sequence[str]) -> None:
    """Refuse rows of one class only: there is nothing to tell apart."""
    if len(labels) == 0:
        raise ValueError(f"{name}: expected rows to learn from, got none")
    present = np.unique(labels)
    if len(present) < 2:
        only = classes[present[0]]
        raise ValueError(
            f"{name}: expected rows of at least two classes, got {len(labels)} of {only!r} alone"
        )


def check_class_names(classes: Sequence[str], model: Any) -> None:
    """Refuse a checkpoint whose classes are not those of its weights."""
    if len(classes) != model.config.num_classes:
        raise ValueError(
            f"predict: the checkpoint names {len(classes)} classes, but the weights are for "
            f"{model.config.num_classes}"
        )


def class_loss(logits: Tensor, labels: np.ndarray, label_smoothing: float) -> Tensor:
    """Mean cross-entropy of logits (B, C), or (B,) for class 1 against class 0."""
    if logits.ndim == 2:
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    target = labels * (1 - label_smoothing) + label_smoothing / 2
    return F.binary_cross_entropy_with_logits(logits, target.astype(logits.dtype))


def class_probabilities(logits: Tensor) -> np.ndarray:
    """float64 (B, C) from logits as for `class_loss`."""
    if logits.ndim == 2:
        probabilities = to_device(F.softmax(logits).data, "cpu").astype(np.float64)
        return probabilities / probabilities.sum(axis=1, keepdims=True)
    second = to_device(F.sigmoid(logits).data, "cpu").astype(np.float64)
    return np.stack([1 - second, second], axis=1)


def class_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Accuracy, precision, recall, F1; of class 1 where there are two, else the classes' mean.

    Two classes also have the area under the ROC curve, where both are among the labels.
    """
    predicted, two = probabilities.argmax(axis=1), probabilities.shape[1] == 2
    precision, recall, f1 = precision_recall_f1(labels, predicted, "binary" if two else "macro")
    metrics = {
        "accuracy": accuracy(labels, predicted),
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }
    if two and len(np.unique(labels)) == 2:
        metrics["roc_auc"] = roc_auc(labels, probabilities[:, 1])
    return {name: float(value) for name, value in metrics.items()}
