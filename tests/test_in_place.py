"""Changes in place: those that would spoil a gradient are noticed, the others are free."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer.tensor import Tensor


def leaf(*values: float) -> Tensor:
    return mt.tensor(list(values), requires_grad=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.__setitem__(0, 9.0),
        lambda x: x.__iadd__(1.0),
        lambda x: setattr(x, "data", np.zeros(2, np.float32)),
        lambda x: x[1:].__imul__(0.0),
        lambda x: x.reshape(2, 1).__setitem__((0, 0), 1.0),
        lambda x: x.detach().__isub__(1.0),
        lambda x: Tensor(x).__itruediv__(2.0),
        lambda x: mt.einsum("i->i", x).__iadd__(1.0),
        lambda x: x.mark_changed(),
    ],
)
def test_changing_a_saved_array_is_noticed(change):
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    with mt.no_grad():
        change(x)
    with pytest.raises(RuntimeError, match=r"backward of mul: .* changed in place"):
        y.backward()
    assert x.grad is None


def test_changing_a_saved_result_is_noticed():
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = y.sum()
    with mt.no_grad():
        y += 1
    with pytest.raises(RuntimeError, match=r"backward of exp: .* changed in place"):
        z.backward()


def test_every_input_of_an_einsum_is_watched():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = mt.einsum("i,i->", a, b)
    with mt.no_grad():
        b += 1
    with pytest.raises(RuntimeError, match=r"backward of einsum"):
        y.backward()


def test_changing_what_was_not_saved_is_free():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    z = (x + y).sum()
    with mt.no_grad():
        x += 1
    z.backward()
    assert x.tolist() == [2, 3] and y.grad.tolist() == [1, 1]


def test_adding_in_place_to_a_result_is_an_op():
    x = leaf(1.0, 2.0)
    y = x * 2
    before = y.exp()
    y += x
    y *= 3
    (y + before).sum().backward()
    assert np.allclose(x.grad, 9 + 2 * np.exp([2, 4]))
    mt.tensor([1.0, 2.0]).__iadd__(x).sum().backward()


def test_writing_through_a_view_writes_the_tensor():
    x = mt.zeros(2, 3)
    x[0][:] = 5.0
    x.reshape(-1)[5:] -= 1
    assert x.tolist() == [[5, 5, 5], [0, 0, -1]]
    with pytest.raises(RuntimeError, match=r"in-place add: .* shares memory with a view"):
        x += leaf(1.0)
