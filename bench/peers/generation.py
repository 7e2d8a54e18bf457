"""Greedy generation by one engine in a process of its own: `bench.peers.generation ENGINE SIZE`.

Asked for {"batch": B, "tokens": N}, it continues B prompts by N tokens, and answers with them
and the seconds that it took.
"""

import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from bench.sizes import config_of
from bench.turns import serve
from minitransformer import manual_seed
from minitransformer.models.gpt import GPT

PROMPT = 8  # tokens

Generate = Callable[[np.ndarray, int], np.ndarray]


def ours(model: GPT) -> Generate:
    return lambda idx, count: model.generate(idx, count, top_k=1)


def torch(model: GPT) -> Generate:
    from bench.peers import torch_decode
    from bench.peers.torch_gpt import twin

    peer = twin(model.config, {name: value.data for name, value in model.state_dict().items()})
    return lambda idx, count: torch_decode.generate(peer, idx, count)


ENGINES = {"ours": ours, "torch": torch}


def main(engine: str, size: str) -> None:
    config, _ = config_of(size)
    manual_seed(1337)
    generate = ENGINES[engine](GPT(config))

    def answer(request: dict[str, int]) -> dict[str, Any]:
        draw = np.random.default_rng(7).integers
        prompts = draw(config.vocab_size, size=(request["batch"], PROMPT))
        begin = perf_counter()
        tokens = generate(prompts, request["tokens"])
        return {"seconds": perf_counter() - begin, "tokens": tokens.tolist()}

    serve(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
