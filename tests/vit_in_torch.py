"""The same ViT in PyTorch, written by itself: the oracle of tests/test_vit.py."""

import torch
from torch import nn
from torch.nn import functional as F


class TorchViT(nn.Module):
    """Takes the config and the state dict of minitransformer's ViT."""

    def __init__(self, config):
        super().__init__()
        width, size = config.d_model, config.patch_size
        self.size, length = size, 1 + config.grid[0] * config.grid[1]
        self.patch_embedding = nn.Linear(config.in_channels * size * size, width)
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        self.positions = nn.ParameterDict({"weight": nn.Parameter(torch.empty(length, width))})
        hidden = int(config.mlp_ratio * width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, config.n_head, hidden, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(config.n_layer)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, config.num_classes)

    def forward(self, images):
        x = self.embed(images)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])

    def embed(self, images):
        patches = F.unfold(images, self.size, stride=self.size).transpose(1, 2)
        token = self.class_token.expand(len(images), -1, -1)
        x = torch.cat([token, self.patch_embedding(patches)], dim=1)
        return x + self.positions["weight"]

    def class_attention(self, images):
        """(B, n_layer, n_head, patches)."""
        x, weights = self.embed(images), []
        for block in self.blocks:
            y = block.norm1(x)
            _, seen = block.self_attn(y, y, y, average_attn_weights=False)
            weights.append(seen[:, :, 0, 1:])
            x = block(x)
        return torch.stack(weights, dim=1)


def twin_of(model):
    """A TorchViT with the weights, and in the precision, of ours."""
    state = {name: torch.tensor(t.numpy()) for name, t in model.state_dict().items()}
    twin = TorchViT(model.config).to(next(iter(state.values())).dtype)
    twin.load_state_dict(state)
    return twin
