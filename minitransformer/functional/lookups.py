"""Looking up rows of a table."""

from minitransformer import ops
from minitransformer.functional.inputs import Input, index_array
from minitransformer.tensor import Tensor


def embedding(indices: Input, weight: Input) -> Tensor:
    """Rows of `weight` (V, D): integer indices (...) -> (..., D).

    Raises:
        TypeError: the indices are not integers.
        IndexError: an index is negative or not below V.
    """
    indices = index_array("embedding", "indices", indices)
    return ops.Embedding.apply(weight, indices)
