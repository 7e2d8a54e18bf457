"""Token after token from a decoder, with a cache of the keys and values seen so far."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minitransformer import nn, ops, random
from minitransformer.devices import array_module, device_of, to_device
from minitransformer.graph import no_grad
from minitransformer.methods import data_of
from minitransformer.models.sampling import check_sampling, sample
from minitransformer.tensor import Tensor


class LayerCache:
    """Keys and values of one attention layer, (B, n_head, T, head_dim) each.

    The memory is taken once, for `capacity` positions. It is outside the graph.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.length = 0
        self._keys: Any = None
        self._values: Any = None

    def attend(self, qkv: Tensor) -> Tensor:
        """Attention of the next positions to all those seen so far, themselves among them.

        qkv (B, T, 3, n_head, head_dim) -> (B, T, n_head · head_dim)
        """
        batch, length, _, n_head, head_dim = qkv.shape
        q, k, v = qkv.data.transpose(2, 0, 3, 1, 4)
        if self._keys is None:
            xp, shape = array_module(k), (batch, n_head, self.capacity, head_dim)
            self._keys, self._values = xp.empty(shape, k.dtype), xp.empty(shape, k.dtype)
        start, self.length = self.length, self.length + length
        self._keys[:, :, start : self.length] = k
        self._values[:, :, start : self.length] = v
        seen = self._keys[:, :, : self.length], self._values[:, :, : self.length]
        # A single new position may look at everything that the cache holds.
        y = ops.Attention.run(q, *seen, is_causal=length > 1)
        return Tensor(y.swapaxes(1, 2).reshape(batch, length, n_head * head_dim))

    def select(self, rows: np.ndarray) -> None:
        """Go on with these rows, in this order; one may stand there several times."""
        rows = to_device(rows, device_of(self._keys))
        self._keys[:, :, : self.length] = self._keys[rows, :, : self.length]
        self._values[:, :, : self.length] = self._values[rows, :, : self.length]


class DecoderCache(LayerCache):
    """A decoder layer's: also the keys and values of the memory, once they are computed."""

    memory: tuple[Tensor, Tensor] | None = None


def next_tokens(
    model: Any, idx: np.ndarray, max_new_tokens: int, seed: int | None, **sampling: Any
) -> Iterator[np.ndarray]:
    """The tokens that follow each row of `idx` (B, T): one array (B,) a step.

    `model.next_logits(idx, caches)` is (B, vocab_size), where idx follows what the caches
    hold. Training mode and gradients are as the caller has them whenever a step is done.
    """
    check_sampling(max_new_tokens, **sampling)
    generator = np.random.Generator(np.random.Philox(random.draw_seed() if seed is None else seed))
    return _next_tokens(model, idx, max_new_tokens, generator, sampling)


def _next_tokens(
    model: Any, idx: np.ndarray, count: int, generator: np.random.Generator, sampling: dict
) -> Iterator[np.ndarray]:
    config = model.config
    caches: list[LayerCache] = []
    evaluating = nn.evaluating(model)
    for _ in range(count):
        if not caches or caches[0].length == config.block_size:
            # A window that slides moves every token to another position: nothing of it is known.
            caches = [LayerCache(config.block_size) for _ in range(config.n_layer)]
            unseen = idx[:, -config.block_size :]
        with no_grad(), evaluating:
            logits = to_device(model.next_logits(unseen, caches).data, "cpu")
        token = sample(logits, generator, **sampling)
        unseen = token[:, None]
        idx = np.concatenate([idx, unseen], axis=1)
        yield token


def as_ids(name: str, idx: Any) -> Any:
    """Token ids as an integer array (B, T), with B and T at least 1."""
    ids = data_of(idx) if hasattr(idx, "shape") else np.asarray(idx)
    if ids.ndim != 2 or ids.size == 0:
        raise ValueError(f"{name}: idx should be (B, T) with at least one token, got {ids.shape}")
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{name}: idx should be integers, got {ids.dtype}")
    return ids


def one_row(name: str, idx: Any) -> Any:
    """Token ids as an integer array (1, T), from (T,) or (1, T)."""
    idx = idx if hasattr(idx, "shape") else np.asarray(idx)
    idx = as_ids(name, idx[None] if len(idx.shape) == 1 else idx)
    if len(idx) > 1:
        raise ValueError(f"{name}: expected one row of tokens, got shape {idx.shape}")
    return idx


def on_host(ids: Any) -> np.ndarray:
    """Token ids as a NumPy array, int64."""
    return to_device(ids, "cpu").astype(np.int64)
