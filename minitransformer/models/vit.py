"""ViT: a transformer that reads an image as a row of patches.

Dosovitskiy et al. 2020, "An image is worth 16 × 16 words", https://arxiv.org/abs/2010.11929
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer import nn
from minitransformer.devices import to_device
from minitransformer.graph import no_grad
from minitransformer.nn import init
from minitransformer.nn.attention import check_heads
from minitransformer.nn.layers import check_sizes, new
from minitransformer.ops.checks import check_probability
from minitransformer.tensor import Tensor


@dataclass(frozen=True)
class ViTConfig:
    """The sizes of a ViT.

    Attributes:
        in_channels: 1 for grey images, 3 for colours.
        image_size: height and width, in pixels.
        num_classes: logits that come out.
        patch_size: height and width of a patch, in pixels; divides those of the image.
        d_model, n_head, n_layer: features of a patch, heads in a block, blocks.
        mlp_ratio: hidden features of a block's network, in multiples of d_model.
        dropout: probability, for patches' features and in the blocks, in training.
    """

    in_channels: int
    image_size: tuple[int, int]
    num_classes: int
    patch_size: int = 7
    d_model: int = 64
    n_head: int = 4
    n_layer: int = 2
    mlp_ratio: float = 4.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_size", tuple(self.image_size))  # a list, if from JSON
        names = ("in_channels", "num_classes", "patch_size", "n_layer")
        check_sizes("ViTConfig", **{name: getattr(self, name) for name in names})
        check_heads("ViTConfig", d_model=self.d_model, n_head=self.n_head)
        check_probability("ViTConfig", self.dropout)
        sides = self.image_size
        if len(sides) != 2 or min(sides) < 1 or any(side % self.patch_size for side in sides):
            raise ValueError(
                "ViTConfig: image_size should be (height, width), both divisible by patch_size "
                f"({self.patch_size}), got {sides}"
            )

    @property
    def grid(self) -> tuple[int, int]:
        """How many patches stand below and beside each other."""
        height, width = self.image_size
        return height // self.patch_size, width // self.patch_size

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: `ViTConfig(**config.to_dict())` is the same."""
        return asdict(self)


class ViT(nn.Module):
    """Images (B, in_channels, height, width) -> logits (B, num_classes).

    The answer is read from a token of its own, in front of the patches: the class token.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        length, width = 1 + config.grid[0] * config.grid[1], config.d_model
        self.patch_embedding = nn.Linear(config.in_channels * config.patch_size**2, width)
        self.class_token = init.normal_(new(1, 1, width), std=0.02)
        self.positions = nn.LearnedPositions(length, width)
        # As large as an embedded patch: attention sees where things stand from the first step.
        init.normal_(self.positions.weight, std=0.3)
        self.dropout = nn.Dropout(config.dropout)
        sizes = (width, config.n_head, config.mlp_ratio, config.dropout)
        self.blocks = nn.ModuleList(nn.TransformerBlock(*sizes) for _ in range(config.n_layer))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, config.num_classes)

    def forward(self, images: Any) -> Tensor:
        """Logits, from what the class token has gathered.

        Raises ValueError for images of another size.
        """
        x = self._embed(images)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, 0]))

    def class_attention(self, images: Any) -> np.ndarray:
        """What the class token looks at, in evaluation: weights (B, n_layer, n_head, patches).

        They sum to less than 1: the class token gives the rest of its weight to itself.
        """
        weights = []
        block: Any
        with no_grad(), nn.evaluating(self):
            x = self._embed(images)
            for block in self.blocks:
                normed = block.norm1(x)
                _, seen = block.self_attn(normed[:, :1], normed, need_weights=True)
                weights.append(to_device(seen.data[:, :, 0, 1:], "cpu"))
                x = block(x)
        return np.stack(weights, axis=1)

    def _embed(self, images: Any) -> Tensor:
        """The class token and the patches, each with its position: (B, 1 + patches, d_model)."""
        expected = (self.config.in_channels, *self.config.image_size)
        if images.shape[1:] != expected:
            raise ValueError(f"ViT: images should be (B, {expected}), got shape {images.shape}")
        patches = self.patch_embedding(to_patches(images, self.config.patch_size))
        token = self.class_token.broadcast_to(len(patches), 1, self.config.d_model)
        return self.dropout(self.positions(F.concatenate([token, patches], axis=1)))


def to_patches(images: Any, size: int) -> Tensor:
    """Cut images into squares: (B, C, H, W) -> (B, H/size · W/size, C · size²).

    Patches go row by row, as one reads. In each, a channel's pixels stay together, row by row.
    """
    batch, channels, height, width = images.shape
    rows, columns = height // size, width // size
    x = images if isinstance(images, Tensor) else Tensor(images)
    x = x.reshape(batch, channels, rows, size, columns, size).permute(0, 2, 4, 1, 3, 5)
    return x.reshape(batch, rows * columns, channels * size * size)
