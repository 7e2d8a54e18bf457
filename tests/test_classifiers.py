"""The classifiers: what padding may not change, what does not fit, and PyTorch's twin."""

import json

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import nn
from minitransformer.models import (
    CNN,
    MLP,
    CNNConfig,
    LSTMClassifier,
    LSTMClassifierConfig,
    MLPConfig,
    TransformerClassifier,
    TransformerClassifierConfig,
)
from minitransformer.training.tasks.classification import class_loss, class_probabilities

LSTM = LSTMClassifierConfig(20, 3, d_embedding=8, d_hidden=6, bidirectional=True)
TRANSFORMER = TransformerClassifierConfig(20, 12, 3, d_model=8, n_head=2, n_layer=2)


def text_models():
    return LSTMClassifier(LSTM), TransformerClassifier(TRANSFORMER)


def logits_of(model, *inputs):
    with mt.no_grad():
        return model.eval()(*inputs).numpy()


def test_padding_does_not_change_a_text(rng):
    ids = rng.integers(2, 20, size=(2, 5))
    padded = np.pad(ids, ((0, 0), (0, 4)))
    mask = np.pad(np.ones(ids.shape, bool), ((0, 0), (0, 4)))
    for model in text_models():
        alone = logits_of(model, ids)
        np.testing.assert_allclose(logits_of(model, padded, mask), alone, atol=1e-6)
        assert np.abs(logits_of(model, padded) - alone).max() > 1e-5


def test_order_counts(rng):
    ids = rng.permutation(np.arange(2, 12))[None]
    for model in text_models():
        with mt.no_grad():
            model.embedding.weight *= 10  # first words are near silence
        difference = logits_of(model, ids) - logits_of(model, ids[:, ::-1].copy())
        assert np.abs(difference).max() > 1e-3


@pytest.mark.parametrize(
    ("ids", "mask", "words"),
    [
        (np.zeros((2, 0), int), None, r"ids should be \(B, T\)"),
        (np.zeros(3, int), None, r"ids should be \(B, T\)"),
        (np.zeros((2, 3)), None, "ids should be integers"),
        (np.zeros((2, 3), int), np.ones((2, 4), bool), r"mask should be \(2, 3\)"),
        (np.zeros((2, 3), int), np.ones((2, 3)), "mask should be boolean"),
        (np.zeros((2, 3), int), np.array([[True] * 3, [False] * 3]), "row 1 of the mask"),
        (np.full((1, 2), 20), None, "20"),
    ],
)
def test_words_that_do_not_fit_are_named(ids, mask, words):
    for model in text_models():
        with pytest.raises((ValueError, TypeError, IndexError), match=words):
            model(ids, mask)


def test_samples_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"13 words a row, more than max_length \(12\)"):
        TransformerClassifier(TRANSFORMER)(np.ones((1, 13), int))
    with pytest.raises(ValueError, match=r"MLP: a sample should have 12 numbers, got 8"):
        MLP(MLPConfig(12, 2))(mt.zeros(5, 2, 4))
    with pytest.raises(ValueError, match=r"CNN: images should be \(B, 1, 8, 8\), got"):
        CNN(CNNConfig(1, (8, 8), 2))(mt.zeros(5, 1, 8, 9))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MLPConfig(0, 2), "in_features should be a positive integer"),
        (lambda: MLPConfig(3, 2, hidden=(4, 0)), r"hidden\[1\]"),
        (lambda: CNNConfig(1, (3, 28), 10), "image_size should be"),
        (lambda: CNNConfig(1, (28, 28), 10, dropout=2.0), "probability"),
        (lambda: LSTMClassifierConfig(20, 2, n_layer=0), "n_layer"),
        (lambda: TransformerClassifierConfig(20, 9, 2, d_model=9, n_head=2), "divisible"),
        (lambda: TransformerClassifierConfig(20, 9, 3, head="sigmoid"), "'sigmoid' for 3"),
    ],
)
def test_bad_sizes_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_configs_go_through_json():
    for config in (MLPConfig(12, 2, hidden=(4, 3)), CNNConfig(1, (8, 8), 2), LSTM, TRANSFORMER):
        assert type(config)(**json.loads(json.dumps(config.to_dict()))) == config


def test_a_sigmoid_head_is_a_softmax_over_zero_and_its_logit(rng):
    config = TransformerClassifierConfig(20, 9, 2, d_model=8, n_head=2, head="sigmoid")
    logits = TransformerClassifier(config)(rng.integers(20, size=(4, 7))).detach()
    assert logits.shape == (4,)
    labels = np.array([0, 1, 1, 0])
    both = mt.Tensor(np.stack([np.zeros(4, np.float32), logits.numpy()], axis=1))
    for smoothing in (0.0, 0.2):
        one, two = (class_loss(x, labels, smoothing).item() for x in (logits, both))
        assert one == pytest.approx(two, abs=1e-6)
    np.testing.assert_allclose(class_probabilities(logits), class_probabilities(both), atol=1e-6)


def test_the_bench_peer_is_the_same_model(rng):
    torch = pytest.importorskip("torch")
    from bench.peers.torch_classifier import TorchClassifier

    ours = TransformerClassifier(TRANSFORMER).eval()
    state = {name: np.array(x.data) for name, x in ours.state_dict().items()}
    peer = TorchClassifier(TRANSFORMER, state.pop("positions.table")).eval()
    peer.load_state_dict({name: torch.tensor(x) for name, x in state.items()})
    ids = rng.integers(20, size=(3, 7))
    mask = np.arange(7) < np.array([[7], [3], [5]])
    with torch.no_grad():
        theirs = peer(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    np.testing.assert_allclose(logits_of(ours, ids, mask), theirs, atol=1e-5)


def test_the_summary_shows_what_comes_out_of_each_layer(capsys):
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    model.summary(mt.zeros(7, 4))
    printed = capsys.readouterr().out
    rows = [line.split("│") for line in printed.splitlines() if "(7, " in line]
    assert [row[3].strip() for row in rows] == ["(7, 3)", "(7, 3)", "(7, 3)", "(7, 2)"]
    assert "15 of them are frozen" in printed
    assert model.training and "forward" not in vars(model[0])


def test_the_summary_shows_every_output_of_a_layer(capsys):
    nn.LSTM(4, 3, bidirectional=True).summary(mt.zeros(2, 5, 4))
    printed = capsys.readouterr().out
    assert "(2, 5, 6)" in printed and "(2, 2, 3)" in printed
