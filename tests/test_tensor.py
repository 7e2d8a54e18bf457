"""Tensor: making it, its dtypes, its methods, its random numbers."""

import json

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import random
from minitransformer.tensor import Tensor


def f32(*shape: int) -> Tensor:
    return mt.randn(shape, requires_grad=True)


# Making tensors


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.0, np.float32),
        ([1.0, 2.0], np.float32),
        ([[1.5], [2]], np.float32),
        ([], np.float32),
        (1, np.int64),
        ([1, 2], np.int64),
        ([True], np.bool_),
        (np.float64(1), np.float64),
        ([np.float64(1)], np.float64),
        (np.ones(2), np.float64),
        (np.ones(2, np.float16), np.float16),
    ],
)
def test_python_floats_become_float32_and_arrays_keep_their_dtype(data, dtype):
    assert mt.tensor(data).dtype == dtype


def test_python_floats_reach_float64_unrounded():
    assert mt.tensor([0.1], dtype=np.float64).item() == 0.1
    assert mt.tensor(0.1, dtype=np.float64).item() == 0.1


def test_tensor_copies_and_Tensor_shares():
    array = np.zeros(2, np.float32)
    shared, copied = Tensor(array), mt.tensor(array)
    array[0] = 1
    assert shared.tolist() == [1, 0] and copied.tolist() == [0, 0]


def test_filled_tensors():
    assert mt.zeros(2, 3).shape == mt.ones((2, 3)).shape == mt.randn([2, 3]).shape == (2, 3)
    assert mt.zeros(np.int64(3)).shape == (3,)
    assert mt.arange(3).dtype == np.int64 and mt.arange(0.0, 1.0, 0.5).dtype == np.float32
    assert mt.ones(2, requires_grad=True).requires_grad


# Dtypes


def test_python_numbers_do_not_promote():
    for x in (mt.ones(2), mt.ones(())):
        for y in (x * 2.5, 2.5 - x, x / 3, x**2, 2**x, x.maximum(0.5), F.where([True], x, -1e9)):
            assert y.dtype == np.float32
    assert mt.where([True, False], 1.0, 0.0).dtype == np.float32
    assert mt.where([True, False], 1, 0).dtype == np.int64


def test_arrays_promote_as_in_numpy():
    x = mt.ones(2)
    assert (x * mt.ones(2, dtype=np.float64)).dtype == np.float64
    assert (x + np.float64(1)).dtype == np.float64
    assert (mt.arange(2) * 0.5).dtype == np.float64
    assert mt.arange(2).mean().dtype == np.float64
    assert (mt.ones(2, dtype=np.float16) + x).dtype == np.float32


def test_gradients_come_back_in_each_inputs_dtype():
    a, b = mt.ones(2, requires_grad=True), mt.ones(2, dtype=np.float64, requires_grad=True)
    (a * b).sum().backward()
    assert a.grad.dtype == np.float32 and b.grad.dtype == np.float64


@pytest.mark.parametrize("target", [np.zeros(2), np.zeros(2, int), [0.0, 1.0], mt.zeros(2)])
@pytest.mark.parametrize("loss", [F.mse_loss, F.binary_cross_entropy_with_logits])
def test_a_loss_has_the_dtype_of_its_prediction(loss, target):
    x = f32(2)
    y = loss(x, target)
    y.backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_numpy_options_do_not_promote():
    x, scale = f32(2, 3), np.float64(0.5)
    for y in (
        F.scaled_dot_product_attention(x, x, x, scale=scale),
        F.layer_norm(x, 3, eps=np.float64(1e-5)),
        F.leaky_relu(x, np.float64(0.1)),
        x.clip(np.float64(-1), np.float64(1)),
        F.pad(x, [(1, 1), (0, 0)], np.float64(0)),
        F.cross_entropy(x, np.array([0, 1]), label_smoothing=np.float64(0.1)),
        x.sum(np.int64(0)),
    ):
        assert y.dtype == np.float32


def test_half_precision_goes_through():
    x = mt.tensor(np.linspace(-1, 1, 6).reshape(2, 3).astype(np.float16), requires_grad=True)
    y = F.gelu(F.layer_norm(x, 3)).softmax() @ x.transpose(0, 1)
    y.mean().backward()
    assert y.dtype == x.grad.dtype == np.float16


def test_to_changes_the_dtype_and_passes_the_gradient_back():
    x = f32(3)
    y = x.to(np.float64)
    y.sum().backward()
    assert y.dtype == np.float64 and x.grad.dtype == np.float32
    assert x.to("float32") is x and x.to("cpu") is x
    assert x.to(np.int64).dtype == np.int64 and not x.to(np.int64).requires_grad


# NumPy beside tensors


def test_numpy_arrays_on_the_left_ask_the_tensor():
    x = f32(3)
    for y in (np.ones(3) + x, np.ones(3) * x, np.ones((2, 3), np.float32) @ x, np.float32(2) - x):
        assert isinstance(y, Tensor) and y.requires_grad


def test_numpy_functions_refuse_to_lose_a_gradient():
    x = f32(3)
    for convert in (np.asarray, Tensor.numpy, lambda x: np.stack([x, x])):
        with pytest.raises(RuntimeError, match=r"numpy: .* use tensor.detach\(\).numpy\(\)"):
            convert(x)
    assert np.asarray(x.detach()) is x.data
    assert x.detach().numpy() is x.data


