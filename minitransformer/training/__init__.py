"""Training: the loop, its checkpoints and log, and the recipe for a language model."""

from minitransformer.models.checkpoint import load_checkpoint, save_checkpoint
from minitransformer.training.language_model import LanguageModelTraining
from minitransformer.training.loop import Trainer, TrainingDiverged
from minitransformer.training.run import Run
from minitransformer.training.settings import PRESETS, Settings, make_settings

__all__ = [
    "PRESETS",
    "LanguageModelTraining",
    "Run",
    "Settings",
    "Trainer",
    "TrainingDiverged",
    "load_checkpoint",
    "make_settings",
    "save_checkpoint",
]
