"""Recurrent layers: padding changes nothing, layers stack, bad states are refused."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import nn

B, T, D, H = 3, 7, 5, 4
LENGTHS = np.array([3, T, 1])
KINDS = (nn.RNN, nn.LSTM, nn.GRU)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


def last_states(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("kernels", ["reference", "auto"])
def test_padding_is_neither_read_nor_written(kind, kernels, rng):
    """Each padded row gives what it gives alone, whatever stands in its padding."""
    layer = kind(D, H, num_layers=2, bidirectional=True)
    x = rng.standard_normal((B, T, D), dtype=np.float32)
    x[np.arange(T) >= LENGTHS[:, None]] = np.nan
    inputs = mt.tensor(x, requires_grad=True)
    with mt.use_kernels(kernels):
        y, state = layer(inputs, lengths=LENGTHS)
        for row, length in enumerate(LENGTHS):
            alone, alone_state = layer(mt.tensor(x[row : row + 1, :length]))
            np.testing.assert_allclose(y.data[row, :length], alone.data[0], atol=1e-6)
            for s, a in zip(last_states(state), last_states(alone_state), strict=True):
                np.testing.assert_allclose(s.data[:, row], a.data[:, 0], atol=1e-6)
        assert not y.data[np.arange(T) >= LENGTHS[:, None]].any()
        y.backward(np.ones(y.shape))
    assert not inputs.grad[np.arange(T) >= LENGTHS[:, None]].any()
    assert all(np.isfinite(p.grad).all() for p in layer.parameters())


def test_a_sequence_in_two_halves_is_the_whole(kind):
    layer, x = kind(D, H, num_layers=2), mt.randn(B, T, D)
    whole, last = layer(x)
    first, between = layer(x[:, :4])
    second, end = layer(x[:, 4:], between)
    halves = np.concatenate([first.data, second.data], axis=1)
    np.testing.assert_allclose(halves, whole.data, atol=1e-6)
    for a, b in zip(last_states(end), last_states(last), strict=True):
        np.testing.assert_allclose(a.data, b.data, atol=1e-6)


def test_dropout_acts_between_layers_only(kind):
    x = mt.randn(B, T, D)
    for layers, differs in ((1, False), (2, True)):
        layer = kind(D, H, num_layers=layers, dropout=0.5)
        once, again = layer(x)[0].data, layer(x)[0].data
        assert differs == (not np.array_equal(once, again))
        layer.eval()
        assert np.array_equal(layer(x)[0].data, layer(x)[0].data)


def test_first_values_lie_within_one_over_root_hidden(kind):
    for name, p in kind(3, 100).named_parameters():
        assert 0.09 < np.abs(p.data).max() <= 0.1, name


def test_what_is_shown(kind):
    assert repr(kind(5, 4)) == f"{kind.__name__}(5, 4)"
    layer = kind(5, 4, num_layers=2, bidirectional=True)
    assert repr(layer) == f"{kind.__name__}(5, 4, num_layers=2, bidirectional)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.LSTM(0, 3), "LSTM: input_size should be a positive integer, got 0"),
        (lambda: nn.GRU(3, 3, num_layers=0), "GRU: num_layers should be a positive .* got 0"),
        (lambda: nn.RNN(3, 3, dropout=2.0), r"RNN: expected a probability .* got 2\.0"),
        (
            lambda: nn.LSTM(D, H)(mt.randn(B, T, D), mt.zeros(1, B, H)),
            r"LSTM: expected \(h_0, c_0\), each \(1, B, H\)",
        ),
        (
            lambda: nn.GRU(D, H, bidirectional=True)(mt.randn(B, T, D), mt.zeros(1, B, H)),
            r"GRU: expected a state \(2, B, H\), got shape \(1, 3, 4\)",
        ),
        (
            lambda: nn.RNN(D, H)(mt.randn(B, T, D), lengths=[T, 0, 1]),
            f"rnn: lengths should be from 1 to {T}, got 0",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
