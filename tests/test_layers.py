"""Batch norm's running statistics, positions, and what padding may not change."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.BatchNorm2d(3)], ids=repr)
def test_batch_norm_normalises_each_channel(layer):
    shape = (4, 3, 5, 2) if isinstance(layer, nn.BatchNorm2d) else (4, 3, 5)
    x = 3 + 2 * np.random.default_rng(0).standard_normal(shape)
    layer.to("float64")
    y = layer(mt.tensor(x)).detach().numpy().swapaxes(0, 1).reshape(3, -1)
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=1), 1, rtol=1e-4)


def test_the_running_variance_divides_by_one_less_and_the_batch_does_not():
    layer = nn.BatchNorm1d(1, momentum=1.0).to("float64")
    layer(mt.tensor(np.array([[1.0], [3.0]])))
    assert layer.running_mean.item() == 2
    assert layer.running_var.item() == 2
    assert layer.num_batches_tracked.item() == 1


def test_momentum_none_is_the_mean_of_all_batches():
    layer = nn.BatchNorm1d(1, momentum=None).to("float64")
    for centre in (0.0, 6.0, 3.0):
        layer(mt.tensor(centre + np.array([[1.0], [-1.0]])))
    assert layer.running_mean.item() == pytest.approx(3, rel=1e-12)


def test_evaluation_leaves_the_running_statistics_alone():
    layer, x = nn.BatchNorm2d(3), mt.randn(2, 3, 4, 4)
    layer(x)
    before = {name: value.numpy().copy() for name, value in layer.state_dict().items()}
    first = layer.eval()(x).detach().numpy()
    assert np.array_equal(layer(x).detach().numpy(), first)
    for name, value in layer.state_dict().items():
        assert np.array_equal(value.numpy(), before[name])


def test_evaluation_s_gradient_is_that_of_the_statistics_it_used():
    """Evaluation reads them once: a later training step does not change what was computed."""
    layer, x = nn.BatchNorm1d(3).eval(), mt.randn(4, 3, requires_grad=True)
    y = layer(x)
    layer.train()(mt.randn(4, 3))
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 1 / np.sqrt(1 + 1e-5), rtol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 4), (2, 5, 4)])
def test_batch_norm_refuses_other_shapes(shape):
    layer = nn.BatchNorm1d(3) if len(shape) == 4 else nn.BatchNorm2d(3)
    with pytest.raises(ValueError, match=r"BatchNorm.d: expected .* the second of size 3"):
        layer(mt.ones(shape))


def test_sinusoids_are_the_paper_s():
    table = nn.SinusoidalPositions(7, 6).table.numpy()
    for t in range(7):
        for i in range(3):
            angle = t / 10000 ** (2 * i / 6)
            assert table[t, 2 * i] == pytest.approx(np.sin(angle), abs=1e-6)
            assert table[t, 2 * i + 1] == pytest.approx(np.cos(angle), abs=1e-6)


@pytest.mark.parametrize("kind", [nn.SinusoidalPositions, nn.LearnedPositions])
def test_positions_are_added_and_may_begin_later(kind):
    layer, x = kind(5, 4), mt.randn(2, 5, 4)
    whole = layer(x).detach().numpy()
    part = layer(x[:, 3:], start=3).detach().numpy()
    assert np.array_equal(part, whole[:, 3:])
    for start, bad in ((0, mt.ones(2, 6, 4)), (3, mt.ones(2, 3, 4)), (-1, mt.ones(2, 1, 4))):
        with pytest.raises(ValueError, match=f"{kind.__name__}: expected positions from 0 to 4"):
            layer(bad, start)
    with pytest.raises(ValueError, match=r"expected \(..., T, 4\), got shape \(2, 5, 3\)"):
        layer(mt.ones(2, 5, 3))


def test_learned_positions_learn_from_every_row():
    layer = nn.LearnedPositions(5, 4)
    layer(mt.ones(3, 2, 4)).sum().backward()
    assert np.array_equal(layer.weight.grad, np.repeat([3.0, 0.0], [2, 3])[:, None] * np.ones(4))


def test_rotary_depends_on_the_distance_alone():
    q, k = np.random.default_rng(0).standard_normal((2, 1, 8))
    near = F.rotary(q, start=3).data @ F.rotary(k, start=1).data.T
    far = F.rotary(q, start=103).data @ F.rotary(k, start=101).data.T
    np.testing.assert_allclose(near, far, rtol=1e-9)
    np.testing.assert_array_equal(F.rotary(q).data, q)


def test_a_masked_mean_does_not_see_the_padding():
    x, mask = np.ones((2, 3, 4), np.float32), np.array([[1, 1, 0], [1, 0, 0]], bool)
    x[~mask] = np.nan
    leaf = mt.tensor(x, requires_grad=True)
    y = F.masked_mean(leaf, mask)
    y.backward(np.ones((2, 4), np.float32))
    assert np.array_equal(y.detach().numpy(), np.ones((2, 4)))
    assert np.array_equal(leaf.grad[..., 0], [[0.5, 0.5, 0], [1, 0, 0]])


def test_gathered_positions_give_their_gradients_back():
    x, mask = mt.randn(2, 3, 4, requires_grad=True), np.array([[0, 1, 0], [1, 0, 1]], bool)
    y = F.gather_positions(x, mask)
    assert np.array_equal(y.detach().numpy(), x.data[mask])
    y.backward(np.arange(12, dtype=np.float32).reshape(3, 4))
    assert np.array_equal(x.grad[mask], np.arange(12).reshape(3, 4))
    assert not x.grad[~mask].any()
    assert F.gather_positions(x, np.zeros((2, 3), bool)).shape == (0, 4)


def test_padding_has_no_effect_on_real_positions():
    block = nn.TransformerBlock(8, 2).eval()
    x, mask = mt.randn(1, 5, 8), np.array([[True, True, True, False, False]])
    short = block(x[:, :3]).detach().numpy()
    padded = block(x, nn.key_padding_mask(mask)).detach().numpy()[:, :3]
    np.testing.assert_allclose(padded, short, rtol=1e-5, atol=1e-6)
