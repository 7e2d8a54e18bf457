"""Our GPT in PyTorch, with the same names in its state dict, so that weights carry over."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench.sizes import BETA2, LR, WEIGHT_DECAY
from minitransformer.models.gpt import GPTConfig
from minitransformer.threads import get_num_threads


class Attention(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.dropout = config.dropout
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, T, C = x.shape
        packed = self.c_attn(x).view(B, T, 3, self.n_head, C // self.n_head)
        q, k, v = packed.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, bias=config.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.mlp = MLP(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class TorchGPT(nn.Module):
    """No dropout: this peer is for comparing losses and times."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.vocab_size, config.n_embd),
                "wpe": nn.Embedding(config.block_size, config.n_embd),
                "h": nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
                "ln_f": nn.LayerNorm(config.n_embd, bias=config.bias),
            }
        )

    def forward(self, idx: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        t = self.transformer
        x = t["wte"](idx) + t["wpe"].weight[: idx.shape[1]]
        for block in t["h"]:
            x = block(x)
        logits = t["ln_f"](x) @ t["wte"].weight.T
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def twin(config: GPTConfig, weights: Mapping[str, Any]) -> TorchGPT:
    """A model with a copy of these weights."""
    model = TorchGPT(config)
    state = {name: torch.tensor(np.asarray(value)) for name, value in weights.items()}
    state.pop("lm_head.weight", None)  # it is wte's
    model.load_state_dict(state)
    return model


def make_step(
    config: GPTConfig, weights: dict[str, np.ndarray], compiled: bool = False
) -> Callable:
    torch.set_num_threads(get_num_threads())
    model = twin(config, weights)
    optimizer = adamw(model, WEIGHT_DECAY, LR, BETA2, fused=True)
    forward = torch.compile(model) if compiled else model

    def step(idx: np.ndarray, targets: np.ndarray) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = forward(torch.from_numpy(idx), torch.from_numpy(targets))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def adamw(model: TorchGPT, weight_decay: float, lr: float, beta2: float, fused: bool):
    """Decay for matrices alone, as nanoGPT and we do it."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, beta2), fused=fused)
