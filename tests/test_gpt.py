"""The GPT against the same one in PyTorch, its shape, and its generation."""

import numpy as np
import pytest
from small_gpt import CONFIG, lively

import minitransformer as mt
from minitransformer.models import GPT, GPTConfig


@pytest.fixture
def model():
    mt.manual_seed(0)
    return GPT(CONFIG)


def batch(seed, rows=3, length=CONFIG.block_size):
    idx = np.random.default_rng(seed).integers(0, CONFIG.vocab_size, (rows, length + 1))
    return idx[:, :-1], idx[:, 1:]


@pytest.mark.parametrize("bias", [True, False])
def test_logits_loss_and_every_gradient_are_pytorch_s(bias):
    torch = pytest.importorskip("torch")
    from gpt_in_torch import twin_of

    mt.manual_seed(1)
    ours = lively(GPT(GPTConfig(**{**CONFIG.to_dict(), "bias": bias}))).to("float64")
    theirs = twin_of(ours)
    idx, targets = batch(0, length=9)
    logits, loss = ours(idx, targets)
    their_logits, their_loss = theirs(torch.tensor(idx), torch.tensor(targets))
    np.testing.assert_allclose(
        logits.detach().numpy(), their_logits.detach(), rtol=1e-9, atol=1e-11
    )
    assert loss.item() == pytest.approx(their_loss.item(), rel=1e-11)
    loss.backward()
    their_loss.backward()
    expected = dict(theirs.named_parameters())
    assert dict(ours.named_parameters()).keys() == expected.keys()
    for name, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad, expected[name].grad, rtol=1e-8, atol=1e-12, err_msg=name)


