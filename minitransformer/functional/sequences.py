"""Functions of padded sequences, and of positions."""

from minitransformer import ops
from minitransformer.devices import array_module
from minitransformer.functional.inputs import Input, beside
from minitransformer.methods import data_of
from minitransformer.tensor import Tensor


def masked_mean(x: Input, mask: Input) -> Tensor:
    """The mean over each sequence's real tokens: x (B, T, D), boolean mask (B, T) -> (B, D).

    Raises:
        ValueError: the shapes do not fit, or a row has no real token.
    """
    return ops.MaskedMean.apply(x, beside(mask, x))


def gather_positions(x: Input, mask: Input) -> Tensor:
    """The features where the mask is True, row by row: x (B, T, D), mask (B, T) -> (N, D).

    The positions are rows of a table, so this is the embedding op: its backward pass puts each
    gradient back in its place. For a loss at some positions only, at the price of those alone.
    """
    mask, shape = data_of(beside(mask, x)), data_of(x).shape
    if len(shape) != 3 or mask.shape != shape[:2]:
        raise ValueError(
            f"gather_positions: expected x (B, T, D) and mask (B, T), got {shape} and {mask.shape}"
        )
    if mask.dtype != bool:
        raise TypeError(f"gather_positions: expected a boolean mask, got {mask.dtype}")
    places = array_module(mask).flatnonzero(mask)
    return ops.Embedding.apply(x.reshape(-1, shape[2]), places)


def rotary(x: Input, base: float = 10000.0, start: int = 0) -> Tensor:
    """Neighbouring pairs of features turned by their position: (..., T, D) -> (..., T, D).

    Pair i at position t by (start + t) / base^(2i/D). For queries and keys before their product.

    Args:
        x: D is even.
        start: position of the first row, where a cache holds those before it.
    """
    return ops.Rotary.apply(x, base=base, start=start)
