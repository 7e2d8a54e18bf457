"""The same BERT in PyTorch, written by itself: the oracle of tests/test_bert.py."""

import torch
from torch.nn import functional as F


class TorchBERT:
    """Takes the config and the state dict of minitransformer's BERT, in its precision."""

    def __init__(self, config, state):
        self.config = config
        self.weights = {
            name: torch.tensor(value.numpy()).requires_grad_() for name, value in state.items()
        }

    def features(self, ids, mask, segments):
        table = "embeddings.{}_embeddings.weight"
        x = self.weights[table.format("word")][ids]
        x = x + self.weights[table.format("position")][torch.arange(ids.shape[1])]
        x = self.norm(x + self.weights[table.format("token_type")][segments], "embeddings")
        for i in range(self.config.num_hidden_layers):
            layer = f"encoder.layer.{i}"
            attended = self.attend(x, mask, f"{layer}.attention.self")
            attended = self.linear(attended, f"{layer}.attention.output.dense")
            x = self.norm(x + attended, f"{layer}.attention.output")
            hidden = F.gelu(self.linear(x, f"{layer}.intermediate.dense"))
            x = self.norm(x + self.linear(hidden, f"{layer}.output.dense"), f"{layer}.output")
        return x

    def pooled(self, features):
        return torch.tanh(self.linear(features[:, 0], "pooler.dense"))

    def sentence_embeddings(self, ids, mask):
        features = self.features(ids, mask, torch.zeros_like(ids))
        kept = mask[..., None]
        return F.normalize((features * kept).sum(1) / kept.sum(1), dim=-1)

    def linear(self, x, name):
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, x, name):
        weight, bias = (self.weights[f"{name}.LayerNorm.{kind}"] for kind in ("weight", "bias"))
        return F.layer_norm(x, x.shape[-1:], weight, bias, self.config.layer_norm_eps)

    def attend(self, x, mask, name):
        batch, length, _ = x.shape
        q, k, v = (
            self.linear(x, f"{name}.{part}")
            .view(batch, length, self.config.num_attention_heads, -1)
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        weights = scores.masked_fill(~mask[:, None, None], float("-inf")).softmax(-1)
        return (weights @ v).transpose(1, 2).reshape(x.shape)
