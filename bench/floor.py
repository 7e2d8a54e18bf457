"""The dense products of a training step: the least that any engine has to compute.

Each linear layer takes three, and the head, whose weight is the table of tokens, is one of them:
y = x Wᵀ forward, dx = dy W and dW = dyᵀ x backward. Attention's own products do not count.
"""

from typing import NamedTuple

from minitransformer.models.gpt import GPTConfig


class Layer(NamedTuple):
    """A linear layer's sizes: x (rows, inputs), W (outputs, inputs), y (rows, outputs)."""

    rows: int
    inputs: int
    outputs: int

    @property
    def flops(self) -> int:
        """Of its three products; a multiplication and an addition count as two."""
        return 3 * 2 * self.rows * self.inputs * self.outputs


def layers(config: GPTConfig, batch_size: int) -> list[Layer]:
    """Every linear layer of the model, in the order of its forward pass."""
    rows, width = batch_size * config.block_size, config.n_embd
    shapes = (width, 3 * width), (width, width), (width, 4 * width), (4 * width, width)
    blocks = [Layer(rows, *shape) for _ in range(config.n_layer) for shape in shapes]
    return [*blocks, Layer(rows, width, config.vocab_size)]


def step_flops(config: GPTConfig, batch_size: int) -> int:
    return sum(layer.flops for layer in layers(config, batch_size))
