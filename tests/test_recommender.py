"""Recommenders: histories split in time, neighbours by hand, a model that finds hidden items."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitransformer as mt
from minitransformer import functional as F
from minitransformer.data import histories, leave_one_out
from minitransformer.models.factorization import Factorization, FactorizationConfig
from minitransformer.models.neighbours import ItemNeighbours, MostPopular
from minitransformer.models.recommender import (
    SequentialRecommender,
    SequentialRecommenderConfig,
    mask_items,
)

SMALL = {"max_length": 5, "d_model": 8, "n_layer": 1, "dropout": 0.0}


def small(n_items=7, **changes):
    return SequentialRecommender(SequentialRecommenderConfig(n_items, **{**SMALL, **changes}))


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), min_size=1, unique=True), st.data()
)
def test_histories_are_each_users_items_by_time(pairs, data):
    user, item = np.array(pairs).T * 10
    time = np.array([data.draw(st.integers(0, 3)) for _ in pairs])
    users, items, rows, order = histories(user, item, time)
    assert np.array_equal(items[np.concatenate(rows)], item[order])
    assert users.tolist() == sorted(set(user.tolist())) and len(rows) == len(users)
    for own, row in zip(users, rows, strict=True):
        mine = [(t, k, i) for k, (u, i, t) in enumerate(zip(user, item, time)) if u == own]  # noqa: B905
        assert items[row].tolist() == [i for _, _, i in sorted(mine)]


def test_the_last_items_are_held_out():
    split = leave_one_out([np.array([3, 1, 4, 2]), np.array([5, 6, 7])])
    assert [row.tolist() for row in split.train] == [[3, 1], [5]]
    assert split.validation.tolist() == [4, 6] and split.test.tolist() == [2, 7]
    with pytest.raises(ValueError, match="leave_one_out: history 1 has 2 items; three at least"):
        leave_one_out([np.arange(3), np.arange(2)])


def test_unknown_users_and_items_are_named():
    known = histories([4, 4, 9], [10, 30, 10], [1, 2, 3])
    assert known.user_number(9) == 1 and known.item_numbers([30, 10]).tolist() == [1, 0]
    for user in (5, 10, 0):
        with pytest.raises(ValueError, match=f"no user {user}: there are 2, from 4 to 9"):
            known.user_number(user)
    with pytest.raises(ValueError, match="no item 20: there are 2, from 10 to 30"):
        known.item_numbers([10, 20, 31])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (([1, 2], [1], [1, 2]), r"expected user, item and time \(N,\)"),
        (([], [], []), "one row at least"),
        (([1, 1], [2, 2], [1, 5]), "a user took an item twice"),
    ],
)
def test_bad_histories_are_refused(columns, said):
    with pytest.raises(ValueError, match=f"histories: .*{said}"):
        histories(*columns)


ROWS = [np.array([0, 1, 2]), np.array([1, 2]), np.array([2])]


def test_popular_items_and_neighbours_by_hand():
    assert MostPopular(ROWS, 4).scores([[0], []]).tolist() == [[1, 2, 3, 0]] * 2
    near = ItemNeighbours(ROWS, 4)
    one_two, one_three, two_three = 1 / np.sqrt(2), 1 / np.sqrt(3), 2 / np.sqrt(6)
    assert np.allclose(
        near.similarity,
        [
            [0, one_two, one_three, 0],
            [one_two, 0, two_three, 0],
            [one_three, two_three, 0, 0],
            [0, 0, 0, 0],
        ],
    )
    assert np.allclose(near.scores([[0, 1]])[0], near.similarity[0] + near.similarity[1])
    nearest = ItemNeighbours(ROWS, 4, k=1).similarity
    assert np.allclose(nearest[:, 0], [0, one_two, 0, 0])
    assert np.allclose(nearest[:, 1], [0, 0, two_three, 0])
    with pytest.raises(ValueError, match="k should be at least 1, got 0"):
        ItemNeighbours(ROWS, 4, k=0)


@pytest.mark.parametrize("make", [MostPopular, ItemNeighbours])
@pytest.mark.parametrize("wrong", [-1, 2])
def test_baselines_refuse_unknown_items(make, wrong):
    with pytest.raises(ValueError, match=f"no item {wrong}: expected numbers from 0 to 1"):
        make([np.array([0, wrong])], 2)


def test_a_mask_asks_for_the_next_item():
    model = small()
    ids = model.ask([[0, 1, 2], np.arange(6), [3]])
    mask, pad = model.mask, model.padding
    assert ids.tolist() == [[mask, 2, 1, 0, pad], [mask, 5, 4, 3, 2], [mask, 3, pad, pad, pad]]
    assert model.scores([[0, 1, 2], [3]]).shape == (2, 7)


def test_padding_changes_nothing():
    model = small().eval()
    alone, beside = model.scores([[1, 2]])[0], model.scores([[1, 2], [3, 4, 5, 6]])[0]
    assert np.allclose(alone, beside, atol=1e-6)
    assert np.allclose(model.scores([[6, 1, 2, 3, 4]]), model.scores([[5, 1, 2, 3, 4]]), atol=1e-6)
    assert not np.allclose(model.scores([[1, 2]]), model.scores([[2, 1]]), atol=1e-6), "an order"


def test_what_one_has_is_not_recommended():
    model = small()
    best = model.recommend([0, 3], k=10)
    assert sorted(best.tolist()) == [1, 2, 4, 5, 6]
    scores = model.scores([[0, 3]])[0]
    assert best.tolist() == sorted(best, key=lambda i: -scores[i])
    assert len(model.recommend([0, 3], k=2)) == 2


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 99))
def test_masks_hide_what_is_to_be_found(lengths, seed):
    model, rng = small(), np.random.default_rng(seed)
    rows = [rng.permutation(7)[:n] if n < 8 else np.arange(n) % 7 for n in lengths]
    ids, chosen, items = mask_items(rows, model, np.random.default_rng(seed))
    assert ids.shape == chosen.shape and chosen.any(axis=1).all(), "one at least in each row"
    assert np.array_equal(ids == model.mask, chosen) and len(items) == chosen.sum()
    whole = ids.copy()
    whole[chosen] = items
    for row, window in zip(rows, whole, strict=True):
        window = window[window != model.padding][::-1].tolist()
        text, part = str(row.tolist())[1:-1], str(window)[1:-1]
        assert len(window) == min(len(row), 5) and part in text, "a window, in order"


def test_masks_are_as_many_as_said():
    model, rows = small(max_length=200, n_items=200), [np.arange(200)] * 300
    rng = np.random.default_rng(0)
    assert abs(mask_items(rows, model, rng, p=0.3, only_newest=0)[1].mean() - 0.3) < 0.01
    chosen = mask_items(rows, model, rng, p=0.3, only_newest=1)[1]
    assert chosen[:, 0].all() and chosen.sum() == 300


@mt.use_kernels("reference")
def test_the_gradient_is_that_of_finite_differences():
    model, rng = small(n_items=4), np.random.default_rng(0)
    parameters = list(model.parameters())
    for parameter in parameters:
        parameter.data = parameter.data.astype(np.float64)
    ids, chosen, items = mask_items([[0, 1, 2], [3, 1]], model, rng)
    ways = [rng.normal(size=p.shape) for p in parameters]

    def loss(step):
        for parameter, way in zip(parameters, ways, strict=True):
            parameter.data = parameter.data + step * way
        return F.cross_entropy(model(ids, chosen), items)

    loss(0).backward()
    due = sum((p.grad * way).sum() for p, way in zip(parameters, ways, strict=True))
    ahead = loss(1e-6).item()
    assert (ahead - loss(-2e-6).item()) / 2e-6 == pytest.approx(due, rel=1e-7)


def test_it_learns_what_follows_what():
    """Items in a ring: after 3 comes 4. The newest decides, whatever was before."""
    mt.manual_seed(0)
    rng = np.random.default_rng(0)
    rows = [(np.arange(4) + start) % 9 for start in rng.integers(9, size=64)]
    model = small(n_items=9, d_model=16)
    optimizer = mt.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        ids, chosen, items = mask_items(rows, model, rng)
        optimizer.zero_grad()
        F.cross_entropy(model(ids, chosen), items).backward()
        optimizer.step()
    assert [model.recommend([(i - 1) % 9, i], 1)[0] for i in range(9)] == [*range(1, 9), 0]


def test_bad_recommenders_are_refused():
    for changes, said in [
        ({"max_length": 1}, "max_length should be at least 2, got 1"),
        ({"d_model": 7}, r"d_model \(7\) should be divisible by n_head \(2\)"),
        ({"dropout": 1.5}, "a probability between 0 and 1, got 1.5"),
        ({"n_items": 0}, "n_items"),
    ]:
        with pytest.raises(ValueError, match=f"SequentialRecommenderConfig: .*{said}"):
            small(**changes)
    model = small()
    with pytest.raises(ValueError, match="SequentialRecommender: history 1 is empty"):
        model.scores([[1], []])
    with pytest.raises(ValueError, match="SequentialRecommender: no item 7: expected numbers from"):
        model.recommend([1, 7])
    with pytest.raises(ValueError, match="k should be at least 1, got 0"):
        model.recommend([1], k=0)


def test_a_factorization_adds_what_users_and_items_bring():
    model = Factorization(FactorizationConfig(3, 4, mean=3.5, d_model=2))
    own = {name: p.data for name, p in model.named_parameters()}
    own["user_bias.weight"][:] = [[0.5], [0], [0]]
    due = 3.5 + 0.5 + own["users.weight"][0] @ own["items.weight"][3]
    assert model([0], [3]).item() == pytest.approx(due)
    with pytest.raises(ValueError, match=r"Factorization: .* got \(1,\) and \(2,\)"):
        model([0], [1, 2])
    with pytest.raises(IndexError):
        model([3], [0])


def test_a_factorization_learns_taste():
    """Two kinds of users, two kinds of items: each likes its own; a bias cannot tell."""
    user, item = (x.ravel() for x in np.meshgrid(np.arange(12), np.arange(10)))
    rating = np.where(user % 2 == item % 2, 5, 1).astype(np.float32)
    kept = np.random.default_rng(0).random(len(user)) < 0.7
    model = Factorization(FactorizationConfig(12, 10, mean=3.0, d_model=4))
    optimizer = mt.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        F.mse_loss(model(user[kept], item[kept]), rating[kept]).backward()
        optimizer.step()
    assert kept.sum() < 90
    missed = np.abs(model(user[~kept], item[~kept]).data - rating[~kept])
    assert np.mean(missed < 2) > 0.95  # on the right side of 3
