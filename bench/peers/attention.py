"""Causal attention by one engine in a process of its own: `bench.peers.attention ENGINE B T`.

Asked for a number of seconds, it repeats a forward and backward pass for about so long, and
answers with the median and the best. Every answer also tells the first pass's peak of memory
(MB, Linux) and some of the numbers that it computed.
"""

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import minitransformer as mt
from bench.machine import forget_peak, memory_mb, peak_mb
from bench.turns import serve
from minitransformer import functional as F

HEADS, HEAD_DIM = 8, 64
SAMPLED = 500  # numbers of each array

Pass = Callable[..., tuple[np.ndarray, ...]]  # (q, k, v, dy) -> (y, dq, dk, dv)


def ours(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    q, k, v = (mt.Tensor(x, requires_grad=True) for x in arrays[:3])
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    y.backward(arrays[3])
    return y.data, q.grad, k.grad, v.grad


def textbook(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    with mt.use_kernels("reference"):
        return ours(*arrays)


def torch(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    from torch import from_numpy
    from torch.nn.functional import scaled_dot_product_attention

    q, k, v = (from_numpy(x).requires_grad_() for x in arrays[:3])
    y = scaled_dot_product_attention(q, k, v, is_causal=True)
    y.backward(from_numpy(arrays[3]))
    return tuple(x.detach().numpy() for x in (y, q.grad, k.grad, v.grad))


ENGINES: dict[str, Pass] = {"ours": ours, "textbook": textbook, "torch": torch}


def inputs(batch: int, length: int) -> list[np.ndarray]:
    """q, k, v and dy, the same in every process."""
    normal = np.random.default_rng(7).standard_normal
    return [normal((batch, HEADS, length, HEAD_DIM), dtype=np.float32) for _ in range(4)]


def first_pass(run: Pass, arrays: list[np.ndarray]) -> dict[str, Any]:
    """Its peak of memory beyond what was there before, and a sample of its results."""
    run(*inputs(1, 16))  # libraries, threads and compiled code are not the pass's own
    forget_peak()
    before = memory_mb("VmRSS")
    results = run(*arrays)
    after = peak_mb()
    growth = None if before is None or after is None else after - before
    samples = [x.reshape(-1)[:: max(1, x.size // SAMPLED)].tolist() for x in results]
    return {"growth_mb": growth, "samples": samples}


def main(engine: str, batch: str, length: str) -> None:
    run, arrays = ENGINES[engine], inputs(int(batch), int(length))
    facts = first_pass(run, arrays)

    def answer(budget: float) -> dict[str, Any]:
        seconds: list[float] = []
        while sum(seconds) < budget or not seconds:
            begin = perf_counter()
            run(*arrays)
            seconds.append(perf_counter() - begin)
        return {"seconds": median(seconds), "best": min(seconds), **facts}

    serve(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
