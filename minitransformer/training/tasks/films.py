"""Two questions about people and films: which comes next, and will they like it?

Both hold out each user's last film, and the last but one to validate.
"""

from pathlib import Path
from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer.data import DataLoader, Histories, TensorDataset, leave_one_out
from minitransformer.graph import no_grad
from minitransformer.models.neighbours import ItemNeighbours, MostPopular
from minitransformer.models.recommender import mask_items
from minitransformer.nn import evaluating
from minitransformer.tensor import Tensor
from minitransformer.training.metrics import accuracy, precision_recall_f1, roc_auc
from minitransformer.training.ranking import top_10
from minitransformer.training.tasks.settings import FitSettings
from minitransformer.training.tasks.task import Problem, Recipe

LIKED = 4  # stars, of five
THRESHOLD = 3.5  # a predicted rating that is nearer to 4 than to 3
NEIGHBOURS = (5, 20, 50, 100, None)  # of which the best on the validation films counts


class Films(Problem):
    """What both questions have: users, their films, and titles by film id."""

    def __init__(self, model: Any, known: Histories, titles: dict[int, str]) -> None:
        self.model, self.known, self.titles = model, known, titles

    def facts(self) -> dict[str, Any]:
        return {
            "users": self.known.users.tolist(),
            "items": self.known.items.tolist(),
            "titles": {str(item): title for item, title in self.titles.items()},
        }

    def describe(self) -> str:
        ratings, users, items = map(len, (self.known.order, self.known.users, self.known.items))
        return f"{ratings:,} ratings that {users:,} users gave {items:,} films"


class NextFilm(Films):
    """Which film does the user rate next? Learned by hiding films in the histories."""

    def __init__(
        self, recipe: Recipe, known: Histories, titles: dict[int, str], settings: FitSettings
    ) -> None:
        super().__init__(recipe.build(len(known.items)), known, titles)
        self.label_smoothing = settings.label_smoothing
        split = leave_one_out(known.rows)
        self.parts = {
            "validation": (split.train, split.validation),
            "held_out": ([row[:-1] for row in known.rows], split.test),
        }
        loader = DataLoader(
            split.train,
            settings.batch_size,
            shuffle=True,
            seed=settings.seed,
            collate=list,
            transform=lambda rows, rng: mask_items(rows, self.model, rng),
        )
        self.batches, self.steps_per_epoch = loader.endless(), len(loader)

    def loss(self, model: Any, batch: Any) -> Tensor:
        ids, chosen, items = batch
        return F.cross_entropy(model(ids, chosen), items, label_smoothing=self.label_smoothing)

    def evaluate(self, part: str) -> dict[str, float]:
        """Among all films that the user has not rated: none is sampled."""
        rows, targets = self.parts[part]
        scores = self.model.scores(rows)
        loss = F.cross_entropy(Tensor(scores), targets).item()
        return {"loss": loss, **top_10(scores, rows, targets)}

    def conclude(self, folder: Path) -> dict[str, Any]:
        """The model beside what everybody rates, and what goes with the user's films."""
        histories, n_items = self.parts["validation"][0], len(self.known.items)

        def rate(recommender: Any, part: str) -> dict[str, float]:
            rows, targets = self.parts[part]
            return top_10(recommender.scores(rows), rows, targets)

        tried = {k: ItemNeighbours(histories, n_items, k) for k in NEIGHBOURS}
        k = max(tried, key=lambda k: rate(tried[k], "validation")["ndcg_10"])
        metrics: dict[str, Any] = self.evaluate("held_out")
        baselines = {"popular": MostPopular(histories, n_items), "neighbours": tried[k]}
        for name, recommender in baselines.items():
            metrics |= {f"{name}_{m}": v for m, v in rate(recommender, "held_out").items()}
        return {**metrics, "neighbours_k": k or n_items, "users": len(self.known.users)}


class LikedFilm(Films):
    """Does the user give the film 4 stars or more? Told from a rating that is predicted."""

    def __init__(
        self,
        recipe: Recipe,
        known: Histories,
        titles: dict[int, str],
        settings: FitSettings,
        rating: np.ndarray,
    ) -> None:
        lengths = np.array([len(row) for row in known.rows])
        user = np.repeat(np.arange(len(lengths)), lengths)
        columns = user, np.concatenate(known.rows), rating[known.order].astype(np.float32)
        ends = np.cumsum(lengths)
        self.parts = {
            name: tuple(column[places] for column in columns)
            for name, places in {"held_out": ends - 1, "validation": ends - 2}.items()
        }
        train = tuple(np.delete(column, [ends - 1, ends - 2]) for column in columns)
        mean = float(train[2].mean())
        super().__init__(recipe.build(len(known.users), len(known.items), mean), known, titles)
        loader = DataLoader(
            TensorDataset(*train), settings.batch_size, shuffle=True, seed=settings.seed
        )
        self.batches, self.steps_per_epoch = loader.endless(), len(loader)

    def loss(self, model: Any, batch: Any) -> Tensor:
        user, item, rating = batch
        return F.mse_loss(model(user, item), rating)

    @no_grad()
    def evaluate(self, part: str) -> dict[str, float]:
        user, item, rating = self.parts[part]
        with evaluating(self.model):
            predicted = self.model(user, item).data
        liked, taken = rating >= LIKED, predicted >= THRESHOLD
        precision, recall, f1 = precision_recall_f1(liked, taken)
        loss = float(np.mean((predicted - rating) ** 2))
        return {
            "loss": loss,
            "rmse": loss**0.5,
            "accuracy": accuracy(liked, taken),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "roc_auc": roc_auc(liked, predicted),
        }

    def conclude(self, folder: Path) -> dict[str, Any]:
        """Beside saying of every film that it is liked."""
        liked = self.parts["held_out"][2] >= LIKED
        blind = precision_recall_f1(liked, np.ones_like(liked))[2]
        return {**self.evaluate("held_out"), "all_liked_f1": blind, "users": len(liked)}
