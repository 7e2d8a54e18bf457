"""`fit movielens`: what comes next and what is liked, on ratings made on the spot."""

import json

import numpy as np
import pytest
from rich.console import Console

from minitransformer.models.checkpoint import LAST, load_checkpoint, save_checkpoint
from minitransformer.training.fit_command import fit_command
from minitransformer.training.prediction import load_predictor
from minitransformer.training.ranking import ranks_of_next, top_10
from minitransformer.training.tasks import Source

QUIET = Console(quiet=True)


@pytest.fixture
def ratings(tmp_path):
    """48 users rate a run of 8 films of a ring of 20, in order; they like films like themselves."""
    rng = np.random.default_rng(0)
    lines, time = [], 1000
    for user, start in enumerate(rng.integers(20, size=48)):
        for film in (start + np.arange(8)) % 20:
            time += 1
            stars = 5 if film % 2 == user % 2 else 2
            lines.append(f"{user + 7}\t{10 * film + 5}\t{stars}\t{time}")
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    (folder / "u.data").write_text("\n".join(rng.permutation(lines)) + "\n")
    (folder / "u.item").write_text("".join(f"{10 * k + 5}|Film {k}|x\n" for k in range(20)))
    return folder


def fit(folder, out, model=None, **given):
    return fit_command(QUIET, "movielens", model, given, Source(folder), out, None)


def test_the_next_film_is_found(ratings, tmp_path):
    out = tmp_path / "run"
    metrics = fit(ratings, out, epochs=40, batch_size=16, lr=5e-3)
    assert metrics["users"] == 48 and metrics["epochs"] == 40
    assert metrics["ndcg_10"] > 0.9 > metrics["popular_ndcg_10"] + 0.2
    assert metrics["neighbours_hit_rate_10"] > metrics["popular_hit_rate_10"]
    assert json.loads((out / "metrics.json").read_text())["ndcg_10"] == metrics["ndcg_10"]
    predictor = load_predictor(out)
    answers = list(predictor.predict(["35 45, 55"]))
    assert len(answers) == 10 and answers[0].output == "Film 6"
    chances = [answer.probability for answer in answers]
    assert chances == sorted(chances, reverse=True) and chances[0] > 0.5 and sum(chances) <= 1
    for wrong, said in [
        ("35 36", "no item 36: there are 20, from 5 to 195"),
        ("Star Wars", "predict: expected ids, such as '50 181 174', got 'Star Wars'"),
        ("", "predict: expected ids"),
    ]:
        with pytest.raises(ValueError, match=said):
            list(predictor.predict([wrong]))


def test_what_is_liked_is_told(ratings, tmp_path):
    out = tmp_path / "run"
    metrics = fit(ratings, out, "factorization", epochs=150, batch_size=48, lr=0.03)
    assert metrics["f1"] > 0.9 > metrics["all_liked_f1"] and metrics["roc_auc"] > 0.9
    assert metrics["rmse"] == pytest.approx(metrics["loss"] ** 0.5)
    predictor = load_predictor(out)
    (answer,) = predictor.predict(["7 5"])
    assert answer.output.endswith("stars for Film 0") and answer.probability is None
    for wrong, said in [
        ("6 5", "no user 6: there are 48, from 7 to 54"),
        ("7 6", "no item 6"),
        ("7", "predict: expected a user and a film, got '7'"),
    ]:
        with pytest.raises(ValueError, match=said):
            list(predictor.predict([wrong]))
    arrays, facts = load_checkpoint(out / LAST)
    facts["users"].pop()
    save_checkpoint(out / LAST, arrays, facts)
    with pytest.raises(ValueError, match="names 47 users, but the weights are for 48"):
        load_predictor(out)


def test_users_are_limited_and_runs_repeat(ratings, tmp_path):
    one, two = (fit(ratings, tmp_path / name, epochs=1, limit=12) for name in ("one", "two"))
    assert one["users"] == 12 and one == two
    names = ("one", "two")
    first, second = ((tmp_path / name / "last.safetensors").read_bytes() for name in names)
    assert len(first) == len(second)


def test_seen_items_are_out_of_the_ranking():
    scores = np.array([[9.0, 8, 7, 6], [1, 2, 3, 4]])
    histories, targets = [np.array([0, 1]), np.array([3])], np.array([3, 0])
    assert ranks_of_next(scores, histories, targets).tolist() == [2, 3]
    assert top_10(scores, histories, targets)["hit_rate_10"] == 1
    assert scores[0, 0] == 9, "the scores stay as they are"
