"""GPT: a decoder-only transformer that predicts the next token.

Radford et al. 2019, "Language models are unsupervised multitask learners". Configuration and
state-dict names are nanoGPT's; linear weights are (out, in), as in PyTorch.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from minitransformer import functional as F
from minitransformer import nn
from minitransformer.methods import data_of
from minitransformer.models.checkpoint import BEST, load_checkpoint, weights_of
from minitransformer.models.generation import LayerCache, as_ids, next_tokens, on_host, one_row
from minitransformer.nn import init
from minitransformer.nn.attention import check_heads
from minitransformer.nn.layers import check_sizes
from minitransformer.optim import AdamW
from minitransformer.tensor import Tensor


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT.

    Attributes:
        vocab_size: number of different tokens.
        block_size: longest sequence, in tokens.
        n_layer, n_head, n_embd: blocks, heads in each, features.
        dropout: probability in training.
        bias: have biases in the linear layers and layer norms.
    """

    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    bias: bool = True

    def __post_init__(self) -> None:
        sizes = {"vocab_size": self.vocab_size, "block_size": self.block_size}
        check_sizes("GPTConfig", **sizes, n_layer=self.n_layer)
        check_heads("GPTConfig", n_embd=self.n_embd, n_head=self.n_head)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"GPTConfig: dropout should be in [0, 1), got {self.dropout}")

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON: `GPTConfig(**config.to_dict())` is the same."""
        return asdict(self)


class CausalSelfAttention(nn.Module):
    """Each position takes a weighted mean of itself and those before it."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, config.bias)
        self.resid_dropout = nn.Dropout(config.dropout)
        self.n_head, self.dropout = config.n_head, config.dropout

    def forward(self, x: Tensor, cache: LayerCache | None = None) -> Tensor:
        batch, length, features = x.shape
        packed = self.c_attn(x).reshape(batch, length, 3, self.n_head, features // self.n_head)
        if cache is None:
            dropout_p = self.dropout if self.training else 0.0
            y = F.packed_self_attention(packed, dropout_p, is_causal=True)
        else:
            y = cache.attend(packed)
        return self.resid_dropout(self.c_proj(y))


class MLP(nn.Module):
    """A small network at each position by itself."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, config.bias)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, config.bias)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")))


class Block(nn.Module):
    """Positions talk to each other, then each thinks for itself."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cache: LayerCache | None = None) -> Tensor:
        x = x + self.attn(self.ln_1(x), cache)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """Token ids to features: embeddings, blocks, a last norm."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd, bias=config.bias)

    def forward(self, idx: Any, caches: list[LayerCache] | None = None) -> Tensor:
        """(B, T) -> (B, T, n_embd); with caches, `idx` follows what they have seen."""
        start = caches[0].length if caches else 0
        if start and idx.shape[1] > 1:
            raise ValueError(f"GPT: a cache grows by one token at a time, got {idx.shape[1]}")
        x = self.drop(self.wte(idx) + self.wpe.weight[start : start + idx.shape[1]])
        of_block = caches or [None] * len(self.h)  # type: ignore[list-item]
        for block, cache in zip(self.h, of_block, strict=True):
            x = block(x, cache)
        return self.ln_f(x)


class GPT(nn.Module):
    """A language model; its output layer is its table of tokens, `transformer.wte.weight`."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.transformer = Transformer(config)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.lm_head.weight = self.transformer.wte.weight
        self._initialise()

    def _initialise(self) -> None:
        """Normal with deviation 0.02; less where n_layer blocks add up in the residual stream."""
        residual = 0.02 / sqrt(2 * self.config.n_layer)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                init.normal_(parameter, std=residual if "c_proj" in name else 0.02)
            elif name.endswith("bias"):
                init.constant_(parameter, 0)

    def forward(self, idx: Any, targets: Any = None) -> tuple[Tensor, Tensor | None]:
        """Logits at every position, and the mean cross-entropy if there are targets.

        Args:
            idx: integers (B, T), T at most block_size; Tensor, array or nested lists.
            targets: integers (B, T), the next tokens; -100 does not count.

        Returns:
            logits (B, T, vocab_size), and a Tensor of shape () or None.

        Raises:
            ValueError: the shapes do not fit.
            IndexError: a token is negative or not below vocab_size.
        """
        idx = as_ids("GPT", idx)
        if idx.shape[1] > self.config.block_size:
            raise ValueError(
                f"GPT: idx has {idx.shape[1]} tokens a row, more than block_size "
                f"({self.config.block_size})"
            )
        logits = self.lm_head(self.transformer(idx))
        if targets is None:
            return logits, None
        targets = data_of(targets) if hasattr(targets, "shape") else np.asarray(targets)
        if targets.shape != idx.shape:
            raise ValueError(f"GPT: targets should be {idx.shape} as idx, got {targets.shape}")
        rows = logits.reshape(-1, self.config.vocab_size)
        return logits, F.cross_entropy(rows, targets.reshape(-1))

    @classmethod
    def from_checkpoint(cls, path: str | os.PathLike[str]) -> "GPT":
        """A trained model, from a run's folder (its best checkpoint) or from a checkpoint file.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, of another format, or its weights do not fit.
        """
        file = Path(path)
        arrays, facts = load_checkpoint(file / BEST if file.is_dir() else file)
        model = cls(GPTConfig(**facts["config"]))
        model.load_state_dict(weights_of(arrays))
        return model.eval()

    def configure_optimizer(
        self, weight_decay: float, lr: float, betas: tuple[float, float] = (0.9, 0.95)
    ) -> AdamW:
        """AdamW that shrinks matrices and embeddings, but no biases and norms."""
        parameters = list(self.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        return AdamW(groups, lr=lr, betas=betas)

    def next_logits(self, idx: Any, caches: list[LayerCache] | None = None) -> Tensor:
        """Logits after the last position alone, (B, vocab_size); `idx` follows the caches."""
        return self.lm_head(self.transformer(idx, caches)[:, -1])

    def generate(
        self,
        idx: Any,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> np.ndarray:
        """Continue each row of `idx` (B, T) -> int64 (B, T + max_new_tokens).

        Args:
            idx: integers; may be longer than block_size, whose last tokens then count.
            max_new_tokens: how many to add.
            temperature, top_k, top_p: see `sampling.sample`; top_k=1 is greedy.
            seed: the same seed gives the same tokens; None draws one.

        Raises:
            ValueError: an option is out of range.
        """
        idx = on_host(as_ids("generate", idx))
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        tokens = next_tokens(self, idx, max_new_tokens, seed, **options)
        return np.concatenate([idx, *(token[:, None] for token in tokens)], axis=1)

    def stream(
        self,
        idx: Any,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Iterator[int]:
        """The tokens that `generate` would add to `idx` (T,) or (1, T), each when it is drawn."""
        idx = on_host(one_row("stream", idx))
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        return (int(token[0]) for token in next_tokens(self, idx, max_new_tokens, seed, **options))
