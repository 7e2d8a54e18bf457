"""Batches of token windows for a language model: drawn at random to train, evenly to validate."""

from collections.abc import Iterator
from typing import Any

import numpy as np

Batch = tuple[np.ndarray, np.ndarray]


class TokenBatches:
    """An endless stream of (inputs, targets), each int64 (batch_size, block_size).

    Each row is a window of `tokens` that begins anywhere; its targets are one token further on.
    Batch i is a pure function of the seed and i (a Philox counter), so the stream resumes exactly.
    """

    def __init__(self, tokens: Any, *, batch_size: int, block_size: int, seed: int = 0):
        _check_at_least_1("TokenBatches", batch_size=batch_size, block_size=block_size)
        if not 0 <= seed < 2**128:
            raise ValueError(f"TokenBatches: seed must be from 0 to below 2**128, got {seed}")
        self.tokens = _check_length("TokenBatches", tokens, block_size)
        self.batch_size = int(batch_size)
        self.block_size = int(block_size)
        self.seed = int(seed)
        self.drawn = 0

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        philox = np.random.Philox(key=self.seed, counter=[0, 0, 0, self.drawn])
        self.drawn += 1
        last_start = len(self.tokens) - self.block_size - 1
        starts = np.random.Generator(philox).integers(last_start + 1, size=self.batch_size)
        return _windows(self.tokens, starts, self.block_size)

    def state_dict(self) -> dict[str, int]:
        """Where the stream stands, and what it is drawn from; ready for JSON."""
        return {
            "seed": self.seed,
            "drawn": self.drawn,
            "batch_size": self.batch_size,
            "block_size": self.block_size,
            "tokens": len(self.tokens),
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state` was taken. ValueError where that is of another size or text."""
        own = self.state_dict()
        for name in ("batch_size", "block_size", "tokens"):
            if state[name] != own[name]:
                raise ValueError(
                    f"TokenBatches.load_state_dict: {name} is {own[name]}, but {state[name]} in"
                    " the saved state: the batches would not go on as before"
                )
        self.seed, self.drawn = state["seed"], state["drawn"]


def split_tokens(tokens: Any, validation: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """(training, validation): the last part of `tokens`, a tenth by default, validates.

    tokens: (T,). Both are views, not copies. The cut is not shuffled: windows on its two sides
    never share a token.
    """
    tokens = _check_array("split_tokens", tokens)
    if not 0 <= validation < 1:
        raise ValueError(
            f"split_tokens: validation is a fraction from 0 to less than 1, got {validation}"
        )
    cut = len(tokens) - round(len(tokens) * validation)
    return tokens[:cut], tokens[cut:]


def validation_batches(
    tokens: Any, *, batch_size: int, block_size: int, max_batches: int | None = None
) -> Iterator[Batch]:
    """The same (inputs, targets) at each call: windows spread evenly, none overlapping another.

    At most `max_batches`, else as many as fit. All have the same number of rows, so the mean of
    their losses is the loss of all: batch_size, or fewer in a single batch where no more fit.
    """
    who = "validation_batches"
    _check_at_least_1(who, batch_size=batch_size, block_size=block_size, max_batches=max_batches)
    tokens = _check_length(who, tokens, block_size)
    fit = (len(tokens) - 1) // block_size
    rows = min(batch_size, fit)
    batches = min(fit // rows, max_batches or fit)
    windows = batches * rows
    starts = np.arange(windows) * (len(tokens) - 1 - block_size) // max(windows - 1, 1)
    return (_windows(tokens, chosen, block_size) for chosen in starts.reshape(batches, rows))


def _windows(tokens: np.ndarray, starts: np.ndarray, block_size: int) -> Batch:
    positions = starts[:, None] + np.arange(block_size)
    return tokens[positions].astype(np.int64), tokens[positions + 1].astype(np.int64)


def _check_at_least_1(who: str, **sizes: int | None) -> None:
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise ValueError(f"{who}: {name} must be at least 1, got {size}")


def _check_length(who: str, tokens: Any, block_size: int) -> np.ndarray:
    tokens = _check_array(who, tokens)
    if len(tokens) <= block_size:
        raise ValueError(
            f"{who}: text has {len(tokens)} tokens but block_size {block_size}"
            f" needs at least {block_size + 1}"
        )
    return tokens


def _check_array(who: str, tokens: Any) -> np.ndarray:
    tokens = np.asarray(tokens)
    if tokens.ndim != 1 or (tokens.size and tokens.dtype.kind not in "iu"):
        raise ValueError(
            f"{who}: tokens must be a one-dimensional array of integers,"
            f" got {tokens.dtype} {tokens.shape}"
        )
    return tokens
