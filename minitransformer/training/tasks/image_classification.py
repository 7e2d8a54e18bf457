"""Grey images of one class each: digits, clothes."""

from collections.abc import Callable, Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from minitransformer import data
from minitransformer.data import DataLoader, TensorDataset, augment
from minitransformer.graph import no_grad
from minitransformer.models.cnn import CNN, CNNConfig
from minitransformer.models.mlp import MLP, MLPConfig
from minitransformer.models.vit import ViT, ViTConfig
from minitransformer.training.tasks.classification import (
    Classification,
    Rows,
    check_classes,
    class_probabilities,
    split_rows,
    with_validation,
)
from minitransformer.training.tasks.image_files import read_images
from minitransformer.training.tasks.settings import FitSettings
from minitransformer.training.tasks.task import (
    Prediction,
    Predictor,
    Problem,
    Recipe,
    Source,
    Task,
)

DIGITS = [str(digit) for digit in range(10)]


class ImageProblem(Classification):
    """Rows of images (height, width), uint8; batches of float32 (B, 1, height, width) up to 1."""

    def __init__(self, change: Callable[..., np.ndarray], *args: Any) -> None:
        self.change = change
        super().__init__(*args)

    def loader(self, rows: Rows, training: bool) -> DataLoader:
        return DataLoader(
            TensorDataset(*rows),
            self.settings.batch_size,
            shuffle=training,
            seed=self.settings.seed,
            transform=self.augmented if training and self.settings.augment else as_floats,
        )

    def augmented(self, batch: Any, rng: np.random.Generator) -> Any:
        images, labels = batch
        return as_floats((self.change(images, rng), labels))

    def facts(self) -> dict[str, Any]:
        return {"classes": self.classes, "image_size": self.parts["train"][0].shape[1:]}


class ImagePredictor(Predictor):
    """A class for each image of the files that are named."""

    def __init__(self, model: Any, image_size: tuple[int, int], classes: list[str]) -> None:
        self.model, self.image_size, self.classes = model, image_size, classes

    @no_grad()
    def predict(self, arguments: Iterable[str]) -> Iterator[Prediction]:
        for argument in arguments:
            images = read_images(Path(argument))
            if images.shape[1:] != self.image_size:
                raise ValueError(
                    f"predict: {argument} is {' × '.join(map(str, images.shape[1:]))} pixels, but "
                    f"the model has learned {' × '.join(map(str, self.image_size))}"
                )
            (x, _) = as_floats((images, None))
            for number, row in enumerate(class_probabilities(self.model(x))):
                name = argument if len(images) == 1 else f"{argument}[{number}]"
                yield Prediction(name, self.classes[row.argmax()], float(row.max()))


class ImageClassification(Task):
    """Grey images of one class each.

    Args:
        name, about, recipes: as for every Task; a recipe's sizes come from the image's shape
            (channels, height, width) and the number of classes.
        read: `read(root, part, download)` gives images (N, height, width) and labels (N,).
        classes: their names.
        change: `change(images, rng)` augments a batch.
    """

    def __init__(
        self,
        name: str,
        about: str,
        read: Callable[..., Rows],
        classes: list[str],
        recipes: dict[str, Recipe],
        change: Callable[..., np.ndarray],
    ) -> None:
        self.name, self.about, self.read, self.recipes = name, about, read, recipes
        self.classes, self.change = classes, change

    def problem(self, recipe: Recipe, settings: FitSettings, source: Source) -> Problem:
        parts = self.parts(settings, source)
        for name, (_, labels) in parts.items():
            check_classes(f"{self.name}, {name} rows", labels, self.classes)
        shape = (1, *parts["train"][0].shape[1:])
        model = recipe.build(shape, len(self.classes))
        return ImageProblem(self.change, model, parts, self.classes, settings)

    def parts(self, settings: FitSettings, source: Source) -> dict[str, Rows]:
        """The files' own test part is held out where there is one, else a fifth of all rows."""
        if source.root is None:
            images, labels = limited(self.read(None, "all", source.download), settings)
            return split_rows(images, labels, settings)
        train, held_out = (self.read(source.root, part, False) for part in ("train", "test"))
        return with_validation(limited(train, settings), limited(held_out, settings), settings)

    def predictor(self, model: Any, facts: dict[str, Any]) -> Predictor:
        return ImagePredictor(model, tuple(facts["image_size"]), facts["classes"])


def as_floats(batch: Any, rng: np.random.Generator | None = None) -> Any:
    """Images (B, height, width) of bytes as float32 (B, 1, height, width) from 0 to 1."""
    images, labels = batch
    return images[:, None].astype(np.float32) / np.float32(255), labels


def limited(rows: Rows, settings: FitSettings) -> Rows:
    """As many rows as the settings allow, drawn by their seed."""
    order = np.random.default_rng(settings.seed).permutation(len(rows[1]))[: settings.limit]
    return rows[0][order], rows[1][order]


def move_digits(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turned by up to 10 degrees, shifted by up to 2 pixels."""
    return augment.shift(augment.rotate(images, rng, degrees=10), rng, most=2)


def move_clothes(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of them mirrored: a sleeve is a sleeve on either side."""
    mirrored = rng.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None], images[:, :, ::-1], images)


def read_mnist(root: Path | None, part: str, download: bool) -> Rows:
    return data.mnist(root, part=part, download=download)


def read_fashion(root: Path | None, part: str, download: bool) -> Rows:
    if root is None:
        raise FileNotFoundError(
            "fashion-mnist: give the folder of its four IDX files, plain or .gz, with --root "
            "(30 MB; the Debian package dataset-fashion-mnist has them, and its authors' site)"
        )
    return data.fashion_mnist(root, part=part)


def mlp(**settings: Any) -> Recipe:
    def sizes(shape: tuple[int, ...], classes: int) -> dict[str, Any]:
        return {"in_features": prod(shape), "num_classes": classes, "dropout": 0.2}

    return Recipe(MLP, MLPConfig, sizes, FitSettings(**settings))


def cnn(**settings: Any) -> Recipe:
    def sizes(shape: tuple[int, ...], classes: int) -> dict[str, Any]:
        image = {"in_channels": shape[0], "image_size": shape[1:], "num_classes": classes}
        return {**image, "channels": (32, 64), "dropout": 0.3}

    return Recipe(CNN, CNNConfig, sizes, FitSettings(**settings))


def vit(**settings: Any) -> Recipe:
    def sizes(shape: tuple[int, ...], classes: int) -> dict[str, Any]:
        channels, *size = shape
        return {"in_channels": channels, "image_size": size, "num_classes": classes}

    return Recipe(ViT, ViTConfig, sizes, FitSettings(**settings))


MNIST = ImageClassification(
    "mnist",
    "handwritten digits",
    read_mnist,
    DIGITS,
    {
        "mlp": mlp(epochs=40),
        "cnn": cnn(epochs=20, lr=2e-3),
        "vit": vit(epochs=20, batch_size=50, lr=3e-3, weight_decay=0.05),
    },
    move_digits,
)
FASHION_MNIST = ImageClassification(
    "fashion-mnist",
    "clothes, from IDX files in --root",
    read_fashion,
    list(data.FASHION_CLASSES),
    {"cnn": cnn(epochs=5, batch_size=128, lr=2e-3), "mlp": mlp(epochs=10, batch_size=128)},
    move_clothes,
)
