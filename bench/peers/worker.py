"""One engine in a process of its own: `python -m bench.peers.worker ENGINE SIZE`.

Asked for {"steps": N, "seconds": S}, it takes N steps, fewer if S seconds are over before, and
answers with the seconds of each, the losses, and how high memory rose meanwhile (MB).
"""

import sys
from importlib import import_module
from time import perf_counter
from typing import Any

import numpy as np

from bench.batches import batches
from bench.engines import ENGINES
from bench.machine import forget_peak, peak_mb
from bench.sizes import config_of
from bench.turns import serve
from minitransformer import manual_seed
from minitransformer.models.gpt import GPT, GPTConfig


def first_weights(config: GPTConfig) -> dict[str, np.ndarray]:
    """What every engine starts from; the head's weight is the table of tokens."""
    manual_seed(1337)
    state = GPT(config).state_dict()
    return {name: np.array(x.data) for name, x in state.items() if name != "lm_head.weight"}


def main(name: str, size: str) -> None:
    engine, (config, batch_size) = ENGINES[name], config_of(size)
    options = {"batch_size": batch_size} if engine.is_floor else {}
    weights = {} if engine.is_floor else first_weights(config)
    make_step = import_module(engine.module).make_step
    step = make_step(config, weights, **options, **engine.options)
    del weights
    supply = batches(config.vocab_size, batch_size, config.block_size)

    def take(request: dict[str, float]) -> dict[str, Any]:
        forget_peak()
        seconds: list[float] = []
        losses = []
        while len(seconds) < request["steps"] and (
            not seconds or sum(seconds) < request["seconds"]
        ):
            idx, targets = next(supply)
            begin = perf_counter()
            losses.append(step(idx, targets))
            seconds.append(perf_counter() - begin)
            if sum(seconds) >= request["seconds"]:
                break
        return {"seconds": seconds, "losses": losses, "peak_mb": peak_mb()}

    serve(take)


if __name__ == "__main__":
    main(*sys.argv[1:])
