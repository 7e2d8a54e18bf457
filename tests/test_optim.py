"""Optimizers, schedules and clipping: PyTorch's numbers, and what is refused."""

import json
from math import cos, pi

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import nn, optim

SHAPES = [(3, 4), (4,), (2, 1, 5)]


def parameters(dtype=np.float64):
    rng = np.random.default_rng(0)
    return [nn.Parameter(rng.standard_normal(shape).astype(dtype)) for shape in SHAPES]


def gradients(step):
    rng = np.random.default_rng(step + 1)
    return [rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 2) for shape in SHAPES]


def take_steps(optimizer, numbers):
    for number in numbers:
        for p, g in zip(optimizer.parameters(), gradients(number), strict=True):
            p.grad = g.astype(p.dtype)
        optimizer.step()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"lr": 0.1}),
        ("SGD", {"lr": 0.1, "weight_decay": 0.3}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
        ("Adagrad", {}),
        ("Adagrad", {"lr": 0.1, "weight_decay": 0.2, "eps": 1e-3}),
        ("RMSprop", {}),
        ("RMSprop", {"alpha": 0.9, "momentum": 0.7, "weight_decay": 0.1, "eps": 1e-3}),
        ("Adam", {}),
        ("Adam", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.2}),
        ("AdamW", {}),
        ("AdamW", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.2}),
    ],
)
def test_twenty_steps_are_pytorch_s(name, options):
    torch = pytest.importorskip("torch")
    ours = getattr(optim, name)(parameters(), **options)
    theirs = [torch.tensor(p.detach().numpy().copy(), requires_grad=True) for p in parameters()]
    torch_optimizer = getattr(torch.optim, name)(theirs, **options)
    for number in range(20):
        take_steps(ours, [number])
        for p, g in zip(theirs, gradients(number), strict=True):
            p.grad = torch.tensor(g)
        torch_optimizer.step()
    for p, q in zip(ours.parameters(), theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-10, atol=1e-13)


def test_groups_keep_their_own_options():
    first, second, third = parameters()
    groups = [{"params": [first, third], "weight_decay": 0.5}, {"params": [second], "lr": 0.0}]
    optimizer = optim.AdamW(groups, lr=0.1, weight_decay=0.0)
    before = [p.data.copy() for p in (first, second, third)]
    for p in (first, second, third):
        p.grad = np.zeros(p.shape)
    optimizer.step()
    np.testing.assert_allclose(first.data, before[0] * (1 - 0.1 * 0.5))
    np.testing.assert_allclose(third.data, before[2] * (1 - 0.1 * 0.5))
    assert np.array_equal(second.data, before[1])


def test_a_parameter_without_gradient_stays_and_zero_grad_forgets():
    first, second, _ = parameters()
    optimizer = optim.SGD([first, second], lr=1.0, momentum=0.9)
    before = second.data.copy()
    first.grad = np.ones(first.shape)
    optimizer.step()
    assert np.array_equal(second.data, before)
    assert list(optimizer.state) == [0]
    optimizer.zero_grad()
    assert first.grad is None


def test_a_step_is_seen_by_a_backward_pass_that_comes_too_late():
    layer = nn.Linear(2, 2)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    hidden = layer(mt.randn(1, 2))
    loss = layer(hidden).sum()
    layer.weight.grad = np.ones((2, 2), np.float32)
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    "Adagrad": {"weight_decay": 0.1},
    "RMSprop": {"momentum": 0.5},
    "Adam": {"weight_decay": 0.1},
    "AdamW": {"betas": (0.7, 0.8)},
}


def through_files(state):
    """Arrays aside, as in a safetensors file; all the rest through JSON."""
    arrays = {
        (str(i), name): value.copy()
        for i, values in state["state"].items()
        for name, value in values.items()
        if hasattr(value, "shape")
    }
    rest = json.loads(
        json.dumps(
            {
                "param_groups": state["param_groups"],
                "state": {
                    i: {name: v for name, v in values.items() if not hasattr(v, "shape")}
                    for i, values in state["state"].items()
                },
            }
        )
    )
    for (i, name), array in arrays.items():
        rest["state"][i][name] = array
    return rest


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_optimizer_goes_on_bit_for_bit(name):
    make = getattr(optim, name)
    straight = make(parameters(np.float32), **OPTIMIZERS[name])
    take_steps(straight, range(8))
    stopped = make(parameters(np.float32), **OPTIMIZERS[name])
    take_steps(stopped, range(5))
    resumed = make([nn.Parameter(p.data.copy()) for p in stopped.parameters()], lr=99.0)
    resumed.load_state_dict(through_files(stopped.state_dict()))
    take_steps(resumed, range(5, 8))
    for p, q in zip(resumed.parameters(), straight.parameters(), strict=True):
        assert np.array_equal(p.data, q.data)


