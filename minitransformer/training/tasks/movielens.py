"""MovieLens: what a user rates next, or how many stars it will be."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from minitransformer.data import Histories, Ratings, histories, movielens
from minitransformer.graph import no_grad
from minitransformer.models.factorization import Factorization, FactorizationConfig
from minitransformer.models.recommender import (
    SequentialRecommender,
    SequentialRecommenderConfig,
)
from minitransformer.ops.softmax import exp_shifted
from minitransformer.training.tasks.films import LikedFilm, NextFilm
from minitransformer.training.tasks.settings import FitSettings
from minitransformer.training.tasks.task import (
    Prediction,
    Predictor,
    Problem,
    Recipe,
    Source,
    Task,
)


class FilmPredictor(Predictor):
    """Ten films for a history "50 181 174", film ids, oldest first; or stars for "USER FILM"."""

    def __init__(self, model: Any, known: Histories, titles: dict[str, str]) -> None:
        self.model, self.known, self.titles = model, known, titles

    def predict(self, arguments: Iterable[str]) -> Iterator[Prediction]:
        for argument in arguments:
            ids = read_ids(argument)
            if isinstance(self.model, Factorization):
                yield self.stars(argument, ids)
            else:
                yield from self.next_films(argument, ids)

    def next_films(self, argument: str, ids: list[int]) -> Iterator[Prediction]:
        history = self.known.item_numbers(ids)
        scores = self.model.scores([history])[0].astype(np.float64)
        scores[history] = -np.inf
        probabilities = exp_shifted(scores, -1)
        probabilities /= probabilities.sum()
        for item in self.model.recommend(history):
            yield Prediction(argument, self.name(item), float(probabilities[item]))

    @no_grad()
    def stars(self, argument: str, ids: list[int]) -> Prediction:
        if len(ids) != 2:
            raise ValueError(f"predict: expected a user and a film, got {argument!r}")
        user, (item,) = self.known.user_number(ids[0]), self.known.item_numbers(ids[1:])
        rating = self.model([user], [item]).item()
        return Prediction(argument, f"{rating:.1f} stars for {self.name(item)}")

    def name(self, item: int) -> str:
        number = self.known.items[item]
        return self.titles.get(str(number), f"film {number}")


RECIPES = {
    "bert4rec": Recipe(
        SequentialRecommender,
        SequentialRecommenderConfig,
        lambda n_items: {"n_items": n_items, "max_length": 50},
        FitSettings(epochs=150, batch_size=64, lr=2e-3),
    ),
    "factorization": Recipe(
        Factorization,
        FactorizationConfig,
        lambda n_users, n_items, mean: {
            "n_users": n_users,
            "n_items": n_items,
            "mean": mean,
            "d_model": 16,
        },
        FitSettings(epochs=5, batch_size=512, lr=5e-3, weight_decay=0.05),
    ),
}


class MovieLens(Task):
    """Ratings of films, by user and in the order of time."""

    name = "movielens"
    about = "films: what comes next, and what is liked"
    recipes = RECIPES

    def problem(self, recipe: Recipe, settings: FitSettings, source: Source) -> Problem:
        ratings = limited(movielens(source.root), settings)
        known = histories(ratings.user, ratings.item, ratings.time)
        if recipe.model is Factorization:
            return LikedFilm(recipe, known, ratings.titles, settings, ratings.rating)
        return NextFilm(recipe, known, ratings.titles, settings)

    def predictor(self, model: Any, facts: dict[str, Any]) -> Predictor:
        users, items = np.array(facts["users"]), np.array(facts["items"])
        if len(items) != model.config.n_items:
            raise ValueError(
                f"predict: the checkpoint names {len(items)} films, but the weights are for"
                f" {model.config.n_items}"
            )
        if len(users) != getattr(model.config, "n_users", len(users)):
            raise ValueError(
                f"predict: the checkpoint names {len(users)} users, but the weights are for"
                f" {model.config.n_users}"
            )
        known = Histories(users, items, rows=[], order=np.empty(0, np.int64))
        return FilmPredictor(model, known, facts["titles"])


def limited(ratings: Ratings, settings: FitSettings) -> Ratings:
    """The ratings of as many users as the settings allow, drawn by their seed."""
    users = np.unique(ratings.user)
    if settings.limit is None or settings.limit >= len(users):
        return ratings
    chosen = np.random.default_rng(settings.seed).permutation(users)[: settings.limit]
    kept = np.isin(ratings.user, chosen)
    user, item, rating, time = (column[kept] for column in ratings[:4])
    return Ratings(user, item, rating, time, ratings.titles)


def read_ids(argument: str) -> list[int]:
    """Whole numbers, with commas or spaces between."""
    words = argument.replace(",", " ").split()
    if not words or not all(word.isdecimal() for word in words):
        raise ValueError(f"predict: expected ids, such as '50 181 174', got {argument!r}")
    return [int(word) for word in words]


MOVIELENS = MovieLens()
