"""Rows that can be counted and picked, and how several become a batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitransformer.tensor import Tensor


class Dataset:
    """The base of data sets: `len(d)` rows, of which `d[i]` is one, for i from 0."""

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not say its length")

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say how to pick a row")


class TensorDataset(Dataset):
    """Arrays side by side: row i is the tuple of each array's row i.

    An array of indices picks that many rows at once, each array's stacked.

    Args:
        arrays: arrays or Tensors of one length.

    Raises ValueError where the lengths differ, or nothing is given.
    """

    def __init__(self, *arrays: Any) -> None:
        self.arrays = tuple(a.numpy() if isinstance(a, Tensor) else np.asarray(a) for a in arrays)
        shapes = [a.shape for a in self.arrays]
        if not shapes or () in shapes or len({shape[0] for shape in shapes}) != 1:
            raise ValueError(f"TensorDataset: expected arrays of one length, got shapes {shapes}")

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> tuple:
        return tuple(array[index] for array in self.arrays)


def stack_rows(rows: Sequence[Any]) -> Any:
    """The default `collate`: numbers and arrays stacked, strings in a list, tuples column-wise.

    Raises ValueError where the shapes of the rows differ.
    """
    if isinstance(rows[0], tuple):
        return tuple(map(_stack, zip(*rows, strict=True)))
    return _stack(rows)


def pad_sequences(
    sequences: Sequence[Any], value: int = 0, max_length: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(ids (B, T) int64, mask (B, T) bool): sequences of token ids, padded on the right.

    T is the length of the longest; the mask is True at real tokens.

    Args:
        sequences: B of them, each (T_b,) integers.
        value: the id that fills up.
        max_length: what is beyond this many tokens is cut off.

    Raises ValueError where there is no sequence, one is empty, or one is not a row of integers.
    """
    if max_length is not None and max_length < 1:
        raise ValueError(f"pad_sequences: max_length must be at least 1, got {max_length}")
    rows = [np.asarray(s) for s in sequences]
    if not rows:
        raise ValueError("pad_sequences: there is no sequence")
    for number, row in enumerate(rows):
        if row.ndim != 1 or not len(row) or row.dtype.kind not in "iu":
            what = "empty" if row.size == 0 else f"{row.dtype} {row.shape}"
            raise ValueError(
                f"pad_sequences: expected token ids (T,), one at least, but sequence {number} is"
                f" {what}"
            )
    rows = [row[:max_length] for row in rows]
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, value, np.int64)
    ids[mask] = np.concatenate(rows)
    return ids, mask


def _stack(values: Sequence[Any]) -> Any:
    if isinstance(values[0], str):
        return list(values)
    arrays = [np.asarray(v) for v in values]
    shapes = sorted({a.shape for a in arrays})
    if len(shapes) > 1:
        raise ValueError(
            f"DataLoader: the rows of a batch have different shapes, {shapes[0]} and {shapes[-1]}:"
            " give a collate= that pads them, with pad_sequences for one"
        )
    return np.stack(arrays)
