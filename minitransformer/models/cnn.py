"""A convolutional network: stages of 3 × 3 convolutions, each followed by a halving of the image.

LeCun et al. 1998, "Gradient-based learning applied to document recognition"; batch norm: Ioffe and
Szegedy 2015, https://arxiv.org/abs/1502.03167
"""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from minitransformer import functional as F
from minitransformer import nn
from minitransformer.nn.layers import check_sizes
from minitransformer.ops.checks import check_probability
from minitransformer.tensor import Tensor


@dataclass(frozen=True)
class CNNConfig:
    """The sizes of a CNN.

    Attributes:
        in_channels: 1 for grey images, 3 for colours.
        image_size: height and width, in pixels.
        num_classes: logits that come out.
        channels: of each stage; a stage halves the image.
        hidden: features of the layer between the stages and the logits.
        dropout: probability for these features, in training.
    """

    in_channels: int
    image_size: tuple[int, int]
    num_classes: int
    channels: tuple[int, ...] = (16, 32)
    hidden: int = 128
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("image_size", "channels"):  # lists where they come from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))
        sizes = {"in_channels": self.in_channels, "num_classes": self.num_classes}
        listed = {f"channels[{i}]": size for i, size in enumerate(self.channels)}
        check_sizes("CNNConfig", **sizes, hidden=self.hidden, **listed)
        check_probability("CNNConfig", self.dropout)
        if len(self.image_size) != 2 or min(self.image_size) < 2 ** len(self.channels):
            raise ValueError(
                f"CNNConfig: image_size should be (height, width) of at least "
                f"{2 ** len(self.channels)} for {len(self.channels)} stages, got {self.image_size}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: `CNNConfig(**config.to_dict())` is the same."""
        return asdict(self)


class Stage(nn.Module):
    """Convolution, batch norm, ReLU, and the largest of each 2 × 2 pixels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        # Batch norm takes each channel's mean away, and a bias with it.
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(F.relu(self.norm(self.conv(x))))


class CNN(nn.Module):
    """Images (B, in_channels, height, width) -> logits (B, num_classes)."""

    def __init__(self, config: CNNConfig) -> None:
        super().__init__()
        self.config = config
        channels = (config.in_channels, *config.channels)
        self.stages = nn.Sequential(*(Stage(*pair) for pair in pairwise(channels)))
        height, width = (size >> len(config.channels) for size in config.image_size)
        self.hidden = nn.Linear(channels[-1] * height * width, config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden, config.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        expected = (self.config.in_channels, *self.config.image_size)
        if x.shape[1:] != expected:
            sizes = ", ".join(map(str, expected))
            raise ValueError(f"CNN: images should be (B, {sizes}), got shape {x.shape}")
        x = self.stages(x)
        x = F.relu(self.hidden(x.reshape(x.shape[0], -1)))
        return self.head(self.dropout(x))
