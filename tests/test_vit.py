"""The ViT against the same one in PyTorch, its patches, its attention, and what it refuses."""

import json

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import functional as F
from minitransformer.models import ViT, ViTConfig
from minitransformer.models.vit import to_patches

CONFIG = ViTConfig(
    in_channels=3, image_size=(6, 9), num_classes=5, patch_size=3, d_model=16, n_head=2
)


@pytest.fixture
def model():
    mt.manual_seed(0)
    return ViT(CONFIG)


def batch(seed, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((7, 3, 6, 9)).astype(dtype), rng.integers(0, 5, 7)


def test_logits_attention_and_every_gradient_are_pytorch_s(model):
    torch = pytest.importorskip("torch")
    from vit_in_torch import twin_of

    theirs = twin_of(model.to("float64"))
    images, labels = batch(0, np.float64)
    logits, their_logits = model(images), theirs(torch.tensor(images))
    np.testing.assert_allclose(logits.detach().numpy(), their_logits.detach(), rtol=1e-9)
    weights = theirs.class_attention(torch.tensor(images)).detach()
    np.testing.assert_allclose(model.class_attention(images), weights, rtol=1e-9)
    F.cross_entropy(logits, labels).backward()
    torch.nn.functional.cross_entropy(their_logits, torch.tensor(labels)).backward()
    expected = dict(theirs.named_parameters())
    assert dict(model.named_parameters()).keys() == expected.keys()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(p.grad, expected[name].grad, rtol=1e-8, atol=1e-12, err_msg=name)


def test_thirty_steps_have_pytorch_s_losses(model):
    torch = pytest.importorskip("torch")
    from vit_in_torch import twin_of

    theirs = twin_of(model)
    options = {"lr": 3e-3, "weight_decay": 0.1}
    ours = mt.optim.AdamW(model.parameters(), **options)
    torch_optimizer = torch.optim.AdamW(theirs.parameters(), **options)
    losses = []
    for step in range(30):
        images, labels = batch(step % 3)
        loss = F.cross_entropy(model(images), labels)
        their_logits = theirs(torch.tensor(images))
        their_loss = torch.nn.functional.cross_entropy(their_logits, torch.tensor(labels))
        for optimizer, value in [(ours, loss), (torch_optimizer, their_loss)]:
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        losses.append((loss.item(), their_loss.item()))
    losses = np.array(losses)
    assert losses[-1, 0] < 0.3 * losses[0, 0]
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=0, atol=1e-4)


def test_patches_go_row_by_row_and_keep_their_pixels_together():
    images = np.arange(2 * 3 * 6 * 9.0).reshape(2, 3, 6, 9)
    patches = to_patches(images, 3).numpy()
    assert patches.shape == (2, 6, 27)
    for n, (top, left) in enumerate((top, left) for top in (0, 3) for left in (0, 3, 6)):
        square = images[:, :, top : top + 3, left : left + 3]
        np.testing.assert_array_equal(patches[:, n], square.reshape(2, 27))
    assert to_patches(images[:0], 3).shape == (0, 6, 27)


def test_an_image_has_a_gradient(model):
    images = mt.tensor(batch(0)[0], requires_grad=True)
    model(images).sum().backward()
    assert images.grad.shape == images.shape and np.abs(images.grad).min() > 0


def test_attention_of_the_class_token_is_that_of_evaluation_and_leaves_the_model_alone():
    mt.manual_seed(0)
    model = ViT(ViTConfig(**{**CONFIG.to_dict(), "dropout": 0.4, "n_layer": 3}))
    images, _ = batch(0)
    weights = model.class_attention(images)
    assert weights.shape == (7, 3, 2, 6) and isinstance(weights, np.ndarray)
    assert weights.min() > 0 and weights.sum(axis=-1).max() < 1
    assert model.training
    assert np.array_equal(weights, model.eval().class_attention(images))


def test_positions_tell_patches_apart_from_the_start(model):
    model.eval()
    images, _ = batch(0)
    exchanged = np.concatenate([images[..., 3:], images[..., :3]], axis=-1)
    logits = [model(x).detach().numpy() for x in (images, exchanged)]
    assert np.abs(logits[0] - logits[1]).max() > 1e-2
    with mt.no_grad():
        model.positions.weight *= 0
    logits = [model(x).detach().numpy() for x in (images, exchanged)]
    np.testing.assert_allclose(*logits, atol=1e-5)


def test_the_config_survives_json():
    assert ViTConfig(**json.loads(json.dumps(CONFIG.to_dict()))) == CONFIG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": 4}, r"both divisible by patch_size \(4\), got \(6, 9\)"),
        ({"image_size": (6, 0)}, r"image_size should be \(height, width\).* got \(6, 0\)"),
        ({"image_size": (6,)}, r"image_size should be \(height, width\).* got \(6,\)"),
        ({"n_head": 3}, r"d_model \(16\) should be divisible by n_head \(3\)"),
        ({"num_classes": 0}, "num_classes should be a positive integer, got 0"),
        ({"dropout": 1.5}, r"ViTConfig: .*1\.5"),
    ],
)
def test_a_bad_config_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        ViTConfig(**{**CONFIG.to_dict(), **change})


@pytest.mark.parametrize("shape", [(2, 3, 6, 8), (2, 1, 6, 9), (3, 6, 9), (2, 3, 9, 6)])
def test_images_of_another_size_are_named(model, shape):
    with pytest.raises(ValueError, match=r"ViT: images should be \(B, \(3, 6, 9\)\), got shape"):
        model(np.zeros(shape, np.float32))