def test_fifty_steps_have_pytorch_s_losses(model):
    torch = pytest.importorskip("torch")
    from gpt_in_torch import twin_of

    theirs = twin_of(model)
    ours = model.configure_optimizer(weight_decay=0.1, lr=1e-2, betas=(0.9, 0.95))
    groups = [
        {"params": [p for p in theirs.parameters() if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in theirs.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    torch_optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    losses, their_losses = [], []
    for step in range(50):
        idx, targets = batch(step % 4)
        _, loss = model(idx, targets)
        _, their_loss = theirs(torch.tensor(idx), torch.tensor(targets))
        for optimizer, value in [(ours, loss), (torch_optimizer, their_loss)]:
            optimizer.zero_grad()
            value.backward()
        mt.optim.clip_grad_norm_(model.parameters(), 1.0)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        ours.step()
        torch_optimizer.step()
        losses.append(loss.item())
        their_losses.append(their_loss.item())
    assert losses[-1] < 0.7 * losses[0]
    np.testing.assert_allclose(losses, their_losses, rtol=0, atol=1e-4)


def test_the_names_are_nanogpt_s_and_the_head_is_tied(model):
    names = list(model.state_dict())
    assert names[:4] == [
        "transformer.wte.weight",
        "transformer.wpe.weight",
        "transformer.h.0.ln_1.weight",
        "transformer.h.0.ln_1.bias",
    ]
    layers = {name.removeprefix("transformer.h.1.") for name in names if ".h.1." in name}
    parts = {"ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"}
    assert layers == {f"{part}.{kind}" for part in parts for kind in ("weight", "bias")}
    assert names[-2:] == ["transformer.ln_f.weight", "transformer.ln_f.bias"]
    assert "lm_head.weight" not in names
    assert model.state_dict()["transformer.h.0.attn.c_attn.weight"].shape == (48, 16)
    assert model.num_parameters() == sum(t.size for t in model.state_dict().values())
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    model.load_state_dict({**state, "lm_head.weight": state["transformer.wte.weight"].copy()})
    with pytest.raises(ValueError, match=r"transformer\.wte\.weight and lm_head\.weight"):
        model.load_state_dict({**state, "lm_head.weight": state["transformer.wte.weight"] + 1})


def test_the_first_weights_are_nanogpt_s():
    mt.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=500, block_size=64, n_layer=8, n_head=2, n_embd=64))
    for name, p in model.named_parameters():
        if "c_proj.weight" in name:
            assert p.data.std() == pytest.approx(0.02 / 4, rel=0.05)
        elif p.ndim == 2:
            assert p.data.std() == pytest.approx(0.02, rel=0.05)
        else:
            assert np.all(p.data == (0 if name.endswith("bias") else 1)), name
    idx, targets = batch(0)
    assert model(idx, targets)[1].item() == pytest.approx(np.log(500), rel=0.02)


def test_a_token_cannot_see_the_future(model):
    idx, _ = batch(0, rows=1)
    changed = idx.copy()
    changed[0, 7] = (idx[0, 7] + 1) % CONFIG.vocab_size
    lively(model)
    before, after = (model(x)[0].detach().numpy() for x in (idx, changed))
    np.testing.assert_allclose(before[0, :7], after[0, :7], rtol=1e-5, atol=1e-5)
    assert np.abs(before[0, 7:] - after[0, 7:]).max(axis=1).min() > 1e-3


def test_ids_may_be_tensors_arrays_or_lists(model):
    idx, targets = batch(0)
    expected = model(idx, targets)[1].item()
    assert model(mt.tensor(idx), mt.tensor(targets))[1].item() == expected
    assert model(idx.astype(np.uint16), targets.astype(np.int32))[1].item() == expected
    assert model(idx.tolist(), targets.tolist())[1].item() == expected
    logits, loss = model(idx)
    assert logits.shape == (3, 12, 23)
    assert loss is None


@pytest.mark.parametrize(
    ("idx", "targets", "error", "message"),
    [
        (np.zeros((1, 13), int), None, ValueError, r"13 tokens a row, more than block_size \(12\)"),
        (np.zeros(3, int), None, ValueError, r"GPT: idx should be \(B, T\) .* got \(3,\)"),
        (np.zeros((2, 0), int), None, ValueError, r"at least one token, got \(2, 0\)"),
        (np.zeros((1, 3)), None, TypeError, "GPT: idx should be integers, got float64"),
        ([[23]], None, IndexError, "indices should be from 0 to 22, got 23"),
        ([[-1]], None, IndexError, "indices should be from 0 to 22, got -1"),
        ([[1, 2]], [[1]], ValueError, r"targets should be \(1, 2\) as idx, got \(1, 1\)"),
        ([[1, 2]], [[1, 23]], IndexError, "target should be from 0 to 22, got 23"),
    ],
)
def test_bad_ids_are_named(model, idx, targets, error, message):
    with pytest.raises(error, match=message):
        model(idx, targets)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_head": 3}, r"GPTConfig: n_embd \(16\) should be divisible by n_head \(3\)"),
        ({"n_layer": 0}, "GPTConfig: n_layer should be a positive integer, got 0"),
        ({"vocab_size": 2.5}, r"GPTConfig: vocab_size .* got 2\.5"),
        ({"block_size": True}, "GPTConfig: block_size .* got True"),
        ({"dropout": 1.0}, r"GPTConfig: dropout should be in \[0, 1\), got 1\.0"),
    ],
)
def test_a_bad_config_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        GPTConfig(**{**CONFIG.to_dict(), **change})


def test_only_matrices_decay(model):
    decayed, kept = model.configure_optimizer(0.1, 1e-3, (0.9, 0.99)).param_groups
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    assert {p.ndim for p in decayed["params"]} == {2}
    assert {p.ndim for p in kept["params"]} == {1}
    assert decayed["betas"] == (0.9, 0.99)


def test_dropout_is_seeded_and_off_in_evaluation():
    model = GPT(GPTConfig(**{**CONFIG.to_dict(), "dropout": 0.2}))
    idx, targets = batch(0)

    def loss(seed):
        mt.manual_seed(seed)
        return model(idx, targets)[1].item()

    assert loss(1) == loss(1) != loss(2)
    model.eval()
    assert loss(1) == loss(2)


@pytest.mark.parametrize("site", ["drop", "h.1.attn", "h.1.attn.resid_dropout", "h.1.mlp.dropout"])
def test_each_dropout_has_its_place(model, site):
    part = dict(model.transformer.named_modules())[site]
    setattr(part, "dropout" if site == "h.1.attn" else "p", 0.5)
    lively(model)
    idx, _ = batch(0)
    noisy = model(idx)[0].detach().numpy()
    assert not np.array_equal(noisy, model.eval()(idx)[0].detach().numpy())
    assert np.array_equal(model(idx)[0].detach().numpy(), model(idx)[0].detach().numpy())
