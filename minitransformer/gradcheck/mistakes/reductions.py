"""Wrong backward passes of sum, mean, max and var over an axis."""

import numpy as np

from .operation import Operation


def _matrix(rng):
    return (rng.normal(size=(5, 7)),)


def sum(x):
    return x.sum(axis=1)


def sum_backward(dy, x):
    return np.broadcast_to(dy[:, None], x.shape).copy()


SUM = Operation("sum", sum, sum_backward, _matrix)


@SUM.mistake("dy must be spread over the axis that was summed: shape (N, 1), then broadcast.")
def not_spread(dy, x):
    return dy[:, None]


@SUM.mistake("A sum passes dy on whole to each input; only a mean shares it out.")
def shared_out(dy, x):
    return np.broadcast_to(dy[:, None], x.shape) / x.shape[1]


@SUM.mistake("A sum passes on dy, not ones: ones are right only where nothing comes after.")
def ones(dy, x):
    return np.ones_like(x)


@SUM.mistake("Each input of a sum counts once: x itself does not enter its gradient.")
def times_input(dy, x):
    return dy[:, None] * x


def mean(x):
    return x.mean(axis=1)


def mean_backward(dy, x):
    return np.broadcast_to(dy[:, None] / x.shape[1], x.shape).copy()


MEAN = Operation("mean", mean, mean_backward, _matrix)


@MEAN.mistake("A mean is a sum divided by N: divide the gradient by the length of the axis.")
def not_divided(dy, x):
    return np.broadcast_to(dy[:, None], x.shape).copy()


@MEAN.mistake("Divide by the length of the axis averaged over, not by the other one's.")
def divided_by_other_axis(dy, x):
    return np.broadcast_to(dy[:, None] / x.shape[0], x.shape).copy()


@MEAN.mistake("Divide by the length of the axis averaged over, not by the size of the array.")
def divided_by_size(dy, x):
    return np.broadcast_to(dy[:, None] / x.size, x.shape).copy()


@MEAN.mistake("1/N is right where dy is 1; multiply by dy.")
def without_upstream(dy, x):
    return np.full_like(x, 1 / x.shape[1])


def max(x):
    return x.max(axis=1)


def max_backward(dy, x):
    return _winners(x) * dy[:, None]


def _winners(x, axis=1):
    """The largest entries, which share the gradient where several are equal."""
    ties = x == x.max(axis=axis, keepdims=True)
    return ties / ties.sum(axis=axis, keepdims=True)


MAX = Operation("max", max, max_backward, _matrix)


@MAX.mistake("Only the largest entry of each row reached the output; the others get zero.")
def everyone(dy, x):
    return np.broadcast_to(dy[:, None], x.shape).copy()


@MAX.mistake("The mask is that of the largest of the whole array; each row has its own.")
def only_global(dy, x):
    return (x == x.max()) * dy[:, None]


@MAX.mistake("The mask is over the wrong axis: the maximum was taken along axis 1.")
def other_axis(dy, x):
    return _winners(x, axis=0) * dy[:, None]


@MAX.mistake("The maximum passes dy on; its value does not enter the gradient.")
def times_value(dy, x):
    return _winners(x) * (dy * max(x))[:, None]


@MAX.mistake("The mask marks the smallest entries; the maximum came from the largest.")
def smallest(dy, x):
    return _winners(-x) * dy[:, None]


def var(x):
    return x.var(axis=1, ddof=1)


def var_backward(dy, x):
    centred = x - x.mean(axis=1, keepdims=True)
    return 2 / (x.shape[1] - 1) * centred * dy[:, None]


VAR = Operation("var", var, var_backward, _matrix)


@VAR.mistake("The 2 of the square is missing: d(x²) = 2x dx.")
def without_two(dy, x):
    return var_backward(dy, x) / 2


@VAR.mistake("The forward pass divides by N − 1 (correction=1), this gradient by N.")
def biased(dy, x):
    return var_backward(dy, x) * (x.shape[1] - 1) / x.shape[1]


@VAR.mistake("The mean was not subtracted: a variance is of the distances from the mean.")
def not_centred(dy, x):
    return 2 / (x.shape[1] - 1) * x * dy[:, None]


@VAR.mistake("The mean is missing: divide by N − 1, as the forward pass does.")
def not_divided_at_all(dy, x):
    return var_backward(dy, x) * (x.shape[1] - 1)
