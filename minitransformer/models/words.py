"""What models of text share: rows of word ids, and which of them are words."""

from typing import Any

import numpy as np

from minitransformer.devices import array_module
from minitransformer.methods import data_of


def check_words(name: str, ids: Any, mask: Any = None) -> tuple[Any, Any]:
    """Integer ids (B, T) and a boolean mask (B, T), True at words, as arrays.

    Raises:
        ValueError: a shape does not fit, or a row has no words.
        TypeError: ids are not integers, or the mask is not boolean.
    """
    ids = data_of(ids) if hasattr(ids, "shape") else np.asarray(ids)
    if ids.ndim != 2 or ids.size == 0:
        raise ValueError(f"{name}: ids should be (B, T) with at least one word, got {ids.shape}")
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{name}: ids should be integers, got {ids.dtype}")
    if mask is None:
        return ids, array_module(ids).ones(ids.shape, bool)
    mask = data_of(mask) if hasattr(mask, "shape") else np.asarray(mask)
    if mask.shape != ids.shape:
        raise ValueError(f"{name}: mask should be {ids.shape} as ids, got {mask.shape}")
    if mask.dtype != bool:
        raise TypeError(f"{name}: mask should be boolean, True at words, got {mask.dtype}")
    if not bool(mask.any(axis=1).all()):
        empty = int(mask.any(axis=1).argmin())
        raise ValueError(f"{name}: row {empty} of the mask has no words")
    return ids, mask
