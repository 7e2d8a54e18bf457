"""Ratings as products: each user and each item a few numbers, which agree where the rating is high.

Koren, Bell and Volinsky 2009, "Matrix factorization techniques for recommender systems".
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from minitransformer import nn
from minitransformer.nn import init
from minitransformer.nn.layers import check_sizes
from minitransformer.ops.checks import check_probability
from minitransformer.tensor import Tensor


@dataclass(frozen=True)
class FactorizationConfig:
    """The sizes of a factorization.

    Attributes:
        n_users, n_items: numbered from 0.
        mean: of the ratings, from which users and items depart.
        d_model: numbers a user, and an item.
        dropout: probability, for the numbers of both.
    """

    n_users: int
    n_items: int
    mean: float = 0.0
    d_model: int = 32
    dropout: float = 0.0

    def __post_init__(self) -> None:
        sizes = {"n_users": self.n_users, "n_items": self.n_items, "d_model": self.d_model}
        check_sizes("FactorizationConfig", **sizes)
        check_probability("FactorizationConfig", self.dropout)

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: the class, called with them, gives the same."""
        return asdict(self)


class Factorization(nn.Module):
    """rating = mean + user's bias + item's bias + user's numbers · item's numbers."""

    def __init__(self, config: FactorizationConfig) -> None:
        super().__init__()
        self.config = config
        self.users = nn.Embedding(config.n_users, config.d_model)
        self.items = nn.Embedding(config.n_items, config.d_model)
        self.user_bias = nn.Embedding(config.n_users, 1)
        self.item_bias = nn.Embedding(config.n_items, 1)
        for table in (self.users, self.items):
            init.normal_(table.weight, std=0.1)
        for bias in (self.user_bias, self.item_bias):
            init.constant_(bias.weight, 0)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, user: Any, item: Any) -> Tensor:
        """Ratings (N,) of users (N,) for items (N,), integers."""
        user, item = np.asarray(user), np.asarray(item)
        if user.shape != item.shape or user.ndim != 1:
            raise ValueError(
                f"Factorization: expected users and items (N,), got {user.shape} and {item.shape}"
            )
        agreement = (self.dropout(self.users(user)) * self.items(item)).sum(axis=-1)
        biases = self.user_bias(user)[:, 0] + self.item_bias(item)[:, 0]
        return agreement + biases + self.config.mean
