"""The optimisers' updates."""

from .maker import Maker, of


@of("sgd_update")
def sgd(make: Maker) -> tuple:
    p, g, velocity = (make.normal(shape) for shape in [make.shape()] * 3)
    momentum = make.choose(0.0, 0.9)
    options = {"lr": 0.1, "momentum": momentum, "weight_decay": make.choose(0.0, 0.1)}
    options["nesterov"] = momentum > 0 and make.choose(False, True)
    return (p, g, velocity if momentum else None), options


@of("adagrad_update")
def adagrad(make: Maker) -> tuple:
    shape = make.shape()
    options = {"lr": 0.1, "eps": 1e-6, "weight_decay": make.choose(0.0, 0.1)}
    return (make.normal(shape), make.normal(shape), make.positive(shape)), options


@of("rmsprop_update")
def rmsprop(make: Maker) -> tuple:
    (p, g, square), options = adagrad(make)
    momentum = make.choose(0.0, 0.9)
    options |= {"alpha": 0.95, "momentum": momentum}
    return (p, g, square, make.normal(p.shape) if momentum else None), options


@of("adam_update")
def adam(make: Maker) -> tuple:
    (p, g, square), options = adagrad(make)
    options |= {"beta1": 0.9, "beta2": 0.99, "step": make.choose(1, 7)}
    return (p, g, make.normal(p.shape), square), options | {"decoupled": make.choose(False, True)}
