"""Reading the folders in which Hugging Face keeps a BERT: config.json and model.safetensors."""

import json
import os
from dataclasses import MISSING
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

from minitransformer.nn.serialization import load

# What our BERT is; a folder that says otherwise holds another network under the same names.
EXPECTED = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
}
PREFIX = "bert."
OLD_NAMES = {".gamma": ".weight", ".beta": ".bias"}


def read_pretrained(
    folder: str | os.PathLike[str], config_type: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the fields of the config, the encoder's weights by name); heads are left out.

    Raises:
        FileNotFoundError: config.json or model.safetensors is missing.
        ValueError: one is damaged, a size is missing, or it is another architecture.
    """
    settings = read_config(Path(folder, "config.json"))
    required = {field.name: field.default is MISSING for field in fields_of(config_type)}
    lacking = [name for name, needed in required.items() if needed and name not in settings]
    if lacking:
        raise ValueError(f"from_pretrained: {folder}/config.json has no {', '.join(lacking)}")
    file = Path(folder, "model.safetensors")
    if not file.is_file():
        raise FileNotFoundError(f"from_pretrained: there is no {file}")
    known = {name: settings[name] for name in required if name in settings}
    return known, encoder_weights(load(file))


def read_config(file: Path) -> dict[str, Any]:
    """The settings of a BERT."""
    if not file.is_file():
        raise FileNotFoundError(f"from_pretrained: there is no {file}")
    try:
        settings = json.loads(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"from_pretrained: {file} is damaged: {error}") from None
    if not isinstance(settings, dict):
        raise ValueError(f"from_pretrained: {file} should hold a JSON object")
    others = [
        f"{name} {settings[name]!r} (expected {value!r})"
        for name, value in EXPECTED.items()
        if settings.get(name, value) != value
    ]
    if others or "model_type" not in settings:
        what = ", ".join(others) or "without model_type"
        raise ValueError(f"from_pretrained: {file} is not of a BERT that we know: {what}")
    return settings


def encoder_weights(arrays: dict[str, Any]) -> dict[str, Any]:
    """The encoder's own arrays, where a model with a head calls them `bert.…`."""
    if any(name.startswith(PREFIX) for name in arrays):
        arrays = {n.removeprefix(PREFIX): x for n, x in arrays.items() if n.startswith(PREFIX)}
    return {modern(name): x for name, x in arrays.items() if not name.endswith("position_ids")}


def modern(name: str) -> str:
    """Norms had gamma and beta in the first checkpoints."""
    for old, new in OLD_NAMES.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name
