"""The same sequence-to-sequence model in PyTorch, with our state-dict names."""

from math import sqrt

import torch
from torch import nn
from torch.nn import functional as F


class Embedded(nn.Module):
    def __init__(self, vocab_size, config):
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, config.n_embd)
        self.positions = nn.Module()
        self.positions.register_buffer("table", torch.zeros(config.block_size, config.n_embd))

    def forward(self, ids):
        x = self.tokens(ids)
        return x * sqrt(x.shape[-1]) + self.positions.table[: ids.shape[1]]


def blocks(kind, config):
    sizes = config.n_embd, config.n_head, 4 * config.n_embd
    options = {"activation": "gelu", "batch_first": True, "norm_first": True, "dropout": 0.0}
    return nn.ModuleList(kind(*sizes, **options) for _ in range(config.n_layer))


def side(kind, vocab_size, config):
    parts = nn.Module()
    parts.embedded = Embedded(vocab_size, config)
    parts.blocks = blocks(kind, config)
    parts.norm = nn.LayerNorm(config.n_embd)
    return parts


class TorchSeq2Seq(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.pad_id = config.pad_id
        self.encoder = side(nn.TransformerEncoderLayer, config.source_vocab_size, config)
        self.decoder = side(nn.TransformerDecoderLayer, config.target_vocab_size, config)

    def forward(self, source, target):
        padding, inputs = source == self.pad_id, target[:, :-1]
        later = torch.ones(inputs.shape[1], inputs.shape[1], dtype=torch.bool).triu(1)
        memory = self.encoder.embedded(source)
        for block in self.encoder.blocks:
            memory = block(memory, src_key_padding_mask=padding)
        memory, x = self.encoder.norm(memory), self.decoder.embedded(inputs)
        for block in self.decoder.blocks:
            x = block(x, memory, tgt_mask=later, memory_key_padding_mask=padding)
        logits = self.decoder.norm(x) @ self.decoder.embedded.tokens.weight.T
        loss = F.cross_entropy(
            logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=self.pad_id
        )
        return logits, loss
