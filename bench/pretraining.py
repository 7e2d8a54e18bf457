"""What pre-training is worth: BERTs with it and without, told good film reviews from bad.

MiniLM's weights beside random ones, on 2,000 labels; and a small BERT of our own, which first fills
in hidden words of the same reviews, beside the same one that does not, on 500. All are asked about
the first 64 tokens of the same 2,000 held-out reviews, and trained alike.
"""

from collections.abc import Iterator
from statistics import fmean
from typing import Any

import numpy as np

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn
from minitransformer.data import DataLoader, TensorDataset, mask_tokens, pad_sequences
from minitransformer.models import BERT, BERTClassifier, BERTConfig, BERTMaskedLM
from minitransformer.text import WordPieceTokenizer

SEED, LENGTH, BATCH = 15, 64, 32
VOCABULARY, HELD_OUT = 4000, 2000


class Reviews:
    """IMDB's, split into those to learn from and those to be asked about."""

    def __init__(self) -> None:
        texts, labels = mt.data.imdb(download=True)
        texts = [mt.data.clean_text(text) for text in texts]
        self.train, test = mt.data.split(texts, labels, held_out=0.2, seed=SEED)
        self.asked = [rows[:HELD_OUT] for rows in test]


def accuracy(
    bert: BERT, tokenizer: Any, reviews: Reviews, count: int, epochs: int, lr: float, seed: int
) -> float:
    """On the held-out reviews, after training on `count` others."""

    def rows(texts: list[str], labels: np.ndarray) -> TensorDataset:
        ids = [tokenizer.encode(text, max_length=LENGTH) for text in texts]
        return TensorDataset(*pad_sequences(ids, tokenizer.pad_id), labels)

    def loss(model: Any, batch: Any) -> mt.Tensor:
        ids, mask, labels = batch
        return F.cross_entropy(model(ids, mask), labels)

    mt.manual_seed(seed)
    classifier = BERTClassifier(bert, classes=2)
    texts, labels = reviews.train
    loader = DataLoader(rows(texts[:count], labels[:count]), BATCH, shuffle=True, seed=seed)
    train(classifier, loader.endless(), loss, epochs * len(loader), lr)
    with mt.no_grad(), nn.evaluating(classifier):
        right = [
            classifier(ids, mask).numpy().argmax(axis=1) == labels
            for ids, mask, labels in DataLoader(rows(*reviews.asked), 50)
        ]
    return float(np.concatenate(right).mean())


def train(model: Any, batches: Any, loss: Any, steps: int, lr: float) -> None:
    """AdamW, a rate that rises for a tenth of the steps, gradients of length 1 at most."""
    optimizer = mt.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    schedule = mt.optim.CosineLR(optimizer, steps, warmup_steps=steps // 10)
    trainer = mt.training.Trainer(model, optimizer, batches, loss, schedule, max_grad_norm=1.0)
    for _ in range(steps):
        trainer.step()


def small_bert(dropout: float) -> BERT:
    """Two layers; its positions begin as waves, which it learns from sooner than from noise."""
    config = BERTConfig(
        VOCABULARY,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=LENGTH,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        initializer_range=0.05,
    )
    bert = BERT(config)
    waves = nn.SinusoidalPositions(LENGTH, 128)(mt.zeros(1, LENGTH, 128)).numpy()[0]
    with mt.no_grad():
        bert.embeddings.position_embeddings.weight[...] = 0.07 * waves
    return bert


def pretrained(tokenizer: WordPieceTokenizer, reviews: Reviews, steps: int) -> BERT:
    """A small BERT that has filled in hidden words of the training reviews."""
    mt.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    ids = np.concatenate([tokenizer.encode(text) for text in reviews.train[0]])
    rows = ids[: len(ids) // LENGTH * LENGTH].reshape(-1, LENGTH)
    known = {"vocab_size": VOCABULARY, "mask_id": tokenizer.mask_id}
    known["special_ids"] = tokenizer.special_ids

    def batches() -> Iterator[Any]:
        while True:
            yield mask_tokens(rows[rng.integers(len(rows), size=BATCH)], rng, **known)

    def loss(model: Any, batch: Any) -> mt.Tensor:
        inputs, targets = batch
        return model(inputs, None, targets)[1]

    model = BERTMaskedLM(small_bert(dropout=0.0))
    train(model, batches(), loss, steps, lr=2e-3)
    return model.bert


def measure_minilm(reviews: Reviews) -> None:
    """MiniLM's weights beside random ones."""
    folder = mt.data.fetch("minilm", download=True)
    tokenizer = WordPieceTokenizer.from_folder(folder)
    mt.manual_seed(SEED)
    minilm = BERT.from_pretrained(folder)
    for name, bert in {"MiniLM": minilm, "random weights": BERT(minilm.config)}.items():
        share = accuracy(bert, tokenizer, reviews, count=2000, epochs=2, lr=1e-4, seed=0)
        print(f"2,000 labels, {name}: {share:.1%} of {HELD_OUT:,} held-out reviews", flush=True)


def measure_our_own(reviews: Reviews, steps: int, seeds: int) -> None:
    """Our BERT after pre-training beside the same without."""
    whole = WordPieceTokenizer.from_folder(mt.data.fetch("minilm", download=True))
    tokenizer = whole.reduced(reviews.train[0][:2000], VOCABULARY)
    state = pretrained(tokenizer, reviews, steps).state_dict()
    for name in (f"pre-trained for {steps:,} steps", "not pre-trained"):
        shares = []
        for seed in range(seeds):
            mt.manual_seed(100 + seed)
            bert = small_bert(dropout=0.1)
            if name != "not pre-trained":
                bert.load_state_dict(state)
            shares.append(accuracy(bert, tokenizer, reviews, 500, epochs=8, lr=1e-3, seed=seed))
        each = ", ".join(f"{share:.1%}" for share in shares)
        print(f"500 labels, our BERT {name}: {fmean(shares):.1%} ({each})", flush=True)
