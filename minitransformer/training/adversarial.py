"""Adversarial training: a step for the discriminator, a step for the generator, in turns."""

from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional as F
from minitransformer import random
from minitransformer.creation import tensor
from minitransformer.data import DataLoader, TensorDataset
from minitransformer.graph import no_grad
from minitransformer.models.gan import GAN
from minitransformer.nn import evaluating
from minitransformer.optim import Adam
from minitransformer.tensor import Tensor
from minitransformer.training.metrics import accuracy

BETAS = 0.5, 0.999  # a short memory of gradients: the opponent changes. Radford et al. 2015


class Losses(NamedTuple):
    """The mean losses of an epoch; 2 log 2 = 1.386 and log 2 = 0.693 where neither wins."""

    discriminator: float
    generator: float


class AdversarialTrainer:
    """Trains both networks of a GAN on labelled images.

    Args:
        gan: the model.
        images: (N, S, S), from 0 to 1.
        labels: (N,) classes from 0.
        batch_size: real images in a step, and as many made ones.
        lr: learning rate of both.
        seed: of the order of the images; noise comes from the library's generator.

    Raises:
        ValueError: the images are not of the model's size, not from 0 to 1, or fewer than a batch.
    """

    def __init__(
        self,
        gan: GAN,
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int = 64,
        lr: float = 2e-3,
        seed: int = 0,
    ) -> None:
        side = gan.config.image_size
        if images.shape[1:] != (side, side) or not (images.min() >= 0 and images.max() <= 1):
            raise ValueError(
                f"AdversarialTrainer: expected images (N, {side}, {side}) from 0 to 1, got shape "
                f"{images.shape} from {images.min():g} to {images.max():g}"
            )
        self.gan = gan
        rows = TensorDataset(images[:, None].astype(np.float32), labels)
        self.batches = DataLoader(rows, batch_size, shuffle=True, seed=seed, drop_last=True)
        self.optimizers = [
            Adam(part.parameters(), lr, BETAS) for part in (gan.generator, gan.discriminator)
        ]

    def epoch(self) -> Losses:
        """Once through the images: the discriminator's mean loss, the generator's mean loss."""
        self.gan.train()
        losses = [self.step(*batch) for batch in self.batches]
        return Losses(*map(fmean, zip(*losses, strict=True)))

    def step(self, images: np.ndarray, labels: np.ndarray) -> Losses:
        """Both learn once: (B, 1, S, S) real images, (B,) their classes."""
        for_generator, for_discriminator = self.optimizers
        classes = random.generator().integers(self.gan.config.num_classes, size=len(images))
        made = self.gan.generator(tensor(self.gan.noise(len(images))), classes)

        for_discriminator.zero_grad()
        real = self.gan.discriminator(tensor(images), labels)
        told = discriminator_loss(real, self.gan.discriminator(made.detach(), classes))
        told.backward()
        for_discriminator.step()

        for_generator.zero_grad()
        fooled = generator_loss(self.gan.discriminator(made, classes))
        fooled.backward()
        for_generator.step()
        return Losses(told.item(), fooled.item())


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """-log σ(real) - log(1 - σ(made)), the means over scores (B,)."""
    ones, zeros = np.ones(real.shape), np.zeros(made.shape)
    told_real = F.binary_cross_entropy_with_logits(real, ones)
    return told_real + F.binary_cross_entropy_with_logits(made, zeros)


def generator_loss(made: Tensor) -> Tensor:
    """-log σ(made), the mean over scores (B,).

    Not log(1 - σ(made)), what the discriminator gains: that is flat where made images are easily
    told, and so the generator would not learn when it has most to learn.
    """
    return F.binary_cross_entropy_with_logits(made, np.ones(made.shape))


class SampleQuality(NamedTuple):
    """What a classifier says of made images.

    Attributes:
        accuracy: the share that it takes for the class asked for.
        classes: how many classes it finds, each in a hundredth of the images at least.
        spread: how much images of one class differ, as a share of how much real ones do.
    """

    accuracy: float
    classes: int
    spread: float


@no_grad()
def judge_samples(
    gan: GAN, classifier: Any, images: np.ndarray, labels: np.ndarray, each: int = 100
) -> SampleQuality:
    """Ask for `each` images of every class, and have them judged by one who knows real ones.

    Args:
        classifier: a Module, images (B, 1, S, S) -> logits (B, num_classes).
        images, labels: real ones to compare the spread with: (N, S, S) from 0 to 1, and (N,).
    """
    asked = np.repeat(np.arange(gan.config.num_classes), each)
    made = gan.generate(asked, seed=0)
    with evaluating(classifier):
        named = classifier(tensor(made[:, None])).data.argmax(axis=1)
    found = np.bincount(named) >= len(asked) / 100
    return SampleQuality(
        accuracy(asked, named), int(found.sum()), spread(made, asked) / spread(images, labels)
    )


def spread(images: np.ndarray, labels: np.ndarray) -> float:
    """The standard deviation of a pixel among images of one class: the mean over all of them."""
    return fmean(float(images[labels == c].std(axis=0).mean()) for c in np.unique(labels))
