"""The same GPT in PyTorch, written by itself: the oracle of tests/test_gpt.py."""

import torch
from torch import nn
from torch.nn import functional as F


class TorchGPT(nn.Module):
    """Takes the config and the state dict of minitransformer's GPT."""

    def __init__(self, config):
        super().__init__()
        width, bias = config.n_embd, config.bias
        self.n_head = config.n_head
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.vocab_size, width),
                "wpe": nn.Embedding(config.block_size, width),
                "h": nn.ModuleList(torch_block(width, bias) for _ in range(config.n_layer)),
                "ln_f": nn.LayerNorm(width, bias=bias),
            }
        )

    def forward(self, idx, targets):
        parts = self.transformer
        x = parts["wte"](idx) + parts["wpe"](torch.arange(idx.shape[1]))
        for block in parts["h"]:
            x = x + self.attend(block["attn"], block["ln_1"](x))
            hidden = F.gelu(block["mlp"]["c_fc"](block["ln_2"](x)), approximate="tanh")
            x = x + block["mlp"]["c_proj"](hidden)
        logits = parts["ln_f"](x) @ parts["wte"].weight.T
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def attend(self, layer, x):
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.n_head, -1).transpose(1, 2)
            for part in layer["c_attn"](x).chunk(3, dim=-1)
        )
        scores = q @ k.transpose(-1, -2) / (width // self.n_head) ** 0.5
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        y = scores.masked_fill(future, float("-inf")).softmax(-1) @ v
        return layer["c_proj"](y.transpose(1, 2).reshape(x.shape))


def torch_block(width, bias):
    return nn.ModuleDict(
        {
            "ln_1": nn.LayerNorm(width, bias=bias),
            "attn": nn.ModuleDict(
                {
                    "c_attn": nn.Linear(width, 3 * width, bias=bias),
                    "c_proj": nn.Linear(width, width, bias=bias),
                }
            ),
            "ln_2": nn.LayerNorm(width, bias=bias),
            "mlp": nn.ModuleDict(
                {
                    "c_fc": nn.Linear(width, 4 * width, bias=bias),
                    "c_proj": nn.Linear(4 * width, width, bias=bias),
                }
            ),
        }
    )


def twin_of(model):
    """A TorchGPT with the weights, and in the precision, of ours."""
    state = {name: torch.tensor(t.numpy()) for name, t in model.state_dict().items()}
    twin = TorchGPT(model.config).to(next(iter(state.values())).dtype)
    twin.load_state_dict(state)
    return twin
