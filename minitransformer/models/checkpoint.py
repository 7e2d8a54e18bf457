"""Checkpoints: one safetensors file with all that training goes on from.

Its tensors are the model's, under their own names, and the optimiser's memory, under
`optimizer.`; one JSON text in its metadata holds the rest. No time and no path is in it, so
the same training gives the same bytes.
"""

import json
from pathlib import Path
from typing import Any

from minitransformer.nn.serialization import load, load_metadata, save

LAST, BEST = "last.safetensors", "best.safetensors"
FACTS = "minitransformer"
OPTIMIZER = "optimizer."
VERSION = 1


def save_checkpoint(path: Path, arrays: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write a checkpoint whole, or leave the one that is there as it is."""
    text = json.dumps({"version": VERSION, **facts}, sort_keys=True, allow_nan=False)
    save(path, arrays, metadata={FACTS: text})


def load_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays and the facts of a checkpoint.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is cut off, damaged, or not one of ours.
    """
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint: there is no {path}")
    arrays = load(path)
    facts = json.loads(load_metadata(path).get(FACTS, "{}"))
    if facts.get("version") != VERSION:
        raise ValueError(
            f"checkpoint: {path} is not a checkpoint of minitransformer (version {VERSION}): "
            f"got {facts.get('version', 'a safetensors file without our metadata')}"
        )
    return arrays, facts


def weights_of(arrays: dict[str, Any]) -> dict[str, Any]:
    """The model's arrays among those of a checkpoint."""
    return {name: x for name, x in arrays.items() if not name.startswith(OPTIMIZER)}