def test_a_loaded_state_is_a_copy_in_the_parameters_dtype():
    optimizer = optim.Adagrad(parameters())
    take_steps(optimizer, [0])
    other = optim.Adagrad(parameters(np.float32))
    other.load_state_dict(optimizer.state_dict())
    before = [state["sum"].copy() for state in other.state.values()]
    take_steps(optimizer, [1])
    for state, total in zip(other.state.values(), before, strict=True):
        assert state["sum"].dtype == np.float32
        assert np.array_equal(state["sum"], total)


def test_nothing_is_remembered_that_is_not_used():
    optimizer = optim.SGD(parameters(), lr=0.1)
    take_steps(optimizer, [0])
    assert optimizer.state_dict()["state"] == {0: {}, 1: {}, 2: {}}


def test_numbers_of_parameters_run_on_through_the_groups():
    groups = two_groups().state_dict()["param_groups"]
    assert [group["params"] for group in groups] == [[0], [1]]


def test_a_state_of_other_parameters_is_refused_and_changes_nothing():
    optimizer = optim.Adam(parameters())
    take_steps(optimizer, [0])
    state = optimizer.state_dict()
    swapped = {**state, "state": {0: state["state"][1]}}
    other = optim.Adam(parameters(), lr=0.5)
    for bad, message in [
        (optim.Adam(parameters()[:2]).state_dict(), r"expected groups of \[3\] .* got \[2\]"),
        (swapped, r"exp_avg of parameter 0 should be \(3, 4\), got \(4,\)"),
        ({**state, "state": {7: {}, 9: {"step": 1}}}, "there is no parameter 9"),
        ({**state, "state": {0: {"sum": np.ones((3, 4))}}}, "sum of parameter 0 is unknown"),
    ]:
        with pytest.raises(ValueError, match=f"Adam.load_state_dict: {message}"):
            other.load_state_dict(bad)
    assert other.state == {}
    assert other.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.SGD([]), "SGD: expected at least one parameter"),
        (lambda p: optim.SGD([p, p]), "SGD: a parameter is there twice"),
        (lambda p: optim.SGD([mt.ones(2)]), r"parameter 0, shape \(2,\), requires no gradient"),
        (lambda p: optim.SGD([p, p * 2]), "parameter 1, .* is the result of an op"),
        (lambda p: optim.SGD([p], lr=-1.0), r"SGD: lr should be a number .* got -1\.0"),
        (lambda p: optim.SGD([p], lr=float("nan")), "SGD: lr .* got nan"),
        (lambda p: optim.SGD([p], weight_decay=float("inf")), "SGD: weight_decay .* got inf"),
        (lambda p: optim.SGD([p], nesterov=True), "SGD: nesterov needs a momentum"),
        (lambda p: optim.SGD([p], momentum=-0.1), r"SGD: momentum .* got -0\.1"),
        (lambda p: optim.Adam([p], betas=(1.0, 0.9)), r"Adam: betas\[0\] .* in \[0, 1\), got 1\.0"),
        (lambda p: optim.Adam([p], betas=(0.9,)), r"Adam: expected two betas, got \(0\.9,\)"),
        (lambda p: optim.AdamW([p], eps=-1e-8), "AdamW: eps .* got -1e-08"),
        (lambda p: optim.RMSprop([p], alpha=1.5), r"RMSprop: alpha .* got 1\.5"),
        (lambda p: optim.SGD([{"params": [p], "rate": 1}]), "SGD: unknown option 'rate'"),
        (lambda p: optim.SGD([{"params": [p], "lr": -2}]), "SGD: lr .* got -2"),
        (
            lambda p: optim.SGD([{"params": [p]}, {"params": [p]}]),
            "SGD: a parameter is there twice",
        ),
    ],
)
def test_what_is_refused_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(nn.Parameter(np.ones(2, np.float32)))


