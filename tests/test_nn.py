"""Modules: their walks, their state, their layers against PyTorch's."""

import copy

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import nn


class Twins(nn.Module):
    """Two layers that share a weight, a frozen-out option, a buffer and a part."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.scale = nn.Parameter(np.ones(3, np.float32))
        self.nothing = None
        self.note = mt.zeros(2)
        self.register_buffer("mean", np.arange(3, dtype=np.float32))
        self.tail = nn.Sequential(nn.Dropout(0.5), self.first)

    def forward(self, x):
        return self.tail(self.second(x)) * self.scale - self.mean


NAMES = ["scale", "first.weight", "first.bias"]


def test_assigning_registers_and_shared_parts_count_once():
    model = Twins()
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert [name for name, _ in model.named_buffers()] == ["mean"]
    assert [name for name, _ in model.named_modules()] == ["", "first", "second", "tail", "tail.0"]
    assert [name for name, _ in model.named_children()] == ["first", "second", "tail"]
    assert model.num_parameters() == 3 + 9 + 3
    aliases = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    assert aliases == [*NAMES, "second.weight", "tail.1.weight", "tail.1.bias"]


def test_a_shared_weight_collects_both_gradients():
    model = Twins().eval()
    x = mt.randn(2, 3)
    model(x).sum().backward()
    w, b = model.first.weight.detach(), model.first.bias.detach()
    hidden = x.data @ w.data.T
    ones = np.ones((2, 3), np.float32)
    expected = ones.T @ hidden + (ones @ w.data).T @ x.data
    np.testing.assert_allclose(model.first.weight.grad, expected, rtol=1e-5)
    assert b.shape == model.first.bias.grad.shape
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_train_and_eval_reach_every_part_and_evaluating_restores_each():
    model = Twins()
    assert model.tail[0].training
    assert model.eval() is model
    assert not model.tail[0].training
    model.train()
    model.tail.eval()
    with nn.evaluating(model):
        assert not any(part.training for part in model.modules())
    assert model.training
    assert not model.tail[0].training


def test_requires_grad_freezes_and_to_changes_the_dtype_in_place():
    model = Twins()
    weight = model.first.weight
    model.requires_grad_(False)
    assert not model(mt.randn(2, 3)).requires_grad
    weight.grad = np.ones((3, 3), np.float32)
    assert model.requires_grad_().to("float64") is model
    assert weight.grad.dtype == np.float64
    assert model.first.weight is weight is model.second.weight
    assert {t.dtype for t in (*model.parameters(), *model.buffers())} == {np.dtype("float64")}
    for target in ("gpu", "int64"):
        with pytest.raises(ValueError, match=f"to: expected .* got '{target}'"):
            model.to(target)


def test_a_copy_is_deep_and_keeps_what_is_shared():
    model = Twins()
    twin = copy.deepcopy(model)
    assert twin.second.weight is twin.first.weight is not model.first.weight
    assert [name for name, _ in twin.named_parameters()] == NAMES


def test_forgetting_super_init_is_said():
    class Forgetful(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

    with pytest.raises(AttributeError, match=r"Forgetful\.layer: call super\(\).__init__\(\)"):
        Forgetful()


def test_assignments_that_would_lose_parameters_are_refused():
    model = Twins()
    with pytest.raises(TypeError, match=r"Twins\.layers: a plain list hides .* nn\.ModuleList"):
        model.layers = [nn.Linear(2, 2)]
    with pytest.raises(TypeError, match=r"Twins\.scale: expected a Parameter .* got Tensor"):
        model.scale = model.scale * 2
    model.scale = model.mean = None
    assert list(model.state_dict()) == ["first.weight", "first.bias"]
    with pytest.raises(NotImplementedError, match="Module: expected a method `forward`"):
        nn.Module()(1)


def test_a_state_dict_shares_memory_and_loads_by_copy():
    model, other = Twins(), Twins()
    state = model.state_dict()
    assert list(state) == [*NAMES, "mean"]
    assert state["scale"].data is model.scale.data
    assert not state["scale"].requires_grad
    other.load_state_dict({name: value.numpy() for name, value in state.items()})
    assert np.array_equal(other.first.weight.data, model.first.weight.data)
    assert other.first.weight.data is not model.first.weight.data


def test_loading_lists_all_that_does_not_fit_and_changes_nothing():
    model = Twins()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    state = {
        "scale": np.zeros(3, np.float32),
        "first.weight": np.zeros((3, 4)),
        "second.weight": np.zeros((3, 4)),
        "extra": np.zeros(1),
        "more": np.zeros(1),
        "mean": 3.0,
    }
    with pytest.raises(ValueError, match="does not fit Twins; nothing was changed") as caught:
        model.load_state_dict(state)
    message = str(caught.value)
    assert "missing: first.bias" in message
    assert "unexpected: extra, more" in message
    assert "wrong shape: first.weight should be (3, 3), got (3, 4)" in message
    assert "wrong shape: second.weight should be (3, 3), got (3, 4)" in message
    assert "wrong shape: mean should be (3,), got float" in message
    with pytest.raises(ValueError, match="wrong shape"):
        model.load_state_dict(state, strict=False)
    for name, value in model.state_dict().items():
        assert np.array_equal(value.data, before[name]), name


def test_not_strict_loads_what_there_is_and_tells_the_rest():
    model = Twins()
    missing, unexpected = model.load_state_dict({"scale": np.zeros(3), "x": np.ones(1)}, False)
    assert (missing, unexpected) == (["first.weight", "first.bias", "mean"], ["x"])
    assert np.array_equal(model.scale.data, np.zeros(3, np.float32))
    assert model.scale.dtype == np.float32


def test_a_tied_weight_may_come_under_any_name_but_only_with_one_value():
    model = Twins()
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    weight = state.pop("first.weight") + 1
    model.load_state_dict({**state, "second.weight": weight})
    assert np.array_equal(model.first.weight.data, weight)
    model.load_state_dict({**state, "second.weight": weight, "first.weight": weight})
    with pytest.raises(ValueError, match=r"tied, but not equal: first\.weight and second\.weight"):
        model.load_state_dict({**state, "second.weight": weight, "first.weight": weight + 1})


def test_loading_between_forward_and_backward_is_noticed():
    model = nn.Linear(2, 2)
    loss = model(mt.randn(3, 2, requires_grad=True)).sum()
    model.load_state_dict(model.state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_the_tree_folds_equal_neighbours():
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(2)), nn.Dropout(0.1), nn.GELU("tanh"))
    assert repr(model).splitlines() == [
        "Sequential",
        "├─ 0 … 1: 2 × Linear(4, 4)",
        "├─ 2: Dropout(0.1)",
        "└─ 3: GELU(tanh)",
    ]
    assert repr(nn.Sequential(nn.Sequential(nn.Flatten(), nn.ReLU()), nn.SiLU())).splitlines() == [
        "Sequential",
        "├─ 0: Sequential",
        "│  ├─ 0: Flatten",
        "│  └─ 1: ReLU",
        "└─ 1: SiLU",
    ]


def test_the_summary_counts_a_tied_weight_once(capsys):
    Twins().summary()
    printed = capsys.readouterr().out
    own = next(line for line in printed.splitlines() if "Twins" in line)
    assert own.split("│")[4].strip() == "3"  # the buffer is no parameter
    assert "weight (3, 3) (tied)" in printed
    assert "│ total" in printed
    assert printed.splitlines()[-2].split("│")[4].strip() == "15"


def test_containers_count_index_and_refuse_what_is_no_module():
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh()]).append(nn.Linear(2, 5))
    assert len(layers) == 3
    assert isinstance(layers[-1], nn.Linear)
    assert layers[:2] == [layers[0], layers[1]]
    assert [name for name, _ in layers.named_parameters()] == ["2.weight", "2.bias"]
    with pytest.raises(TypeError, match="Sequential: expected a Module, got <function"):
        nn.Sequential(nn.ReLU(), lambda x: x)


def test_flatten_merges_the_axes_it_names():
    x = mt.randn(2, 3, 4, 5)
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)
    assert nn.Flatten()(mt.zeros(0, 3, 4)).shape == (0, 12)


def test_dropout_works_in_training_only_and_is_seeded():
    layer, x = nn.Dropout(0.5), mt.ones(1000)
    mt.manual_seed(3)
    first = layer(x).numpy()
    mt.manual_seed(3)
    assert np.array_equal(layer(x).numpy(), first)
    assert set(first.tolist()) == {0.0, 2.0}
    assert layer.eval()(x) is x


def test_first_values_are_pytorch_s_and_follow_the_seed():
    mt.manual_seed(0)
    layer, table = nn.Linear(400, 300), nn.Embedding(500, 100)
    bound = 1 / 20
    for values in (layer.weight.data, layer.bias.data):
        assert np.abs(values).max() <= bound
        assert abs(values.std() - bound / np.sqrt(3)) < 0.05 * bound
    assert abs(table.weight.data.std() - 1) < 0.01
    mt.manual_seed(0)
    assert np.array_equal(nn.Linear(400, 300).weight.data, layer.weight.data)
    centred = nn.init.normal_(nn.Parameter(np.empty(10000, np.float32)), mean=5.0, std=0.1)
    assert centred.data.mean() == pytest.approx(5.0, abs=0.01)
    mixed = nn.MultiHeadAttention(200, 4)
    assert np.abs(mixed.in_proj_weight.data).max() <= np.sqrt(6 / 800)
    assert np.abs(mixed.in_proj_weight.data).max() > 0.99 * np.sqrt(6 / 800)
    assert not mixed.in_proj_bias.data.any()
    assert not mixed.out_proj.bias.data.any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(0, 3), "Linear: in_features should be a positive integer, got 0"),
        (lambda: nn.Linear(3, 2.0), r"Linear: out_features .* got 2\.0"),
        (lambda: nn.Embedding(5, -1), "Embedding: embedding_dim .* got -1"),
        (lambda: nn.Dropout(1.5), r"Dropout: expected a probability .* got 1\.5"),
        (lambda: nn.LayerNorm((3, 0)), r"LayerNorm: normalized_shape\[1\] .* got 0"),
        (
            lambda: nn.MultiHeadAttention(10, 3),
            r"d_model \(10\) should be divisible by n_head \(3\)",
        ),
        (lambda: nn.BatchNorm2d(0), "BatchNorm2d: num_features .* got 0"),
        (
            lambda: nn.TransformerDecoderBlock(8, 2, activation="tanh"),
            'TransformerDecoderBlock: activation should be "gelu" or "relu", got \'tanh\'',
        ),
        (lambda: nn.TransformerBlock(8, 0), "n_head should be a positive integer, got 0"),
    ],
)
def test_bad_sizes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
