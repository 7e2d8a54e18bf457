"""The four sizes that every training measurement uses, and their optimiser's numbers."""

from minitransformer.models.gpt import GPTConfig
from minitransformer.training import PRESETS

VOCABULARY = {"micro": 256, "tiny": 256, "small": 256, "medium": 4096}
SIZES = tuple(VOCABULARY)
LR, WEIGHT_DECAY, BETA2 = 1e-3, 0.1, 0.99


def config_of(size: str) -> tuple[GPTConfig, int]:
    """The model's configuration and the batch size."""
    preset = PRESETS[size]
    shape = {key: preset[key] for key in ("block_size", "n_layer", "n_head", "n_embd")}
    return GPTConfig(vocab_size=VOCABULARY[size], **shape), preset["batch_size"]
