"""Real data, as text and NumPy arrays: where it comes from, how it is split, how it is batched."""

from minitransformer.data import augment
from minitransformer.data.cleaning import clean_text, normalize_images
from minitransformer.data.corpus import text_corpus
from minitransformer.data.dataset import Dataset, TensorDataset, pad_sequences, stack_rows
from minitransformer.data.fetching import cache_folder, fetch
from minitransformer.data.histories import Histories, LeaveOneOut, histories, leave_one_out
from minitransformer.data.images import FASHION_CLASSES, digits, fashion_mnist, mnist
from minitransformer.data.labelled_text import text_csv
from minitransformer.data.loader import DataLoader, EndlessBatches
from minitransformer.data.masking import mask_tokens
from minitransformer.data.pairs import SentencePair, sentence_pairs
from minitransformer.data.ratings import Ratings, movielens
from minitransformer.data.reviews import imdb, rotten_tomatoes
from minitransformer.data.splitting import split
from minitransformer.data.tokens import TokenBatches, split_tokens, validation_batches
from minitransformer.data.wheels import WHEELS

__all__ = [
    "FASHION_CLASSES",
    "WHEELS",
    "DataLoader",
    "Dataset",
    "EndlessBatches",
    "Histories",
    "LeaveOneOut",
    "Ratings",
    "SentencePair",
    "TensorDataset",
    "TokenBatches",
    "augment",
    "cache_folder",
    "clean_text",
    "digits",
    "fashion_mnist",
    "fetch",
    "histories",
    "imdb",
    "leave_one_out",
    "mask_tokens",
    "mnist",
    "movielens",
    "normalize_images",
    "pad_sequences",
    "rotten_tomatoes",
    "sentence_pairs",
    "split",
    "split_tokens",
    "stack_rows",
    "text_corpus",
    "text_csv",
    "validation_batches",
]
