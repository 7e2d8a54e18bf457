"""Layers for images: how they start, how they are shown, what they refuse."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import nn


@pytest.mark.parametrize(
    ("layer", "shape", "fan_in"),
    [
        (nn.Conv2d(6, 40, (5, 3), groups=2), (40, 3, 5, 3), 45),
        (nn.ConvTranspose2d(40, 5, 3), (40, 5, 3, 3), 45),
    ],
    ids=["convolution", "transposed"],
)
def test_parameters_start_within_the_bound(layer, shape, fan_in):
    bound = 1 / np.sqrt(fan_in)
    assert layer.weight.shape == shape and layer.weight.dtype == np.float32
    assert all(np.abs(parameter.data).max() <= bound for parameter in layer.parameters())
    assert abs(np.abs(layer.weight.data).mean() - bound / 2) < 0.05 * bound


def test_what_is_shown():
    assert repr(nn.Conv2d(1, 16, 3)) == "Conv2d(1, 16, kernel_size=(3, 3))"
    shown = repr(nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, dilation=2, groups=2, bias=False))
    for part in ("4, 6", "(3, 2)", "stride=(2, 2)", "padding=(1, 1)", "dilation=(2, 2)"):
        assert part in shown
    assert shown.endswith("groups=2, bias=False)")
    assert "output_padding=(1, 1)" in repr(nn.ConvTranspose2d(4, 6, 3, 2, output_padding=1))
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d((2, 2))"
    assert repr(nn.AvgPool2d(3, 2, 1)) == "AvgPool2d((3, 3), stride=(2, 2), padding=(1, 1))"
    assert repr(nn.Upsample(2)) == "Upsample((2, 2))"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Conv2d(0, 4, 3), "Conv2d: in_channels .* got 0"),
        (lambda: nn.Conv2d(4, 6, 3, groups=4), "Conv2d: 4 groups should divide .* 6 out_channels"),
        (lambda: nn.Conv2d(4, 6, 3, padding="same"), "Conv2d: padding .* got 'same'"),
        (lambda: nn.ConvTranspose2d(4, 6, (3,)), r"ConvTranspose2d: kernel_size .* got \(3,\)"),
        (lambda: nn.MaxPool2d(2, stride=0), "MaxPool2d: stride .* got 0"),
        (lambda: nn.AvgPool2d(-1), "AvgPool2d: kernel_size .* got -1"),
        (lambda: nn.Upsample(0.5), "Upsample: scale_factor .* got 0.5"),
        (lambda: nn.Conv2d(3, 4, 3)(mt.zeros(2, 1, 8, 8)), "conv2d: input has 1 channels"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_transposed_convolution_gives_back_the_size_that_a_convolution_took():
    x = mt.randn(2, 3, 28, 27)
    down = nn.Conv2d(3, 5, 4, stride=2, padding=1)
    up = nn.ConvTranspose2d(5, 3, 4, stride=2, padding=1, output_padding=(0, 1))
    assert up(down(x)).shape == x.shape
