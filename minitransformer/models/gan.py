"""A generative adversarial network: one network makes images, the other tells them from real ones.

Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661. Convolutions on both sides: Radford et al.
2015, https://arxiv.org/abs/1511.06434. The class asked for: Mirza and Osindero 2014,
https://arxiv.org/abs/1411.1784
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer import nn, random
from minitransformer.graph import no_grad
from minitransformer.methods import data_of
from minitransformer.nn import evaluating, init
from minitransformer.nn.layers import check_sizes
from minitransformer.ops.checks import check_indices
from minitransformer.tensor import Tensor

KERNEL = 4  # a multiple of the stride 2: every pixel of a larger image gets as many contributions


@dataclass(frozen=True)
class GANConfig:
    """The sizes of a GAN.

    Attributes:
        image_size: height and width in pixels, a multiple of 4.
        num_classes: that can be asked for.
        latent: numbers of noise that an image is made from.
        channels: of the smallest map, a fourth of the image's height and width.
    """

    image_size: int = 28
    num_classes: int = 10
    latent: int = 32
    channels: int = 32

    def __post_init__(self) -> None:
        sizes = {"image_size": self.image_size, "channels": self.channels}
        check_sizes("GANConfig", num_classes=self.num_classes, latent=self.latent, **sizes)
        if self.image_size % 4 or self.channels % 2:
            raise ValueError(
                "GANConfig: image_size should be a multiple of 4 and channels of 2, "
                f"got {self.image_size} and {self.channels}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: `GANConfig(**config.to_dict())` is the same."""
        return asdict(self)


class Generator(nn.Module):
    """Noise (B, latent) and the classes asked for (B,) -> images (B, 1, S, S), from 0 to 1."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.channels, self.side = config.channels, config.image_size // 4
        half, smallest = config.channels // 2, config.channels * self.side**2
        self.from_noise = nn.Linear(config.latent, smallest)
        self.from_class = nn.Embedding(config.num_classes, smallest)
        # As if it were one more number of noise. If larger, it drowns the noise, and then all
        # images of a class are one.
        init.fan_in_uniform_(self.from_class.weight, config.latent)
        self.norm1 = nn.BatchNorm2d(config.channels)
        self.grow1 = nn.ConvTranspose2d(config.channels, half, KERNEL, stride=2, padding=1)
        self.norm2 = nn.BatchNorm2d(half)
        self.grow2 = nn.ConvTranspose2d(half, 1, KERNEL, stride=2, padding=1)

    def forward(self, noise: Any, classes: Any) -> Tensor:
        x = self.from_noise(noise) + self.from_class(classes)
        x = x.reshape(-1, self.channels, self.side, self.side)
        x = self.grow1(F.relu(self.norm1(x)))
        return F.sigmoid(self.grow2(F.relu(self.norm2(x))))


class Discriminator(nn.Module):
    """Images (B, 1, S, S) and their classes (B,) -> scores (B,): above 0 where they look real.

    Each class has a score of its own, and only that of the class given counts: "is it a real 3?"
    """

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.image_size = config.image_size
        half = config.channels // 2
        self.shrink1 = nn.Conv2d(1, half, KERNEL, stride=2, padding=1)
        self.shrink2 = nn.Conv2d(half, config.channels, KERNEL, stride=2, padding=1)
        self.scores = nn.Linear(config.channels * (config.image_size // 4) ** 2, config.num_classes)

    def forward(self, images: Any, classes: Any) -> Tensor:
        if images.shape[1:] != (1, self.image_size, self.image_size):
            side = self.image_size
            raise ValueError(
                f"Discriminator: images should be (B, 1, {side}, {side}), got {images.shape}"
            )
        # Not ReLU: where it is closed, the generator would learn nothing from this network.
        x = F.gelu(self.shrink1(images))
        x = F.gelu(self.shrink2(x))
        scores = self.scores(x.reshape(x.shape[0], -1))
        classes = data_of(classes)
        check_indices("Discriminator", "classes", classes, scores.shape[1])
        return scores[np.arange(len(scores)), classes]


class GAN(nn.Module):
    """Both networks; `generate` is what remains of use once they have trained."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = Generator(config)
        self.discriminator = Discriminator(config)

    def noise(self, count: int, seed: int | None = None) -> np.ndarray:
        """(count, latent) float32, standard normal; without a seed from the library's generator."""
        rng = random.generator() if seed is None else np.random.default_rng(seed)
        return rng.standard_normal((count, self.config.latent), dtype=np.float32)

    @no_grad()
    def generate(self, classes: Any, noise: Any = None, seed: int | None = None) -> np.ndarray:
        """An image of each class asked for, (B,) -> float32 (B, S, S), from 0 to 1.

        Args:
            classes: whole numbers from 0 to num_classes - 1.
            noise: (B, latent) to make them from; drawn if it is not given.
            seed: the same seed draws the same noise.

        Raises ValueError where there is not one row of noise for each class.
        """
        classes = np.asarray(classes)
        noise = self.noise(len(classes), seed) if noise is None else noise
        if np.shape(noise) != (due := (len(classes), self.config.latent)):
            raise ValueError(f"GAN: noise should be {due}, got {np.shape(noise)}")
        with evaluating(self):
            return self.generator(noise, classes).data[:, 0]