def test_comparisons_are_boolean_and_have_no_gradient():
    x = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    assert (x > 2).tolist() == [False, False, True]
    assert (x <= np.array([1, 1, 3])).tolist() == [True, False, True]
    assert (x == mt.tensor(2.0)).tolist() == [False, True, False]
    assert (x != 2).dtype == np.bool_ and not (x >= 2).requires_grad
    assert (x == None) is False and (x == "a") is False  # noqa: E711
    assert bool(mt.tensor(1.0) < 2)
    with pytest.raises(TypeError):
        x < "a"  # noqa: B015


def test_tensors_are_told_apart_by_identity():
    a, b = mt.ones(2), mt.ones(2)
    assert len({a, b, a}) == 2


# Methods


def test_shapes():
    x = f32(2, 1, 3)
    assert x.squeeze().shape == x.squeeze(1).shape == x.squeeze(dim=-2).shape == (2, 3)
    assert x.unsqueeze(0).shape == (1, 2, 1, 3) and x.unsqueeze(dim=-1).shape == (2, 1, 3, 1)
    assert x.transpose(0, -1).shape == x.T.shape == (3, 1, 2)
    assert x.permute(2, 0, 1).shape == x.permute((2, 0, 1)).shape == (3, 2, 1)
    assert x.reshape(3, 2).shape == x.view((3, -1)).shape == (3, 2)
    assert x.broadcast_to(2, 4, 3).shape == (2, 4, 3)
    assert mt.zeros(3, 2).reshape(np.int64(6)).shape == (6,)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "softmax", "log_softmax"])
def test_dim_is_another_name_for_axis(name):
    x = f32(2, 3)
    assert np.array_equal(getattr(x, name)(dim=0).data, getattr(x, name)(axis=0).data)


def test_several_axes_may_come_as_a_list():
    x = f32(2, 3, 4)
    assert np.array_equal(x.sum([0, -1]).data, x.data.sum((0, -1)))


def test_split_and_chunk():
    x = mt.arange(7)
    assert [p.tolist() for p in x.split(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [p.tolist() for p in x.split([5, 0, 2])] == [[0, 1, 2, 3, 4], [], [5, 6]]
    assert [p.shape for p in mt.ones(2, 7).chunk(3, dim=1)] == [(2, 3), (2, 3), (2, 1)]
    assert [p.shape for p in mt.ones(0, 2).chunk(2)] == [(0, 2)]
    y = f32(2, 6)
    q, _, v = y.split(2, axis=-1)
    (q * v).sum().backward()
    assert np.array_equal(y.grad, np.concatenate([v.data, 0 * v.data, q.data], axis=1))


def test_masks():
    x = mt.ones(3, 3)
    hidden = x.tril() == 0
    assert np.array_equal(x.masked_fill(hidden, -1).data, np.tril(np.ones((3, 3))) * 2 - 1)
    assert x[x.tril() == 1].shape == (6,)
    assert x.argmax().item() == 0 and x.argmax(dim=1, keepdims=True).shape == (3, 1)


def test_rows_are_iterated():
    x = f32(3, 2)
    assert [row.tolist() for row in x] == x.tolist() and len(x) == 3


def test_one_element_becomes_a_python_number():
    x = mt.tensor([[2.5]])
    assert (x.item(), float(x), int(x), bool(x)) == (2.5, 2.5, 2, True)


def test_ties_share_the_gradient():
    x = mt.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], requires_grad=True)
    x.max(axis=1).backward([6.0, 6.0])
    assert x.grad.tolist() == [[0, 3, 3], [2, 2, 2]]
    a, b = mt.tensor(1.0, requires_grad=True), mt.tensor(1.0, requires_grad=True)
    a.maximum(b).backward()
    assert a.grad == b.grad == 0.5


def test_powers_at_zero():
    for exponent, slope in ((0, 0.0), (1, 1.0), (2, 0.0)):
        x = mt.tensor(0.0, requires_grad=True)
        (x**exponent).backward()
        assert x.grad == slope
    x = mt.tensor(0.0)
    b = mt.tensor(2.0, requires_grad=True)
    (x**b).backward()
    assert b.grad == 0


def test_a_class_that_is_ruled_out_costs_nothing():
    logits = mt.tensor([[0.0, -np.inf, 0.0]], requires_grad=True)
    loss = F.cross_entropy(logits, np.array([0]))
    loss.backward()
    assert np.isclose(loss.item(), np.log(2))
    assert np.allclose(logits.grad, [[-0.5, 0, 0.5]])


# Random numbers


def test_a_seed_gives_the_same_numbers():
    def draws() -> list:
        x = mt.randn(100)
        return [x.tolist(), F.dropout(x, 0.5).tolist(), random.draw_seed()]

    mt.manual_seed(7)
    first = draws()
    mt.manual_seed(7)
    assert draws() == first
    assert draws() != first


def test_the_random_state_survives_json():
    mt.randn(3)
    random.draw_seed()
    state = json.loads(json.dumps(random.get_state()))
    expected = (mt.randn(5).tolist(), random.draw_seed())
    mt.manual_seed(1)
    random.set_state(state)
    assert (mt.randn(5).tolist(), random.draw_seed()) == expected


def test_dropout_keeps_its_share_and_its_expected_value():
    x = mt.ones(100_000)
    y = F.dropout(x, 0.3).data
    assert abs((y == 0).mean() - 0.3) < 0.01 and np.allclose(y[y != 0], 1 / 0.7)
    assert F.dropout(x, 0.3, training=False) is x
    assert not F.dropout(x, 1.0).data.any()
