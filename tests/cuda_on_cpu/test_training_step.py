"""Rungs 4, 5 and 6: training steps of a whole GPT on a device, kernels on, equal to NumPy's.

Rung 4 is `strict`; rung 6 is `cuda` on a GPU; rung 5 is `cuda` under `-p cuda_on_cpu.real_cupy`.
"""

import numpy as np
import pytest
from devices import available_devices
from small_gpt import CONFIG, lively

import minitransformer as mt
from minitransformer.devices import to_device
from minitransformer.kernels.cuda import launch
from minitransformer.models import GPT

from . import strict_cupy

STEPS = 3
CLOSE = 1e-6


class Training:
    """A small GPT and its optimizer on a device, fed from the host."""

    def __init__(self, device: str) -> None:
        mt.manual_seed(0)
        self.model = lively(GPT(CONFIG)).to(device)
        # A large eps: the keys' biases have no gradient but rounding, which Adam would blow up.
        self.optimizer = mt.optim.AdamW(self.model.parameters(), lr=1e-2, eps=1e-3)

    def loss(self, seed: int) -> mt.Tensor:
        tokens = np.random.default_rng(seed).integers(
            CONFIG.vocab_size, size=(3, CONFIG.block_size + 1)
        )
        return self.model(tokens[:, :-1], tokens[:, 1:])[1]

    def step(self, seed: int) -> float:
        loss = self.loss(seed)
        self.optimizer.zero_grad()
        loss.backward()
        mt.optim.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()

    def outcome(self) -> dict[str, np.ndarray]:
        """The losses of some steps, the last gradients, and the parameters that came of them."""
        losses = [self.step(seed) for seed in range(STEPS)]
        arrays = {"losses": np.array(losses)}
        for name, p in self.model.named_parameters():
            arrays[name] = p.detach().numpy()
            arrays[f"gradient of {name}"] = to_device(p.grad, "cpu")
        return arrays


@pytest.mark.parametrize("device", available_devices("cuda"), indirect=True)
def test_a_gpt_trains_as_on_numpy(device):
    with mt.use_kernels("reference"):
        expected = Training("cpu").outcome()
    got = Training(device).outcome()
    assert launch.compiled.cache_info().currsize > 10  # it was the kernels that ran
    assert got.keys() == expected.keys()
    largest = {name: np.abs(got[name] - expected[name]).max() for name in expected}
    worst = max(largest, key=largest.get)
    print(f"largest difference after {STEPS} steps: {largest[worst]:.1e}, in {worst}")
    assert largest[worst] <= CLOSE, worst


@pytest.mark.parametrize("device", available_devices("cuda"), indirect=True)
def test_generation_is_the_same_as_on_numpy(device):
    with mt.use_kernels("reference"):
        expected = Training("cpu").model.generate([[1, 2, 3]], 4, top_k=5, seed=0)
    got = Training(device).model.generate([[1, 2, 3]], 4, top_k=5, seed=0)
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("device", available_devices("cuda")[:1], indirect=True)
def test_the_host_waits_for_nothing_within_a_step(device):
    training = Training(device)
    training.step(0)
    strict_cupy.TRIPS.clear()
    loss = training.loss(1)
    training.optimizer.zero_grad()
    loss.backward()
    training.optimizer.step()
    assert not strict_cupy.TRIPS, strict_cupy.TRIPS
    mt.optim.clip_grad_norm_(training.model.parameters(), 1.0)
    loss.item()
    assert sum(strict_cupy.TRIPS.values()) == 2  # the norm and the loss, asked for
