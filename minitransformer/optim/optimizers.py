"""SGD, Adagrad, RMSprop, Adam and AdamW, with PyTorch's arguments, defaults and numbers.

The formulas stand in `ops/updates.py`; here is what each remembers between its steps.
"""

from collections.abc import Iterable
from typing import Any

from minitransformer import ops
from minitransformer.devices import array_module
from minitransformer.optim.optimizer import Optimizer, at_least_zero, fraction


class SGD(Optimizer):
    """p -= lr · g, or with momentum p -= lr · velocity.

    Args:
        params: parameters or groups.
        lr: learning rate.
        momentum: how much of the velocity stays from step to step.
        weight_decay: this much of p is added to g.
        nesterov: step with the gradient and the velocity ahead; needs momentum.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        options = {"lr": lr, "momentum": momentum}
        super().__init__(params, {**options, "weight_decay": weight_decay, "nesterov": nesterov})

    def check_options(self, group: dict[str, Any]) -> None:
        super().check_options(group)
        at_least_zero(self.name, "momentum", group["momentum"])
        if group["nesterov"] and group["momentum"] == 0:
            raise ValueError(f"{self.name}: nesterov needs a momentum above 0, got 0")

    def start(self, p: Any) -> dict[str, Any]:
        return {"momentum_buffer": zeros_like(p)}

    def update(self, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        velocity = state["momentum_buffer"] if group["momentum"] else None
        options = {name: group[name] for name in ("lr", "momentum", "nesterov", "weight_decay")}
        ops.SGDUpdate.run(p, g, velocity, **options)


class Adagrad(Optimizer):
    """Each entry's rate falls with the sum of its squared gradients."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        *,
        weight_decay: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "eps": eps})

    def start(self, p: Any) -> dict[str, Any]:
        return {"sum": zeros_like(p)}

    def update(self, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        options = {name: group[name] for name in ("lr", "eps", "weight_decay")}
        ops.AdagradUpdate.run(p, g, state["sum"], **options)


class RMSprop(Optimizer):
    """Each entry's rate falls with a running mean of its squared gradients.

    Args:
        alpha: how much of that mean stays from step to step.
        momentum: as in SGD.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        options = {"lr": lr, "alpha": alpha, "eps": eps}
        super().__init__(params, {**options, "weight_decay": weight_decay, "momentum": momentum})

    def check_options(self, group: dict[str, Any]) -> None:
        super().check_options(group)
        at_least_zero(self.name, "momentum", group["momentum"])
        fraction(self.name, "alpha", group["alpha"])

    def start(self, p: Any) -> dict[str, Any]:
        return {"square_avg": zeros_like(p), "momentum_buffer": zeros_like(p)}

    def update(self, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        velocity = state["momentum_buffer"] if group["momentum"] else None
        names = ("lr", "alpha", "eps", "momentum", "weight_decay")
        options = {name: group[name] for name in names}
        ops.RMSpropUpdate.run(p, g, state["square_avg"], velocity, **options)


class Adam(Optimizer):
    """Running means of the gradient and of its square set each entry's step.

    Args:
        betas: how much of the two means stays from step to step.
        eps: keeps the divisor from 0.
        weight_decay: this much of p is added to g.
    """

    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        options = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, options)

    def check_options(self, group: dict[str, Any]) -> None:
        super().check_options(group)
        if len(group["betas"]) != 2:
            raise ValueError(f"{self.name}: expected two betas, got {group['betas']}")
        for i, beta in enumerate(group["betas"]):
            fraction(self.name, f"betas[{i}]", beta)

    def start(self, p: Any) -> dict[str, Any]:
        return {"step": 0, "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}

    def update(self, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] += 1
        ops.AdamUpdate.run(
            p,
            g,
            state["exp_avg"],
            state["exp_avg_sq"],
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            step=state["step"],
            decoupled=self.decoupled,
        )


class AdamW(Adam):
    """Adam whose weight decay shrinks the weights directly: p -= lr · weight_decay · p.

    Decay through the gradient, as in Adam, would be divided by the gradient's size.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def zeros_like(p: Any) -> Any:
    """Zeros in C order, whatever the order of `p`."""
    return array_module(p).zeros(p.shape, p.dtype)
