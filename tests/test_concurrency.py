"""Several trainings at once, in threads and after a fork: the losses of one that is alone."""

import os
import threading

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import threads
from minitransformer.models import GPT, GPTConfig

STEPS = 20
CONFIG = GPTConfig(vocab_size=256, block_size=32, n_layer=2, n_head=2, n_embd=64)
SEEDING = threading.Lock()  # the random numbers that parameters start from are the process's


def train(seed: int, steps: int = STEPS) -> list[float]:
    """The losses of a small GPT over random tokens."""
    with SEEDING:
        mt.manual_seed(seed)
        model = GPT(CONFIG)
    draw = np.random.default_rng(seed)
    optimizer = model.configure_optimizer(weight_decay=0.1, lr=1e-3)
    losses = []
    for _ in range(steps):
        tokens = draw.integers(CONFIG.vocab_size, size=(8, CONFIG.block_size + 1))
        optimizer.zero_grad()
        loss = model(tokens[:, :-1], tokens[:, 1:])[1]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def train_at_once(steps: int) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """The losses of two trainings, one after the other and then in two threads."""
    alone = {seed: train(seed, steps) for seed in (1, 2)}
    together: dict[int, list[float]] = {}

    def work(seed: int) -> None:
        together[seed] = train(seed, steps)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in alone]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return alone, together


def test_two_threads_train_two_models():
    alone, together = train_at_once(STEPS)
    assert alone == together


@pytest.mark.slow
def test_two_threads_train_two_models_for_500_steps():
    alone, together = train_at_once(500)
    assert alone == together


def test_one_thread_gives_nearly_the_same_losses(monkeypatch):
    """The bits differ: sums over all rows are added up in as many parts as there are threads."""
    monkeypatch.setattr(threads, "_threads", 2)
    both = train(1)
    monkeypatch.setattr(threads, "_threads", 1)
    np.testing.assert_allclose(train(1), both, rtol=1e-5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_after_kernels_ran_goes_on_training():
    expected = train(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        same = train(1) == expected
        os.write(writing, b"same" if same else b"other")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"same"
    assert os.waitpid(child, 0)[1] == 0
    assert train(1) == expected
