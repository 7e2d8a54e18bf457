"""Training a GPT on text, from the text to a sample, with checkpoints on the way."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.console import Console

from minitransformer.data import TokenBatches, split_tokens, text_corpus, validation_batches
from minitransformer.graph import no_grad
from minitransformer.models.checkpoint import load_checkpoint, save_checkpoint
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.optim import CosineLR
from minitransformer.random import manual_seed
from minitransformer.text import BPETokenizer, ByteTokenizer, CharTokenizer, tokenizer_from_dict
from minitransformer.training.display import Display
from minitransformer.training.log import TrainingLog
from minitransformer.training.loop import Trainer, TrainingDiverged
from minitransformer.training.run import Run
from minitransformer.training.settings import Settings


@dataclass
class Result:
    """A finished training: the model, its tokenizer, and the last and lowest validation loss."""

    model: GPT
    tokenizer: Any
    validation_loss: float
    best_loss: float


class LanguageModelTraining:
    """One run: a GPT, its text in tokens, and the trainer that brings them together.

    Args:
        run: the folder to write to.
        settings: sizes, steps and rates.
        text: path of a file or folder; None for Python's standard library.
        resume: continue from the run's last checkpoint, which must be there.
        device: "cpu" or "cuda".
        console: where progress is shown.

    Raises:
        ValueError: the text is too short, or is not the one the checkpoint was trained on.
    """

    def __init__(
        self,
        run: Run,
        settings: Settings,
        text: str | None = None,
        resume: bool = False,
        device: str = "cpu",
        console: Console | None = None,
    ) -> None:
        self.run = run
        self.settings = settings
        self.console = console or Console()
        corpus = text_corpus(text)
        self.fingerprint = hashlib.sha256(corpus.encode()).hexdigest()
        arrays, facts = load_checkpoint(run.last) if resume else ({}, {})
        if resume and facts["text"] != self.fingerprint:
            raise ValueError(
                "resume: the text is not the one that this run was trained on "
                f"(sha256 {self.fingerprint[:12]}…, expected {facts['text'][:12]}…)"
            )
        saved = facts.get("tokenizer")
        self.tokenizer = tokenizer_from_dict(saved) if saved else make_tokenizer(settings, corpus)
        train, self.held_out = split_tokens(self.tokenizer.encode(corpus))
        check_length(self.held_out, settings.block_size)
        manual_seed(settings.seed)
        self.model = GPT(config_of(settings, self.tokenizer.vocab_size)).to(device)
        self.trainer = make_trainer(self.model, settings, train)
        self.best_loss = facts.get("best_loss", float("inf"))
        self.validation_loss = facts.get("validation_loss", float("nan"))
        if resume:
            self.trainer.load_state_dict(arrays, facts)

    @no_grad()
    def evaluate(self) -> float:
        """The mean loss over windows spread evenly over the held-out text.

        Raises:
            TrainingDiverged: it is not finite.
        """
        settings = self.settings
        batches = validation_batches(
            self.held_out,
            batch_size=settings.batch_size,
            block_size=settings.block_size,
            max_batches=settings.eval_batches,
        )
        self.model.eval()
        loss = float(np.mean([self.model(*batch)[1].item() for batch in batches]))
        if not np.isfinite(loss):
            done = self.trainer.steps_done
            raise TrainingDiverged(f"step {done}: the validation loss is {loss}")
        return loss

    def fit(self) -> Result:
        """Train to the last step; evaluate, and write checkpoints, on the way and at the end.

        Raises:
            TrainingDiverged: a number is not finite. The checkpoints are from before it.
        """
        settings, trainer = self.settings, self.trainer
        self.run.clean()
        fresh = not self.run.last.exists()
        log = TrainingLog(self.run.log, keep_until=None if fresh else trainer.steps_done)
        bar = (settings.steps, trainer.steps_done, settings.tokens_per_step)
        try:
            with Display(self.console, *bar) as display:
                if fresh:
                    self._checkpoint(log, display, {"step": 0})
                while trainer.steps_done < settings.steps:
                    self._step(log, display)
        finally:
            log.close()
        return Result(self.model, self.tokenizer, self.validation_loss, self.best_loss)

    def _step(self, log: TrainingLog, display: Display) -> None:
        step = self.trainer.step()
        display.step(step)
        entry = {
            "step": step.number,
            "loss": step.loss,
            "lr": step.lr,
            "grad_norm": step.grad_norm,
            "tokens_per_second": round(self.settings.tokens_per_step / step.seconds),
        }
        if step.number % self.settings.eval_every == 0 or step.number == self.settings.steps:
            self._checkpoint(log, display, entry)
        else:
            log.write(**entry)

    def _checkpoint(self, log: TrainingLog, display: Display, entry: dict[str, Any]) -> None:
        """Evaluate, log, save. A kill on the way repeats all three, with the same outcome."""
        loss = self.evaluate()
        best = loss < self.best_loss
        self.best_loss = min(loss, self.best_loss)
        self.validation_loss = loss
        log.write(**entry, validation_loss=loss)
        arrays, facts = self.trainer.state_dict()
        facts |= {
            "config": asdict(self.model.config),
            "settings": self.settings.to_dict(),
            "tokenizer": self.tokenizer.to_dict(),
            "text": self.fingerprint,
            "best_loss": self.best_loss,
            "validation_loss": loss,
        }
        if best:
            save_checkpoint(self.run.best, arrays, facts)
        save_checkpoint(self.run.last, arrays, facts)
        display.evaluation(self.trainer.steps_done, loss, best)


def check_length(held_out: np.ndarray, block_size: int) -> None:
    """Refuse a text whose held-out tenth is shorter than one block."""
    if len(held_out) <= block_size:
        raise ValueError(
            f"the text is too short: its held-out tenth has {len(held_out)} tokens but "
            f"block_size {block_size} needs at least {block_size + 1}"
        )


def make_tokenizer(settings: Settings, corpus: str) -> Any:
    """The tokenizer that the settings name, trained on the text where it learns."""
    if settings.tokenizer == "bytes":
        return ByteTokenizer()
    if settings.tokenizer == "chars":
        return CharTokenizer.from_text(corpus)
    return BPETokenizer.train(corpus, settings.vocab_size)


def config_of(settings: Settings, vocab_size: int) -> GPTConfig:
    return GPTConfig(
        vocab_size=vocab_size,
        block_size=settings.block_size,
        n_layer=settings.n_layer,
        n_head=settings.n_head,
        n_embd=settings.n_embd,
        dropout=settings.dropout,
        bias=settings.bias,
    )


def make_trainer(model: GPT, settings: Settings, tokens: np.ndarray) -> Trainer:
    """AdamW with a warm-up and a cosine over random windows of the tokens."""
    optimizer = model.configure_optimizer(
        weight_decay=settings.weight_decay, lr=settings.lr, betas=(0.9, settings.beta2)
    )
    schedule = CosineLR(
        optimizer, settings.steps, warmup_steps=settings.warmup, min_lr=settings.lr / 10
    )
    batches = TokenBatches(
        tokens,
        batch_size=settings.batch_size,
        block_size=settings.block_size,
        seed=settings.seed,
    )
    return Trainer(
        model,
        optimizer,
        batches,
        loss=lambda model, batch: model(*batch)[1],
        schedule=schedule,
        accumulate=settings.accumulate,
        max_grad_norm=settings.max_grad_norm,
    )
