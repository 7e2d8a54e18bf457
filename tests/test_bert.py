"""BERT against the same one in PyTorch, with real weights and with its own; masking; bad input."""

import json
from dataclasses import replace

import numpy as np
import pytest
from real_data import folder_of

import minitransformer as mt
from minitransformer import data, nn
from minitransformer.models import BERT, BERTClassifier, BERTConfig, BERTMaskedLM
from minitransformer.text import WordPieceTokenizer

CONFIG = BERTConfig(
    vocab_size=29,
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=20,
    max_position_embeddings=11,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)


@pytest.fixture
def model():
    mt.manual_seed(0)
    return lively(BERT(CONFIG))


def lively(model):
    """Weights that are large enough for every part to matter."""
    for name, p in model.named_parameters():
        nn.init.normal_(p, mean=float(name.endswith("LayerNorm.weight")), std=0.5)
    return model


def batch(rows=3, length=9):
    rng = np.random.default_rng(0)
    ids = rng.integers(5, CONFIG.vocab_size, (rows, length))
    mask = np.arange(length) < np.array([[length], [1], [5]])[:rows]
    return ids, mask, rng.integers(0, 2, ids.shape)


def test_features_and_every_gradient_are_pytorch_s(model):
    torch = pytest.importorskip("torch")
    from bert_in_torch import TorchBERT

    model = model.to("float64")
    twin = TorchBERT(CONFIG, model.state_dict())
    ids, mask, segments = batch()
    ours = model.pooled(model(ids, mask, segments))
    theirs = twin.pooled(twin.features(*map(torch.tensor, (ids, mask, segments))))
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach(), rtol=1e-10, atol=1e-12)
    upstream = np.random.default_rng(1).normal(size=ours.shape)
    (ours * mt.tensor(upstream)).sum().backward()
    (theirs * torch.tensor(upstream)).sum().backward()
    for name, p in model.named_parameters():
        expected = twin.weights[name].grad
        np.testing.assert_allclose(p.grad, expected, rtol=1e-8, atol=1e-10, err_msg=name)


def test_minilm_s_sentence_embeddings_are_pytorch_s():
    torch = pytest.importorskip("torch")
    from bert_in_torch import TorchBERT

    folder = folder_of("minilm")
    model, tokenizer = BERT.from_pretrained(folder), WordPieceTokenizer.from_folder(folder)
    assert folder_of("imdb")
    sentences = data.rotten_tomatoes()[0][::85][:100]
    assert len(sentences) == 100
    ids, mask = data.pad_sequences([tokenizer.encode(s) for s in sentences], tokenizer.pad_id)
    with mt.no_grad(), torch.no_grad():
        ours = model.sentence_embeddings(ids, mask).numpy()
        twin = TorchBERT(model.config, model.state_dict())
        theirs = twin.sentence_embeddings(torch.tensor(ids), torch.tensor(mask)).numpy()
        alone = model.sentence_embeddings(ids[:1][:, mask[0]]).numpy()
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.abs(ours[:1] - alone).max() < 1e-5, "padding changes nothing"


def test_padding_changes_nothing_and_dropout_is_off_in_evaluation(model):
    ids, mask, _ = batch()
    other = np.where(mask, ids, 7)
    with mt.no_grad():
        before, after = (model.sentence_embeddings(x, mask).numpy() for x in (ids, other))
    np.testing.assert_allclose(before, after, atol=1e-6)
    assert np.linalg.norm(before, axis=1) == pytest.approx(1)
    noisy = BERT(replace(CONFIG, hidden_dropout_prob=0.5))
    assert not np.array_equal(noisy(ids).data, noisy(ids).data)
    noisy.eval()
    assert np.array_equal(noisy(ids).data, noisy(ids).data)


def test_the_loss_is_that_of_the_masked_places_alone(model):
    masked = lively(BERTMaskedLM(model))
    ids, mask, _ = batch()
    targets = np.full(ids.shape, -100)
    targets[0, 3], targets[2, 1] = 8, 9
    logits, loss = masked(ids, mask, targets)
    everywhere, none = masked(ids, mask)
    assert none is None and everywhere.shape == (3, 9, 29)
    chosen = everywhere.data[[0, 2], [3, 1]]
    np.testing.assert_allclose(logits.data, chosen, rtol=1e-4, atol=1e-5)
    of_target = np.log(np.exp(chosen).sum(1)) - chosen[[0, 1], [8, 9]]
    assert loss.item() == pytest.approx(of_target.mean(), rel=1e-4)
    assert "bert.embeddings.word_embeddings.weight" in masked.state_dict()


def test_a_masked_model_learns_and_its_encoder_goes_on(model):
    mt.manual_seed(0)
    masked = BERTMaskedLM(BERT(CONFIG))
    optimizer = mt.optim.AdamW(masked.parameters(), lr=1e-2)
    rng = np.random.default_rng(0)
    ids = np.arange(5, 29).reshape(4, 6)
    losses = []
    for _ in range(80):
        inputs, targets = data.mask_tokens(ids, rng, vocab_size=29, mask_id=4, special_ids=range(5))
        _, loss = masked(inputs, None, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-20:]) < 0.75 * np.mean(losses[:5])
    classifier = BERTClassifier(masked.bert, classes=5)
    ids, mask, segments = batch()
    assert classifier(ids, mask, segments).shape == (3, 5)


