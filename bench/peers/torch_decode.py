"""Greedy generation in PyTorch, with a cache of keys and values taken once for all positions."""

import numpy as np
import torch
from torch.nn import functional as F

from bench.peers.torch_gpt import Attention, TorchGPT


class Cache:
    """The keys and values of one layer, (B, n_head, T, head_dim) each."""

    def __init__(self, batch: int, n_head: int, capacity: int, head_dim: int) -> None:
        self.k = torch.empty(batch, n_head, capacity, head_dim)
        self.v = torch.empty_like(self.k)


def attend(attention: Attention, x: torch.Tensor, cache: Cache, start: int) -> torch.Tensor:
    """The attention layer on the positions from `start` on, which it adds to the cache."""
    B, T, C = x.shape
    packed = attention.c_attn(x).view(B, T, 3, attention.n_head, C // attention.n_head)
    q, k, v = packed.permute(2, 0, 3, 1, 4)
    cache.k[:, :, start : start + T] = k
    cache.v[:, :, start : start + T] = v
    seen = slice(0, start + T)
    y = F.scaled_dot_product_attention(q, cache.k[:, :, seen], cache.v[:, :, seen], is_causal=T > 1)
    return attention.c_proj(y.transpose(1, 2).reshape(B, T, C))


def next_tokens(
    model: TorchGPT, idx: torch.Tensor, caches: list[Cache], start: int
) -> torch.Tensor:
    """(B, T) from position `start` on -> (B, 1), the likeliest tokens after them."""
    t = model.transformer
    x = t["wte"](idx) + t["wpe"].weight[start : start + idx.shape[1]]
    for block, cache in zip(t["h"], caches, strict=True):
        x = x + attend(block.attn, block.ln_1(x), cache, start)
        x = x + block.mlp(block.ln_2(x))
    logits = t["ln_f"](x[:, -1]) @ t["wte"].weight.T
    return logits.argmax(dim=-1, keepdim=True)


@torch.inference_mode()
def generate(model: TorchGPT, idx: np.ndarray, max_new_tokens: int) -> np.ndarray:
    """Continue each row of `idx` (B, T), up to the longest sequence that the model knows."""
    prompt = torch.from_numpy(idx)
    (B, T), (capacity, features) = idx.shape, model.transformer["wpe"].weight.shape
    n_head = model.transformer["h"][0].attn.n_head
    caches = [Cache(B, n_head, capacity, features // n_head) for _ in model.transformer["h"]]
    tokens = [prompt, next_tokens(model, prompt, caches, 0)]
    for position in range(T, T + max_new_tokens - 1):
        tokens.append(next_tokens(model, tokens[-1], caches, position))
    return torch.cat(tokens, dim=1).numpy()
