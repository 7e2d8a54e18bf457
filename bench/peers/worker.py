"""One engine in a process of its own: `python -m bench.peers.worker ENGINE SIZE`.

Reads a number of steps from each line of standard input, takes them, and answers with one
line of JSON: seconds of each step, the losses, and the peak memory so far. Between lines it
sleeps, so that engines can take turns.
"""

import json
import resource
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
from minitransformer.models.gpt import GPT

from bench.sizes import config_of
from minitransformer import manual_seed

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
    for line in sys.stdin:
        seconds, losses = [], []
        for _ in range(int(line)):
            tokens = draw(config.vocab_size, size=(batch_size, config.block_size + 1))
            begin = perf_counter()
            losses.append(step(tokens[:, :-1].copy(), tokens[:, 1:].copy()))
            seconds.append(perf_counter() - begin)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "losses": losses, "peak_mb": peak}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
