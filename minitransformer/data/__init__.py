"""Real data, as text and NumPy arrays: where it comes from, how it is split, how it is batched."""

from minitransformer.data.corpus import text_corpus
from minitransformer.data.tokens import TokenBatches, split_tokens, validation_batches

__all__ = ["TokenBatches", "split_tokens", "text_corpus", "validation_batches"]
