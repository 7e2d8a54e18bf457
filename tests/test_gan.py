"""The GAN: its shapes and errors, its two losses, and that it learns which class is asked for."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import nn
from minitransformer.models import GAN, GANConfig
from minitransformer.training.adversarial import (
    AdversarialTrainer,
    discriminator_loss,
    generator_loss,
    judge_samples,
    spread,
)

SMALL = GANConfig(image_size=8, num_classes=2, latent=4, channels=8)


def bars(n=128):
    """Noisy pictures (n, 8, 8): class 0 has two rows filled, class 1 two columns."""
    rng = np.random.default_rng(0)
    images, labels = rng.random((n, 8, 8)) / 10, rng.integers(2, size=n)
    for image, label in zip(images, labels, strict=True):
        start = rng.integers(2, 5)
        (image.T if label else image)[start : start + 2] = 0.9
    return images, labels


class Upright(nn.Module):
    """A classifier by hand: columns differ more than rows in class 1."""

    def forward(self, x):
        rows, columns = x.data.mean(axis=3).var(axis=2), x.data.mean(axis=2).var(axis=2)
        return mt.tensor(np.concatenate([rows, columns], axis=1))


def small_gan():
    mt.manual_seed(0)
    return GAN(SMALL)


def test_shapes_and_range():
    gan = small_gan()
    made = gan.generator(mt.tensor(gan.noise(3)), np.array([0, 1, 1]))
    assert made.shape == (3, 1, 8, 8) and made.data.min() >= 0 and made.data.max() <= 1
    assert gan.discriminator(made, np.array([0, 1, 1])).shape == (3,)
    assert GANConfig(**SMALL.to_dict()) == SMALL


def test_the_score_is_that_of_the_class_given():
    gan, images = small_gan(), mt.tensor(bars(4)[0][:, None].astype(np.float32))
    both = [gan.discriminator(images, np.full(4, c)).data for c in (0, 1)]
    mixed = gan.discriminator(images, np.array([0, 1, 0, 1])).data
    assert np.array_equal(mixed, [both[0][0], both[1][1], both[0][2], both[1][3]])


def test_generate_repeats_by_seed_and_leaves_the_mode():
    gan = small_gan().train()
    first, second, other = (gan.generate([0, 1, 1], seed=seed) for seed in (1, 1, 2))
    assert first.shape == (3, 8, 8) and np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert gan.training and gan.generator.norm1.training
    noise = gan.noise(3, seed=1)
    assert np.array_equal(gan.generate([0, 1, 1], noise), first)


def test_losses_are_the_formulas():
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(2, 7))
    sigmoid = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-made))
    told = discriminator_loss(mt.tensor(real), mt.tensor(made)).item()
    assert np.isclose(told, -np.log(sigmoid[0]).mean() - np.log(1 - sigmoid[1]).mean())
    assert np.isclose(generator_loss(mt.tensor(made)).item(), -np.log(sigmoid[1]).mean())


def test_the_generator_learns_most_where_it_is_told_easily():
    made = mt.tensor([-9.0, 9.0], requires_grad=True)
    generator_loss(made).backward()
    assert made.grad[0] < -0.49 and abs(made.grad[1]) < 1e-3


def test_each_step_moves_its_own_network():
    gan, (images, labels) = small_gan(), bars()
    trainer = AdversarialTrainer(gan, images, labels, batch_size=16, lr=1e-2)
    before = {name: p.data.copy() for name, p in gan.named_parameters()}
    for which, part in enumerate(("generator.", "discriminator.")):
        trainer.optimizers[which].step = lambda: None
        trainer.step(images[:16, None].astype(np.float32), labels[:16])
        del trainer.optimizers[which].step
        for name, p in gan.named_parameters():
            if name.startswith(part):
                assert np.array_equal(p.data, before[name]), f"{name} moved in the other's step"
        before = {name: p.data.copy() for name, p in gan.named_parameters()}


def test_it_learns_what_is_asked_for():
    gan, (images, labels) = small_gan(), bars()
    begin = judge_samples(gan, Upright(), images, labels)
    trainer = AdversarialTrainer(gan, images, labels, batch_size=32, lr=5e-3)
    for _ in range(60):
        losses = trainer.epoch()
    end = judge_samples(gan, Upright(), images, labels)
    assert end.accuracy > 0.85 > begin.accuracy and end.classes == 2
    assert 0 < losses.generator < 5 and end.spread > 0


def test_the_same_seed_trains_to_the_same_bits():
    ends = []
    for _ in range(2):
        gan, rows = small_gan(), bars(32)
        AdversarialTrainer(gan, *rows, batch_size=16).epoch()
        ends.append(gan.generate([0, 1], seed=0))
    assert np.array_equal(*ends)


def test_the_spread_of_equal_images_is_zero():
    images, labels = bars(16)
    assert spread(np.ones((4, 8, 8)), np.array([0, 0, 1, 1])) == 0
    assert spread(images, labels) > 0.1


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"image_size": 30}, "multiple of 4 and channels of 2, got 30 and 32"),
        ({"channels": 7}, "multiple of 4 and channels of 2, got 28 and 7"),
        ({"latent": 0}, "latent should be a positive integer, got 0"),
    ],
)
def test_sizes_that_do_not_fit(sizes, message):
    with pytest.raises(ValueError, match=message):
        GANConfig(**sizes)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((20, 9, 9)), r"expected images \(N, 8, 8\) .* got shape \(20, 9, 9\)"),
        (np.full((20, 8, 8), 255), "from 0 to 1, .* from 255 to 255"),
        (np.full((20, 8, 8), np.nan), "from nan to nan"),
        (np.zeros((3, 8, 8)), "3 rows make no batch of 64"),
    ],
)
def test_images_that_do_not_fit(images, message):
    with pytest.raises(ValueError, match=message):
        AdversarialTrainer(small_gan(), images, np.zeros(len(images), np.int64))


def test_a_class_that_does_not_exist():
    with pytest.raises(IndexError, match="embedding"):
        small_gan().generate([0, 2])


def test_each_class_needs_its_noise():
    gan = small_gan()
    with pytest.raises(ValueError, match=r"GAN: noise should be \(2, \d+\), got \(1, \d+\)"):
        gan.generate([0, 1], gan.noise(1))


def test_images_of_another_size_are_refused_by_name():
    with pytest.raises(ValueError, match=r"Discriminator: .*\(B, 1, 8, 8\)"):
        small_gan().discriminator(mt.zeros(2, 1, 12, 12), np.zeros(2, np.int64))


def test_the_discriminator_refuses_a_class_that_does_not_exist():
    images = mt.zeros(2, 1, 8, 8)
    with pytest.raises((IndexError, ValueError)):
        small_gan().discriminator(images, np.array([0, 2]))
    with pytest.raises((IndexError, ValueError)):
        small_gan().discriminator(images, np.array([0, -1]))
