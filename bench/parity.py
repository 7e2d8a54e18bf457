"""The same training in PyTorch: same weights, batches, optimiser and schedule.

    python -m bench parity runs/1

Takes a finished run of ours (its settings, log and text), repeats it in PyTorch from our
initial weights, and compares the loss curves and the last validation losses.
"""

import json
from time import perf_counter

import numpy as np
import torch
from rich.console import Console

from bench.peers.torch_gpt import adamw, twin
from minitransformer.data import validation_batches
from minitransformer.training import LanguageModelTraining, Run, Settings
from minitransformer.training.log import read_log


def compare(folder: str, steps: int | None = None) -> None:
    """Print how far PyTorch's losses are from those in the log of the run in `folder`."""
    console = Console()
    run = Run(folder)
    start = run.started_with()
    settings = Settings(**start["settings"])
    ours = LanguageModelTraining(run, settings, start["text"], console=console)
    weights = {name: value.data for name, value in ours.model.state_dict().items()}
    model = twin(ours.model.config, weights)
    optimizer = adamw(model, settings.weight_decay, settings.lr, settings.beta2, fused=True)
    log = [entry for entry in read_log(run.log) if "loss" in entry]
    losses, begin = [], perf_counter()
    for entry, (idx, targets) in zip(log[: steps or None], ours.trainer.batches, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = entry["lr"]
        loss = model(torch.from_numpy(idx), torch.from_numpy(targets))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        optimizer.step()
        losses.append(loss.item())
    seconds = perf_counter() - begin
    difference = np.abs(np.array(losses) - [entry["loss"] for entry in log[: len(losses)]])
    with torch.no_grad():
        held_out = np.mean(
            [
                model(torch.from_numpy(idx), torch.from_numpy(targets)).item()
                for idx, targets in validation_batches(
                    ours.held_out,
                    batch_size=settings.batch_size,
                    block_size=settings.block_size,
                    max_batches=settings.eval_batches,
                )
            ]
        )
    report = {
        "steps": len(losses),
        "largest_difference_first_50": float(difference[:50].max()),
        "largest_difference_first_200": float(difference[:200].max()),
        "largest_difference": float(difference.max()),
        "validation_loss_torch": float(held_out),
        "validation_loss_ours": log[len(losses) - 1].get("validation_loss"),
        "seconds_torch": round(seconds, 1),
    }
    console.print_json(json.dumps(report))