def test_a_single_tensor_is_not_a_list_of_parameters():
    with pytest.raises(TypeError, match="SGD: expected a list of parameters or groups"):
        optim.SGD(nn.Parameter([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"SGD: parameter 0 should be a Tensor, got 3\.0"):
        optim.SGD([3.0])


def two_groups(lr=0.4):
    first, second, _ = parameters()
    return optim.SGD([{"params": [first]}, {"params": [second], "lr": 2 * lr}], lr=lr)


def rates(optimizer, schedule, steps):
    """The rates that each step is taken with, (steps, groups)."""
    seen = []
    for _ in range(steps):
        seen.append([group["lr"] for group in optimizer.param_groups])
        schedule.step()
    return np.array(seen)


def test_step_lr():
    optimizer = two_groups()
    seen = rates(optimizer, optim.StepLR(optimizer, step_size=3, gamma=0.5), 10)
    expected = [0.4 * 0.5 ** (step // 3) for step in range(10)]
    np.testing.assert_allclose(seen, np.outer(expected, [1, 2]))


def test_cosine_lr_without_warm_up_is_pytorch_s():
    torch = pytest.importorskip("torch")
    optimizer = two_groups()
    seen = rates(optimizer, optim.CosineLR(optimizer, total_steps=20, min_lr=0.05), 20)
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 20, eta_min=0.05)
    expected = []
    for _ in range(20):
        expected.append(theirs.param_groups[0]["lr"])
        theirs.step()
        schedule.step()
    np.testing.assert_allclose(seen[:, 0], expected, rtol=1e-9)


def test_cosine_lr_rises_falls_and_stays():
    optimizer = two_groups()
    schedule = optim.CosineLR(optimizer, total_steps=14, warmup_steps=4, min_lr=0.1)
    seen = rates(optimizer, schedule, 17)
    for i, highest in enumerate([0.4, 0.8]):
        rise = [highest * (step + 1) / 5 for step in range(4)]
        fall = [0.1 + (highest - 0.1) * (1 + cos(pi * step / 10)) / 2 for step in range(10)]
        np.testing.assert_allclose(seen[:, i], [*rise, *fall, 0.1, 0.1, 0.1])
        np.testing.assert_allclose(seen[:, i], [schedule.lr_at(step, i) for step in range(17)])
    assert seen[4].tolist() == [0.4, 0.8]


def test_a_run_shorter_than_its_warm_up_only_rises():
    optimizer = two_groups()
    seen = rates(optimizer, optim.CosineLR(optimizer, total_steps=3, warmup_steps=9), 3)
    np.testing.assert_allclose(seen[:, 0], [0.04, 0.08, 0.12])


def test_a_resumed_schedule_goes_on():
    optimizer = two_groups()
    schedule = optim.CosineLR(optimizer, 20, 5)
    expected = rates(optimizer, schedule, 20)
    optimizer = two_groups()
    schedule = optim.CosineLR(optimizer, 20, 5)
    rates(optimizer, schedule, 8)
    saved = through_files(optimizer.state_dict()), json.dumps(schedule.state_dict())
    resumed = two_groups(lr=7.0)
    resumed.load_state_dict(saved[0])
    schedule = optim.CosineLR(resumed, 20, 5)
    schedule.load_state_dict(json.loads(saved[1]))
    assert np.array_equal(rates(resumed, schedule, 12), expected[8:])


def test_schedules_refuse_what_cannot_be():
    for make, message in [
        (lambda o: optim.StepLR(o, 0), "StepLR: step_size should be at least 1, got 0"),
        (lambda o: optim.StepLR(o, 1, -1.0), "StepLR: gamma .* got -1"),
        (lambda o: optim.CosineLR(o, 0), "CosineLR: expected total_steps .* got 0 and 0"),
        (lambda o: optim.CosineLR(o, 5, -1), "CosineLR: .* got 5 and -1"),
        (lambda o: optim.CosineLR(o, 5, min_lr=float("nan")), "CosineLR: min_lr .* got nan"),
    ]:
        with pytest.raises(ValueError, match=message):
            make(two_groups())


@pytest.mark.parametrize("max_norm", [0.5, 1e6, float("inf")])
def test_clipping_is_pytorch_s(max_norm):
    torch = pytest.importorskip("torch")
    ours = parameters()
    theirs = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in SHAPES]
    for p, q, g in zip(ours, theirs, gradients(3), strict=True):
        p.grad, q.grad = g.copy(), torch.tensor(g)
    ours[0].grad = np.asfortranarray(ours[0].grad)
    without = nn.Parameter([1.0])
    norm = optim.clip_grad_norm_([*ours, without], max_norm)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm).item()
    assert isinstance(norm, float)
    assert norm == pytest.approx(expected, rel=1e-12)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-10)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_clipping_leaves_gradients_that_are_not_finite(bad):
    p = nn.Parameter(np.ones(3))
    p.grad = np.array([1.0, bad, 3.0])
    before = p.grad.copy()
    assert not np.isfinite(optim.clip_grad_norm_(p, 1.0))
    assert np.array_equal(p.grad, before, equal_nan=True)


def test_clipping_nothing_and_to_nothing():
    assert optim.clip_grad_norm_([nn.Parameter([1.0])], 1.0) == 0.0
    for max_norm in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="clip_grad_norm_: max_norm should be positive"):
            optim.clip_grad_norm_([], max_norm)
