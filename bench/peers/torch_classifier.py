"""Our Transformer classifier in PyTorch, with the same names in its state dict."""

from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from minitransformer.models import TransformerClassifierConfig
from minitransformer.threads import get_num_threads
from minitransformer.training.fitting import MAX_GRAD_NORM, make_trainer
from minitransformer.training.tasks import FitSettings


class TorchClassifier(nn.Module):
    def __init__(self, config: TransformerClassifierConfig, table: np.ndarray) -> None:
        super().__init__()
        width, dropout = config.d_model, config.dropout
        sizes = (width, config.n_head, int(config.mlp_ratio * width), dropout, F.gelu)
        layers = {"batch_first": True, "norm_first": True}
        self.embedding = nn.Embedding(config.vocab_size, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(*sizes, **layers) for _ in range(config.n_layer)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, config.num_classes)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("table", torch.tensor(table), persistent=False)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.embedding(ids) * sqrt(self.embedding.embedding_dim) + self.table[: ids.shape[1]]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, src_key_padding_mask=~mask)
        real = mask[..., None]
        mean = (self.norm(x) * real).sum(dim=1) / real.sum(dim=1)
        return self.head(self.dropout(mean))


class TorchEngine:
    """The problem's model, in PyTorch: its weights, its batches, its optimiser and schedule."""

    def __init__(self, problem: Any, settings: FitSettings) -> None:
        torch.set_num_threads(get_num_threads())
        torch.manual_seed(settings.seed)
        self.problem, self.settings = problem, settings
        state = {name: np.array(x.data) for name, x in problem.model.state_dict().items()}
        self.model = TorchClassifier(problem.model.config, state.pop("positions.table"))
        self.model.load_state_dict({name: torch.tensor(x) for name, x in state.items()})

    def loss(self, batch: Any, label_smoothing: float = 0.0) -> torch.Tensor:
        ids, mask, labels = map(torch.from_numpy, batch)
        return F.cross_entropy(self.model(ids, mask), labels, label_smoothing=label_smoothing)

    def train(self, steps: int) -> None:
        """Take the steps, at the rates that our schedule gives."""
        settings, parameters = self.settings, list(self.model.parameters())
        schedule = make_trainer(self.problem, settings, steps).schedule
        groups = [
            {"params": [p for p in parameters if p.dim() >= 2]},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
        self.model.train()
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = schedule.lr_at(step) if schedule else settings.lr
            optimizer.zero_grad()
            self.loss(next(self.problem.batches), settings.label_smoothing).backward()
            nn.utils.clip_grad_norm_(parameters, MAX_GRAD_NORM)
            optimizer.step()

    def first_loss(self, batch: Any) -> float:
        self.model.eval()
        with torch.no_grad():
            return self.loss(batch).item()

    def predicted(self, loader: Any) -> tuple[np.ndarray, np.ndarray]:
        """(class taken, class) of each row."""
        self.model.eval()
        taken, labels = [], []
        with torch.no_grad():
            for ids, mask, target in loader:
                logits = self.model(torch.from_numpy(ids), torch.from_numpy(mask))
                taken.append(logits.argmax(dim=1).numpy())
                labels.append(target)
        return np.concatenate(taken), np.concatenate(labels)
