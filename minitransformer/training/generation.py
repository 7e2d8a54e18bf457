"""Text from a trained language model."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minitransformer.models.checkpoint import BEST, LAST, load_checkpoint
from minitransformer.models.gpt import GPT
from minitransformer.text import StreamDecoder, tokenizer_from_dict


def load_language_model(folder: str | Path, checkpoint: str = "best") -> tuple[GPT, Any]:
    """The model and the tokenizer of a run's "best" or "last" checkpoint.

    Raises:
        FileNotFoundError: the folder has no such checkpoint.
        ValueError: the file is damaged or foreign.
    """
    names = {"best": BEST, "last": LAST}
    if checkpoint not in names:
        raise ValueError(f"generate: checkpoint should be best or last, got {checkpoint!r}")
    path = Path(folder) / names[checkpoint]
    tokenizer = tokenizer_from_dict(load_checkpoint(path)[1]["tokenizer"])
    return GPT.from_checkpoint(path), tokenizer


def stream_text(
    model: GPT, tokenizer: Any, prompt: str, max_new_tokens: int, **sampling: Any
) -> Iterator[str]:
    """Pieces of text that go on from `prompt`, each as soon as its characters are whole."""
    if not prompt:
        raise ValueError("generate: expected a prompt of at least one character, got an empty one")
    decoder = StreamDecoder(tokenizer)
    for token in model.stream(tokenizer.encode(prompt), max_new_tokens, **sampling):
        yield decoder.feed(token)
    yield decoder.finish()


def printable(text: str) -> str:
    """Text for a terminal: control characters, which could change its state, as U+FFFD."""
    kept = (c if c in "\n\t" or unicodedata.category(c) != "Cc" else "\ufffd" for c in text)
    return "".join(kept)


def sample_text(model: GPT, tokenizer: Any, max_new_tokens: int, seed: int) -> str:
    """A sample that starts at a line's beginning, where the tokenizer knows line ends."""
    try:
        prompt = tokenizer.encode("\n")
    except ValueError:
        prompt = [0]
    ids = model.stream(prompt, max_new_tokens, temperature=0.8, seed=seed)
    return printable(tokenizer.decode(list(ids)))
