"""What decides a language model's training, the same for the command line and for Python."""

from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "micro": {"batch_size": 8, "block_size": 32, "n_embd": 64, "n_layer": 2, "n_head": 2},
    "tiny": {"batch_size": 16, "block_size": 64, "n_embd": 128, "n_layer": 4, "n_head": 4},
    "small": {"batch_size": 8, "block_size": 256, "n_embd": 384, "n_layer": 6, "n_head": 6},
    "medium": {
        "batch_size": 4,
        "block_size": 256,
        "n_embd": 512,
        "n_layer": 8,
        "n_head": 8,
        "tokenizer": "bpe",
        "vocab_size": 4096,
        "lr": 6e-4,
    },
}


@dataclass(frozen=True)
class Settings:
    """The defaults are nanoGPT's recipe for a laptop's CPU.

    Attributes:
        tokenizer: "bytes", "chars" or "bpe".
        vocab_size: of the trained byte-pair tokenizer; the others have their own.
        accumulate: batches to a step.
        steps: in total, resumed or not.
        eval_every: steps from one evaluation and checkpoint to the next.
        eval_batches: batches of held-out text in an evaluation, at most.
        lr: highest learning rate; after `warmup` steps it falls along a cosine to a tenth.
    """

    tokenizer: str = "bytes"
    vocab_size: int = 4096
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    block_size: int = 64
    dropout: float = 0.0
    bias: bool = True
    batch_size: int = 12
    accumulate: int = 1
    steps: int = 2000
    eval_every: int = 250
    eval_batches: int = 100
    lr: float = 1e-3
    warmup: int = 100
    weight_decay: float = 0.1
    beta2: float = 0.99
    max_grad_norm: float = 1.0
    seed: int = 1337

    def __post_init__(self) -> None:
        if self.tokenizer not in ("bytes", "chars", "bpe"):
            raise ValueError(f"tokenizer should be bytes, chars or bpe, got {self.tokenizer!r}")
        for name in ("batch_size", "accumulate", "steps", "eval_every", "eval_batches"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} should be at least 1, got {getattr(self, name)}")
        for name in ("warmup", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} should not be negative, got {getattr(self, name)}")
        if not (isfinite(self.lr) and self.lr > 0):
            raise ValueError(f"lr should be a positive number, got {self.lr}")
        if not self.max_grad_norm > 0:
            raise ValueError(f"max_grad_norm should be positive, got {self.max_grad_norm}")
        if not 0 <= self.beta2 < 1:
            raise ValueError(f"beta2 should be in [0, 1), got {self.beta2}")
        if not 0 <= self.weight_decay < float("inf"):
            raise ValueError(f"weight_decay should not be negative, got {self.weight_decay}")

    @property
    def tokens_per_step(self) -> int:
        return self.batch_size * self.block_size * self.accumulate

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


# A resumed run may go on for longer, and be looked at more or less often.
CHANGEABLE = {"steps", "eval_every"}


def make_settings(preset: str | None = None, **given: Any) -> Settings:
    """The defaults, changed by a preset, changed by what was given (None: not given)."""
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"preset should be one of {', '.join(PRESETS)}, got {preset!r}")
    given = {name: value for name, value in given.items() if value is not None}
    return Settings(**{**PRESETS.get(preset or "", {}), **given})


def resume_settings(saved: dict[str, Any], preset: str | None = None, **given: Any) -> Settings:
    """The settings of a checkpoint; only `CHANGEABLE` ones may differ from what was given.

    Raises:
        ValueError: others differ; the message lists them all.
    """
    own = Settings(**{f.name: saved[f.name] for f in fields(Settings)})
    given = {**PRESETS.get(preset or "", {}), **{k: v for k, v in given.items() if v is not None}}
    different = [
        f"{name} {getattr(own, name)} (given {value})"
        for name, value in given.items()
        if name not in CHANGEABLE and getattr(own, name) != value
    ]
    if different:
        raise ValueError(
            f"resume: the checkpoint was made with {', '.join(different)}; "
            "leave these out, or start afresh in another folder"
        )
    return replace(own, **{name: given[name] for name in CHANGEABLE & given.keys()})
