"""Batches of a data set: every row once an epoch, in an order that a seed gives and resumes."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitransformer as mt
from minitransformer import nn, optim
from minitransformer.data import DataLoader, Dataset, TensorDataset, pad_sequences
from minitransformer.training import Trainer


@given(
    rows=st.integers(1, 40),
    batch_size=st.integers(1, 12),
    shuffle=st.booleans(),
    by_length=st.booleans(),
    seed=st.integers(0, 2**64),
)
def test_an_epoch_has_every_row_once(rows, batch_size, shuffle, by_length, seed):
    lengths = np.arange(rows) % 7 if by_length else None
    loader = DataLoader(range(rows), batch_size, shuffle, seed, lengths=lengths)
    batches = list(loader)
    assert len(batches) == len(loader)
    assert sorted(np.concatenate(batches).tolist()) == list(range(rows))
    assert sorted(map(len, batches))[1:] == [batch_size] * (len(batches) - 1)
    if rows >= batch_size:
        whole = DataLoader(range(rows), batch_size, shuffle, seed, lengths=lengths, drop_last=True)
        assert [len(b) for b in whole] == [batch_size] * len(whole)


def test_epochs_differ_and_seeds_repeat():
    def epochs(seed):
        loader = DataLoader(range(50), 50, shuffle=True, seed=seed)
        return [next(iter(loader)).tolist() for _ in range(2)]

    first, second = epochs(0)
    assert first != second and [first, second] == epochs(0) != epochs(1)


def test_rows_keep_their_order_without_shuffle():
    assert np.concatenate(list(DataLoader(range(10), 3))).tolist() == list(range(10))


def test_rows_of_similar_length_share_a_batch(rng):
    lengths = rng.integers(1, 400, 2000)
    loader = DataLoader(range(2000), 20, shuffle=True, lengths=lengths)
    spread = [np.ptp(lengths[batch]) for batch in loader]
    assert np.mean(spread) < 20 < np.mean([np.ptp(lengths[b]) for b in DataLoader(range(2000), 20)])
    first, second = (loader.plan(epoch) for epoch in (0, 1))
    assert {frozenset(b.tolist()) for b in first} != {frozenset(b.tolist()) for b in second}
    shortest = [lengths[batch].min() for batch in first]
    assert shortest != sorted(shortest), "short batches do not all come first"


def test_lengths_order_rows_without_shuffle():
    loader = DataLoader(range(5), 2, lengths=[3, 1, 2, 1, 5])
    assert [b.tolist() for b in loader] == [[1, 3], [2, 0], [4]]


def test_a_tensor_dataset_picks_many_rows_at_once():
    x, y = np.arange(12.0, dtype=np.float32).reshape(6, 2), mt.tensor([0, 1, 2, 3, 4, 5])
    for inputs, targets in DataLoader(TensorDataset(x, y), 4, shuffle=True):
        assert inputs.dtype == np.float32 and np.array_equal(inputs[:, 0], 2 * targets)
    assert TensorDataset(x, y)[3][1] == 3


class Sentences(Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return np.arange(index + 1), f"row {index}"


def test_collate_pads_and_the_default_says_so():
    def collate(rows):
        ids, names = zip(*rows, strict=True)
        return *pad_sequences(ids), names

    *_, (ids, mask, names) = DataLoader(Sentences(), 2, collate=collate, drop_last=True)
    assert ids.tolist() == [[0, 1, 2, 0], [0, 1, 2, 3]] and names == ("row 2", "row 3")
    assert mask.tolist() == [[True, True, True, False], [True] * 4]
    with pytest.raises(ValueError, match=r"different shapes, \(1,\) and \(2,\): give a collate="):
        next(iter(DataLoader(Sentences(), 2)))
    assert next(iter(DataLoader(Sentences(), 1)))[1] == ["row 0"]


def test_a_transform_draws_the_same_numbers_for_the_same_batch():
    def jitter(batch, rng):
        return batch + rng.random()

    loader = DataLoader(range(6), 2, transform=jitter)
    first, again, second = list(loader), list(DataLoader(range(6), 2, transform=jitter)), loader
    assert np.array_equal(first, again) and not np.array_equal(first, list(second))
    assert len({float(batch[0]) % 1 for batch in first}) == 3


@pytest.mark.parametrize("taken", [0, 1, 3, 4, 5, 11])
def test_endless_batches_resume_at_the_very_batch(taken):
    def stream():
        return DataLoader(range(10), 3, shuffle=True, seed=4, lengths=[1, 2] * 5).endless()

    one = stream()
    for _ in range(taken):
        next(one)
    state = json.loads(json.dumps(one.state_dict()))
    other = stream()
    other.load_state_dict(state)
    for _ in range(9):
        assert np.array_equal(next(one), next(other))


def test_endless_batches_go_through_epoch_after_epoch():
    loader = DataLoader(range(4), 2, shuffle=True)
    endless = loader.endless()
    assert [next(endless).tolist() for _ in range(8)] == [
        batch.tolist() for epoch in range(4) for batch in loader
    ]


def test_another_loaders_state_is_refused():
    state = DataLoader(range(10), 3, seed=1).endless().state_dict()
    for name, loader in {
        "rows": DataLoader(range(11), 3, seed=1),
        "batch_size": DataLoader(range(10), 2, seed=1),
        "seed": DataLoader(range(10), 3, seed=2),
        "shuffle": DataLoader(range(10), 3, seed=1, shuffle=True),
        "by_length": DataLoader(range(10), 3, seed=1, lengths=range(10)),
    }.items():
        with pytest.raises(ValueError, match=f"load_state_dict: {name} is"):
            loader.endless().load_state_dict(state)


def test_a_trainer_resumes_with_a_loader(rng):
    x = rng.normal(size=(30, 4)).astype(np.float32)

    def trainer():
        mt.manual_seed(3)
        model = nn.Linear(4, 1)
        batches = DataLoader(TensorDataset(x), 8, shuffle=True, seed=2).endless()
        step = lambda model, batch: (model(mt.tensor(batch[0])) ** 2).mean()  # noqa: E731
        return Trainer(model, optim.SGD(model.parameters(), lr=0.1), batches, step)

    whole = trainer()
    losses = [whole.step().loss for _ in range(10)]
    first = trainer()
    for _ in range(6):
        first.step()
    second = trainer()
    second.load_state_dict(*first.state_dict())
    assert [second.step().loss for _ in range(4)] == losses[6:]


def test_bad_loaders_are_refused():
    for arguments, said in [
        (([], 2), "0 rows make no batch"),
        (([1, 2], 0), "batch_size must be at least 1, got 0"),
        (([1, 2], 3, False, 0, True), "2 rows make no batch of 3, and drop_last leaves out"),
        (([1, 2], 1, False, -1), r"seed must be from 0 to below 2\*\*128, got -1"),
        (([1, 2], 1, False, 0, False, None, [1]), r"a length for each of 2 rows, got \(1,\)"),
    ]:
        with pytest.raises(ValueError, match=f"DataLoader: .*{said}"):
            DataLoader(*arguments)
    with pytest.raises(ValueError, match=r"TensorDataset: .* one length, got shapes \[\(2,\), \("):
        TensorDataset([1, 2], [1, 2, 3])
    for nothing in ([], [np.float32(1)]):
        with pytest.raises(ValueError, match="TensorDataset: expected arrays"):
            TensorDataset(*nothing)


def test_pad_sequences():
    ids, mask = pad_sequences([[5], np.array([6, 7, 8], np.int32), (9, 9)], value=1, max_length=2)
    assert ids.tolist() == [[5, 1], [6, 7], [9, 9]] and ids.dtype == np.int64
    assert mask.tolist() == [[True, False], [True, True], [True, True]] and mask.dtype == bool


@pytest.mark.parametrize(
    ("sequences", "said"),
    [
        ([], "there is no sequence"),
        ([[1], []], "sequence 1 is empty"),
        ([[1.5]], r"sequence 0 is float64 \(1,\)"),
        ([[1], [[1]]], r"sequence 1 is int64 \(1, 1\)"),
        ([1], "sequence 0 is"),
    ],
)
def test_what_cannot_be_padded_is_named(sequences, said):
    with pytest.raises(ValueError, match=f"pad_sequences: .*{said}"):
        pad_sequences(sequences)
    with pytest.raises(ValueError, match="max_length must be at least 1, got 0"):
        pad_sequences([[1]], max_length=0)