def test_masking_is_eighty_ten_ten():
    ids = np.random.default_rng(0).integers(0, 100, (400, 500))
    special = [0, 1, 2, 3, 4]
    known = {"vocab_size": 100, "mask_id": 4, "special_ids": special}
    inputs, targets = data.mask_tokens(ids, np.random.default_rng(1), **known)
    chosen, ordinary = targets != -100, ~np.isin(ids, special)
    assert np.array_equal(targets[chosen], ids[chosen])
    assert np.array_equal(inputs[~chosen], ids[~chosen])
    assert not (chosen & ~ordinary).any()
    assert chosen.sum() / ordinary.sum() == pytest.approx(0.15, abs=0.005)
    masked = (inputs == 4) & chosen
    random = chosen & ~masked & (inputs != ids)
    assert masked.sum() / chosen.sum() == pytest.approx(0.8, abs=0.01)
    assert random.sum() / chosen.sum() == pytest.approx(0.1 * 94 / 95, abs=0.01)
    assert set(inputs[random]) == set(range(5, 100))
    again = data.mask_tokens(ids, np.random.default_rng(2), **known)[1]
    assert not np.array_equal(targets, again)


def test_one_token_at_least_is_masked():
    ids = np.array([[2, 7, 3, 0]])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        targets = data.mask_tokens(ids, rng, vocab_size=9, mask_id=4, special_ids=range(5))[1]
        assert targets.tolist() == [[-100, 7, -100, -100]]


SETTINGS = {"model_type": "bert", **CONFIG.to_dict()}


def write(folder, state=None, **settings):
    """A folder as Hugging Face writes it."""
    fields = {name: value for name, value in {**SETTINGS, **settings}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(fields))
    mt.save(folder / "model.safetensors", state or {})
    return folder


def test_weights_come_back_from_a_folder(tmp_path, model):
    state = model.state_dict()
    head = {"cls.predictions.bias": np.zeros(29)}
    prefixed = {f"bert.{name}": value for name, value in state.items()} | head
    old = {n.replace("LayerNorm.weight", "LayerNorm.gamma"): value for n, value in state.items()}
    old["embeddings.position_ids"] = np.arange(11)
    poolerless = {name: value for name, value in state.items() if "pooler" not in name}
    ids, mask, segments = batch()
    expected = model(ids, mask, segments).data
    for given in (state, prefixed, old, poolerless):
        again = BERT.from_pretrained(write(tmp_path, given))
        assert np.array_equal(again(ids, mask, segments).data, expected)
        assert not again.training
    with pytest.raises(ValueError, match="this model has no pooler"):
        again.pooled(again(ids))


def test_all_that_does_not_fit_is_listed(tmp_path, model):
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    state["embeddings.word_embeddings.weight"] = np.zeros((30, 12), np.float32)
    state["encoder.layer.7.output.dense.bias"] = state.pop("encoder.layer.1.output.dense.bias")
    with pytest.raises(ValueError) as caught:
        BERT.from_pretrained(write(tmp_path, state))
    for part in [
        "missing: encoder.layer.1.output.dense.bias",
        "unexpected: encoder.layer.7.output.dense.bias",
        "embeddings.word_embeddings.weight should be (29, 12), got (30, 12)",
    ]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda f: f, FileNotFoundError, r"there is no .*config\.json"),
        (lambda f: write(f, model_type="gpt2"), ValueError, "model_type 'gpt2'.*expected 'bert'"),
        (lambda f: write(f, model_type=None), ValueError, "without model_type"),
        (lambda f: write(f, hidden_act="relu"), ValueError, "hidden_act 'relu'"),
        (lambda f: write(f, hidden_size=None), ValueError, "has no hidden_size"),
        (lambda f: write(f, hidden_size=13), ValueError, r"hidden_size \(13\) should be divisible"),
        (lambda f: (write(f) / "config.json").write_text("{"), ValueError, "is damaged"),
        (lambda f: (write(f) / "config.json").write_text("[]"), ValueError, "a JSON object"),
        (lambda f: (write(f) / "model.safetensors").unlink(), FileNotFoundError, r"no .*model\."),
        (lambda f: (write(f) / "model.safetensors").write_bytes(b"x"), ValueError, "cut off"),
    ],
)
def test_a_bad_folder_is_named(tmp_path, act, error, message):
    act(tmp_path)
    with pytest.raises(error, match=message):
        BERT.from_pretrained(tmp_path)


IDS = np.full((2, 3), 7)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda m: m(np.zeros((1, 12), int)), ValueError, "12 tokens a row, more than max_pos"),
        (lambda m: m(np.zeros(3, int)), ValueError, r"BERT: ids should be \(B, T\)"),
        (lambda m: m([[29]]), IndexError, "from 0 to 28, got 29"),
        (lambda m: m(IDS, np.ones((2, 2), bool)), ValueError, r"mask should be \(2, 3\) as ids"),
        (lambda m: m(IDS, np.ones((2, 3))), TypeError, "mask should be boolean"),
        (lambda m: m(IDS, np.array([[True] * 3, [False] * 3])), ValueError, "row 1 of the mask"),
        (lambda m: m(IDS, None, np.zeros((2, 1), int)), ValueError, r"segments should be \(2, 3\)"),
        (lambda m: m(IDS, None, IDS), IndexError, "from 0 to 1, got 7"),
        (lambda m: BERTMaskedLM(m)(IDS, None, IDS[:1]), ValueError, r"targets should be \(2, 3\)"),
        (lambda m: BERTMaskedLM(m)(IDS, None, IDS * 0 - 100), ValueError, "no token is masked"),
        (lambda m: BERTClassifier(m, 0), ValueError, "classes should be a positive integer"),
        (lambda m: data.mask_tokens(IDS, np.random.default_rng(0), vocab_size=9, mask_id=4,
                                    special_ids=[7]), ValueError, "no token that is not special"),
    ],
)  # fmt: skip
def test_bad_input_is_named(model, act, error, message):
    with pytest.raises(error, match=message):
        act(model)
