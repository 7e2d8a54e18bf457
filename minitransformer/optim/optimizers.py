"""SGD, Adagrad, RMSprop, Adam and AdamW, with PyTorch's arguments, defaults and numbers.

The formulas stand in `ops/updates.py`; here is what each remembers between its steps.
"""

from collections.abc import Iterable
from typing import Any

from minitransformer import ops
from minitransformer.optim.optimizer import Optimizer, at_least_zero, fraction, remembered


class SGD(Optimizer):
    """p -= lr · g, or with momentum p -= lr · velocity.

    Args:
        params: parameters or groups.
        lr: learning rate.
        momentum: how much of the velocity stays from step to step.
        weight_decay: this much of p is added to g.
        nesterov: step with the gradient and the velocity ahead; needs momentum.
    """

    memory = ("momentum_buffer",)

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

    def update(self, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        velocity = remembered(state, "momentum_buffer", p) if group["momentum"] else None
        options = {name: group[name] for name in ("lr", "momentum", "nesterov", "weight_decay")}
        ops.SGDUpdate.run(p, g, velocity, **options)


class Adagrad(Optimizer):
    """Each entry's rate falls with the sum of its squared gradients."""

    memory = ("sum",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        *,
        weight_decay: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "eps": eps})

    def update(self, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        options = {name: group[name] for name in ("lr", "eps", "weight_decay")}
        ops.AdagradUpdate.run(p, g, remembered(state, "sum", p), **options)


class RMSprop(Optimizer):
    """Each entry's rate falls with a running mean of its squared gradients.

    Args:
        alpha: how much of that mean stays from step to step.
        momentum: as in SGD.
    """

    memory = ("square_avg", "momentum_buffer")

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

    def update(self, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        velocity = remembered(state, "momentum_buffer", p) if group["momentum"] else None
        names = ("lr", "alpha", "eps", "momentum", "weight_decay")
        options = {name: group[name] for name in names}
        square = remembered(state, "square_avg", p)
        ops.RMSpropUpdate.run(p, g, square, velocity, **options)


class Adam(Optimizer):
    """Running means of the gradient and of its square set each entry's step.

    Args:
        betas: how much of the two means stays from step to step.
        eps: keeps the divisor from 0.
        weight_decay: this much of p is added to g.
    """

    memory = ("exp_avg", "exp_avg_sq")
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

    def update_group(self, members: list[tuple], group: dict[str, Any]) -> None:
        """All parameters that have taken equally many steps are updated at once."""
        calls: dict[int, list[tuple]] = {}
        for p, g, state in members:
            state["step"] = state.get("step", 0) + 1
            averages = remembered(state, "exp_avg", p), remembered(state, "exp_avg_sq", p)
            calls.setdefault(state["step"], []).append((p, g, *averages))
        options = {name: group[name] for name in ("lr", "eps", "weight_decay")}
        options["beta1"], options["beta2"] = group["betas"]
        for step, arrays in calls.items():
            ops.AdamUpdate.run_each(arrays, **options, step=step, decoupled=self.decoupled)


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
