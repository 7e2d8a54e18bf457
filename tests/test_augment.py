"""Augmentation and cleaning: the same seed gives the same copies, and each means what it did."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from minitransformer.data import augment, clean_text, normalize_images

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 9, 7), dtype=np.uint8)


def generator(seed=0):
    return np.random.default_rng(seed)


CHANGES = {
    "shift": augment.shift,
    "rotate": augment.rotate,
    "noise": lambda images, rng: augment.noise(images, rng, 20),
    "crop": lambda images, rng: augment.crop(images, rng, 5),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_copies_follow_the_seed_and_keep_the_dtype(name, dtype):
    images, change = IMAGES.astype(dtype), CHANGES[name]
    before = images.copy()
    copies = change(images, generator())
    assert copies.dtype == dtype and copies.shape == ((6, 5, 5) if name == "crop" else (6, 9, 7))
    assert np.array_equal(copies, change(images, generator()))
    assert not np.array_equal(copies, change(images, generator(1)))
    assert np.array_equal(images, before), "the rows themselves stay as they are"
    with pytest.raises(ValueError, match=rf"augment\.{name}: expected images \(N, H, W\)"):
        change(images[0], generator())


@given(most=st.integers(0, 8), seed=st.integers(0, 99))
def test_a_shift_moves_the_whole_image(most, seed):
    for image, copy in zip(IMAGES, augment.shift(IMAGES, generator(seed), most), strict=True):
        moved = [
            ndimage.shift(image, (down, across), order=0)
            for down in range(-most, most + 1)
            for across in range(-most, most + 1)
        ]
        assert any(np.array_equal(copy, m) for m in moved)


@given(degrees=st.floats(0, 180), seed=st.integers(0, 99))
def test_a_turn_is_scipys(degrees, seed):
    images = IMAGES.astype(np.float64)
    angles = generator(seed).uniform(-degrees, degrees, size=6)
    due = [
        ndimage.rotate(image, -angle, reshape=False, order=1, mode="grid-constant")
        for image, angle in zip(images, angles, strict=True)
    ]
    assert np.allclose(augment.rotate(images, generator(seed), degrees), due, atol=1e-9)


@given(size=st.integers(1, 9), padding=st.integers(0, 3), seed=st.integers(0, 99))
def test_a_crop_is_a_window_of_the_padded_image(size, padding, seed):
    around = ((0, 0), (padding, padding), (padding, padding))
    windows = np.lib.stride_tricks.sliding_window_view
    if size > 7 + 2 * padding:
        with pytest.raises(ValueError, match=r"augment\.crop: no window of"):
            augment.crop(IMAGES, generator(seed), size, padding)
        return
    every = windows(np.pad(IMAGES, around), (size, size), axis=(1, 2))
    for n, copy in enumerate(augment.crop(IMAGES, generator(seed), size, padding)):
        assert (every[n] == copy).all(axis=(2, 3)).any()


def test_every_window_and_every_shift_is_drawn():
    many = np.repeat(IMAGES[:1], 2000, axis=0)
    assert len(np.unique(augment.shift(many, generator(), 1), axis=0)) == 9
    assert len(np.unique(augment.crop(many, generator(), (8, 6)), axis=0)) == 4


def test_noise_has_its_spread_and_stays_within_bytes():
    added = augment.noise(np.zeros((20, 50, 50)), generator(), 0.3)
    assert abs(added.std() - 0.3) < 0.01 and abs(added.mean()) < 0.01
    noisy = augment.noise(np.full((1, 50, 50), 250, np.uint8), generator(), 20)
    assert noisy.max() == 255 and noisy.min() > 100, "clipped, not wrapped around"


@given(st.lists(st.integers(0, 9), max_size=12), st.floats(0, 0.99), st.integers(0, 99))
def test_words_are_lost_and_swapped(words, p, seed):
    left = augment.word_dropout(words, generator(seed), p)
    assert bool(left) == bool(words)
    rest = iter(words)
    assert all(word in rest for word in left), "in their order"
    ids = np.array(words, np.int64)
    assert augment.word_dropout(ids, generator(seed), p).tolist() == left
    swapped = augment.word_swap(words, generator(seed), 1)
    assert sorted(swapped) == sorted(words)
    assert sum(a != b for a, b in zip(words, swapped, strict=True)) in (0, 2)
    assert augment.word_swap(ids, generator(seed)).tolist() == swapped


def test_the_share_of_lost_words_is_p():
    words = list(range(10000))
    assert abs(len(augment.word_dropout(words, generator(), 0.25)) / 10000 - 0.75) < 0.02
    assert augment.word_dropout(words, generator(), 0) == words
    assert augment.word_swap(words, generator(), 50) != words


def test_bad_arguments_are_refused():
    for call, said in [
        (lambda: augment.word_dropout(["a"], generator(), 1.0), "p must be from 0 to below 1"),
        (lambda: augment.word_swap(["a"], generator(), -1), "swaps must not be negative, got -1"),
        (lambda: augment.crop(IMAGES, generator(), 3, -1), "padding must not be negative, got -1"),
        (lambda: normalize_images(IMAGES / 255), "expected pixels in uint8, got float64"),
        (lambda: normalize_images(IMAGES, std=0), "std must be above 0, got 0"),
    ]:
        with pytest.raises(ValueError, match=said):
            call()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("A film.<br /><br />Good!<BR>So-so", "A film. Good! So-so"),
        ("  tab\there \n and\u3000there ", "tab here and there"),
        ("it\x92s \x96 caf\x82", "it\u2019s \u2013 caf\u201a"),
        ("nul\x00 \x81bell\x07 \ufeffmark", "nul bell mark"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u4f60\u597d\uff0c a < b > c", "\u4f60\u597d\uff0c a < b > c"),
        ("<br />", ""),
    ],
)
def test_texts_are_cleaned(text, clean):
    assert clean_text(text) == clean == clean_text(clean)


def test_images_are_normalized():
    scaled = normalize_images(IMAGES)
    assert scaled.dtype == np.float32 and scaled.min() >= 0 and scaled.max() <= 1
    standard = normalize_images(IMAGES, scaled.mean(), scaled.std())
    assert standard.dtype == np.float32
    assert abs(standard.mean()) < 1e-5 and abs(standard.std() - 1) < 1e-5
