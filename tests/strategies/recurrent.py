"""Recurrent layers over batches of sequences."""

from .maker import Maker, of


def sequences(make: Maker, gates: int, states: int) -> tuple:
    batch, length = make.choose(0, 1, 2, 3), make.choose(1, 2, 4)
    features, hidden = make.choose(1, 2, 3), make.choose(1, 2, 3)
    x = make.normal((batch, length, features))
    start = [make.choose(None, *[make.normal((batch, hidden))] * 2) for _ in range(states)]
    rows = gates * hidden
    weights = make.normal((rows, features)), make.normal((rows, hidden))
    biases = make.choose((), (make.normal((rows,)), make.normal((rows,))))
    options = {"reverse": make.choose(False, True)}
    if make.choose(False, True):
        lengths = make.rng.integers(1, length + 1, size=batch)
        return (x, *start, *weights, *(biases or (None, None)), lengths), options
    return (x, *start, *weights, *biases), options


@of("rnn")
def rnn(make: Maker) -> tuple:
    return sequences(make, 1, 1)


@of("lstm")
def lstm(make: Maker) -> tuple:
    return sequences(make, 4, 2)


@of("gru")
def gru(make: Maker) -> tuple:
    return sequences(make, 3, 1)
