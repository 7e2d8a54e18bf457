"""Real data, as text and NumPy arrays: where it comes from, how it is split, how it is batched."""

from minitransformer.data.corpus import text_corpus
from minitransformer.data.fetching import cache_folder, fetch
from minitransformer.data.images import digits, mnist
from minitransformer.data.splitting import split
from minitransformer.data.tokens import TokenBatches, split_tokens, validation_batches
from minitransformer.data.wheels import WHEELS

__all__ = [
    "WHEELS",
    "TokenBatches",
    "cache_folder",
    "digits",
    "fetch",
    "mnist",
    "split",
    "split_tokens",
    "text_corpus",
    "validation_batches",
]
