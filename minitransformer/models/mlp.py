"""A multilayer perceptron: all inputs at once, through layers of linear maps and ReLUs."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from minitransformer import functional as F
from minitransformer import nn
from minitransformer.nn.layers import check_sizes
from minitransformer.ops.checks import check_probability
from minitransformer.tensor import Tensor


@dataclass(frozen=True)
class MLPConfig:
    """The sizes of an MLP.

    Attributes:
        in_features: numbers in a sample, all axes together.
        num_classes: logits that come out.
        hidden: features of each hidden layer.
        dropout: probability after each hidden layer, in training.
    """

    in_features: int
    num_classes: int
    hidden: tuple[int, ...] = (256, 128)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))  # a list where it comes from JSON
        hidden = {f"hidden[{i}]": size for i, size in enumerate(self.hidden)}
        sizes = {"in_features": self.in_features, "num_classes": self.num_classes}
        check_sizes("MLPConfig", **sizes, **hidden)
        check_probability("MLPConfig", self.dropout)

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: `MLPConfig(**config.to_dict())` is the same."""
        return asdict(self)


class MLP(nn.Module):
    """(B, ...) -> logits (B, num_classes); the axes of a sample are flattened."""

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.in_features, *config.hidden]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(widths[-1], config.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(x.shape[0], -1)
        if x.shape[1] != self.config.in_features:
            raise ValueError(
                f"MLP: a sample should have {self.config.in_features} numbers, got {x.shape[1]}"
            )
        for layer in self.layers:
            x = self.dropout(F.relu(layer(x)))
        return self.head(x)
