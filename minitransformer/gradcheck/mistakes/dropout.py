"""Wrong backward passes of dropout, the mask of what is kept among its inputs."""

import numpy as np

from .operation import Operation

P = 0.25


def dropout(x, kept):
    return x * kept / (1 - P)


def dropout_backward(dy, x, kept):
    return dy * kept / (1 - P), None


DROPOUT = Operation(
    "dropout",
    dropout,
    dropout_backward,
    lambda rng: (rng.normal(size=(5, 7)), rng.random((5, 7)) >= P),
)


@DROPOUT.mistake("What is kept was divided by 1 − p in the forward pass: so is its gradient.")
def not_rescaled(dy, x, kept):
    return dy * kept, None


@DROPOUT.mistake("What was dropped gets no gradient: multiply dy by the mask.")
def unmasked(dy, x, kept):
    return dy / (1 - P), None


@DROPOUT.mistake("A new mask is drawn; use the one that the forward pass used.")
def redrawn(dy, x, kept):
    return dy * (np.random.default_rng(0).random(x.shape) >= P) / (1 - P), None


@DROPOUT.mistake("The mask is the wrong way round: it marks what is kept.")
def inverted(dy, x, kept):
    return dy * ~kept / (1 - P), None


@DROPOUT.mistake("Dropout is off in the backward pass: dy passes through untouched.")
def switched_off(dy, x, kept):
    return dy.copy(), None


@DROPOUT.mistake("It is divided by p; the rescaling is by what is kept, 1 − p.")
def divided_by_p(dy, x, kept):
    return dy * kept / P, None
