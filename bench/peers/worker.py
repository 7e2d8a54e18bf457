"""One engine in a process of its own: `python -m bench.peers.worker ENGINE SIZE`.

Asked for a number of steps, it takes them and answers with the seconds of each, the losses, and
the peak memory so far.
"""

import resource
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from bench.sizes import config_of
from bench.turns import serve
from minitransformer import manual_seed
from minitransformer.models.gpt import GPT

LR, WEIGHT_DECAY, BETA2 = 1e-3, 0.1, 0.99
StepFunction = Callable[[np.ndarray, np.ndarray], float]


def ours(model: GPT) -> StepFunction:
    optimizer = model.configure_optimizer(weight_decay=WEIGHT_DECAY, lr=LR, betas=(0.9, BETA2))

    def step(idx: np.ndarray, targets: np.ndarray) -> float:
        optimizer.zero_grad()
        _, loss = model(idx, targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def torch_eager(model: GPT, compiled: bool = False) -> StepFunction:
    import torch

    from bench.peers.torch_gpt import TorchGPT, adamw

    peer = TorchGPT(model.config)
    state = {name: torch.tensor(value.data) for name, value in model.state_dict().items()}
    state.pop("lm_head.weight", None)
    peer.load_state_dict(state)
    optimizer = adamw(peer, WEIGHT_DECAY, LR, BETA2, fused=True)
    forward = torch.compile(peer) if compiled else peer

    def step(idx: np.ndarray, targets: np.ndarray) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = forward(torch.from_numpy(idx), torch.from_numpy(targets))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def torch_compile(model: GPT) -> StepFunction:
    return torch_eager(model, compiled=True)


ENGINES = {"ours": ours, "torch": torch_eager, "torch-compile": torch_compile}


def main(engine: str, size: str) -> None:
    config, batch_size = config_of(size)
    manual_seed(1337)
    step = ENGINES[engine](GPT(config))
    draw = np.random.default_rng(7).integers

    def take(steps: int) -> dict[str, Any]:
        seconds, losses = [], []
        for _ in range(steps):
            tokens = draw(config.vocab_size, size=(batch_size, config.block_size + 1))
            begin = perf_counter()
            losses.append(step(tokens[:, :-1].copy(), tokens[:, 1:].copy()))
            seconds.append(perf_counter() - begin)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"seconds": seconds, "losses": losses, "peak_mb": peak}

    serve(take)


if __name__ == "__main__":
    main(*sys.argv[1:])
