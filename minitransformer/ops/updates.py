"""The optimisers' updates: forward only, in place, one parameter a call.

`p` is the parameter and `g` its gradient, arrays of one shape; the other arrays are the
optimiser's memory of earlier steps, and start as zeros. Each returns `p`.
"""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node


class SGDUpdate(Function, name="sgd_update"):
    """velocity = momentum · velocity + g;  p -= lr · velocity.

    Nesterov looks ahead: p -= lr · (g + momentum · velocity).
    Sutskever et al. 2013, ICML.
    """

    @staticmethod
    def forward(
        ctx: Node,
        p: Any,
        g: Any,
        velocity: Any,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> Any:
        if weight_decay:
            g = g + weight_decay * p
        if velocity is not None:
            velocity *= momentum
            velocity += g
            g = g + momentum * velocity if nesterov else velocity
        p -= lr * g
        return p


class AdagradUpdate(Function, name="adagrad_update"):
    """total += g²;  p -= lr · g / (√total + eps).

    Duchi, Hazan and Singer 2011, JMLR 12.
    """

    @staticmethod
    def forward(
        ctx: Node, p: Any, g: Any, total: Any, lr: float, eps: float, weight_decay: float = 0.0
    ) -> Any:
        if weight_decay:
            g = g + weight_decay * p
        total += g * g
        p -= lr * g / (array_module(p).sqrt(total) + eps)
        return p


class RMSpropUpdate(Function, name="rmsprop_update"):
    """square = alpha · square + (1 - alpha) · g²;  p -= lr · g / (√square + eps).

    With momentum the quotient goes through a velocity, as in SGD. Hinton 2012, lecture 6e.
    """

    @staticmethod
    def forward(
        ctx: Node,
        p: Any,
        g: Any,
        square: Any,
        velocity: Any,
        lr: float,
        alpha: float,
        eps: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> Any:
        if weight_decay:
            g = g + weight_decay * p
        square *= alpha
        square += (1 - alpha) * g * g
        g = g / (array_module(p).sqrt(square) + eps)
        if velocity is not None:
            velocity *= momentum
            velocity += g
            g = velocity
        p -= lr * g
        return p


class AdamUpdate(Function, name="adam_update"):
    """mean and square are running averages of g and g², corrected for having started at 0.

    p -= lr · (mean / (1 - β1^step)) / (√(square / (1 - β2^step)) + eps)
    Kingma and Ba 2014, https://arxiv.org/abs/1412.6980. `decoupled` shrinks the weights
    directly (AdamW) and not through g: Loshchilov and Hutter, https://arxiv.org/abs/1711.05101
    """

    @staticmethod
    def forward(
        ctx: Node,
        p: Any,
        g: Any,
        mean: Any,
        square: Any,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        weight_decay: float,
        step: int,
        decoupled: bool = True,
    ) -> Any:
        if weight_decay and decoupled:
            p *= 1 - lr * weight_decay
        elif weight_decay:
            g = g + weight_decay * p
        mean *= beta1
        mean += (1 - beta1) * g
        square *= beta2
        square += (1 - beta2) * g * g
        scale = array_module(p).sqrt(square / (1 - beta2**step)) + eps
        p -= (lr / (1 - beta1**step)) * mean / scale
        return p
