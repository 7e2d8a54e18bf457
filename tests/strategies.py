"""What to feed each op: Hypothesis strategies, keyed by the op's name in `function.OPS`.

`examples(name, dtype)` draws `(inputs, options)`: arrays of several layouts (contiguous,
Fortran, strided, reversed), shapes that broadcast, axes of size 1 and batches of size 0.
Values keep away from kinks and poles, so that a finite difference may be taken anywhere.
"""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

STRATEGIES: dict[str, Callable] = {}
SIZES = st.sampled_from([1, 2, 3, 4, 5])
BATCH_SIZES = st.sampled_from([1, 2, 3, 2, 3, 0])
LAYOUTS = st.sampled_from(["C", "C", "C", "fortran", "strided", "reversed"])


def examples(name: str, dtype: str = "float64") -> st.SearchStrategy:
    """Inputs and options for the op called `name`."""
    return st.builds(Maker, st.data(), st.just(dtype)).map(STRATEGIES[name])


def of(*names: str) -> Callable:
    """Register a function of a Maker as the strategy of these ops."""

    def register(build: Callable) -> Callable:
        for name in names:
            assert name not in STRATEGIES, name
            STRATEGIES[name] = build
        return build

    return register


class Maker:
    """Draws shapes and choices through Hypothesis, and fills arrays from a drawn seed."""

    def __init__(self, data: st.DataObject, dtype: str) -> None:
        self.data = data
        self.dtype = np.dtype(dtype)
        self.rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))

    def draw(self, strategy: st.SearchStrategy) -> object:
        return self.data.draw(strategy)

    def choose(self, *values: object) -> object:
        return self.draw(st.sampled_from(values))

    def shape(self, least: int = 0, most: int = 3) -> tuple[int, ...]:
        """Axes that are never empty."""
        return tuple(self.draw(st.lists(SIZES, min_size=least, max_size=most)))

    def batch(self, most: int = 2) -> tuple[int, ...]:
        """Leading axes, one of which may be empty."""
        return tuple(self.draw(st.lists(BATCH_SIZES, max_size=most)))

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.laid_out(self.rng.standard_normal(shape))

    def positive(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.laid_out(self.rng.uniform(0.3, 2.5, shape))

    def nonzero(self, shape: tuple[int, ...]) -> np.ndarray:
        """Both signs, at least 0.2 from zero."""
        return self.laid_out(self.rng.choice([-1, 1], shape) * self.rng.uniform(0.2, 2, shape))

    def distinct(self, shape: tuple[int, ...], offset: float = 0.0) -> np.ndarray:
        """Values at least 0.1 apart, from each other and from those of another offset."""
        size = int(np.prod(shape))
        values = self.rng.permutation(size) * 0.3 + self.rng.uniform(0, 0.05, size)
        return self.laid_out((values - 0.15 * size + offset).reshape(shape))

    def laid_out(self, values: np.ndarray) -> np.ndarray:
        """The same values in memory of another order."""
        x = np.asarray(values, dtype=self.dtype)
        layout = self.draw(LAYOUTS) if x.ndim else "C"
        if layout == "fortran":
            return np.asfortranarray(x)
        if layout == "strided":
            every = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, self.dtype)
            every[..., ::2] = x
            return every[..., ::2]
        return x[::-1].copy()[::-1] if layout == "reversed" else x

    def broadcast_pair(self, least: int = 0) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Two shapes that broadcast: axes of size 1, axes left out, a batch of size 0."""
        full = (*self.batch(1), *self.shape(least, 2))
        return self.thinner(full), self.thinner(full)

    def thinner(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts to this one, often this one itself."""
        if self.draw(st.booleans()):
            return shape
        ones = tuple(n if self.draw(st.booleans()) else 1 for n in shape)
        return ones[self.draw(st.integers(0, len(shape))) :]

    def axis(self, ndim: int, several: bool = False) -> int | tuple[int, ...] | None:
        if ndim == 0:
            return None
        one = st.integers(-ndim, ndim - 1)
        if not several:
            return self.draw(one)
        some = st.lists(one, unique_by=lambda i: i % ndim, max_size=ndim).map(tuple)
        return self.draw(st.one_of(st.none(), one, some))


@of("add", "sub", "mul")
def two_arrays(make: Maker) -> tuple:
    a, b = make.broadcast_pair()
    scalar = make.choose(None, None, 2, -1.5)
    return (make.normal(a), make.normal(b) if scalar is None else scalar), {}


@of("div")
def quotient(make: Maker) -> tuple:
    a, b = make.broadcast_pair()
    return (make.normal(a), make.nonzero(b)), {}


@of("pow")
def power(make: Maker) -> tuple:
    a, b = make.broadcast_pair()
    kind = make.choose("arrays", "integer exponent", "real exponent", "number base")
    inputs = {
        "arrays": (make.positive(a), make.normal(b)),
        "integer exponent": (make.nonzero(a), make.choose(0, 1, 2, 3, -1)),
        "real exponent": (make.positive(a), make.choose(0.5, -1.5)),
        "number base": (2.0, make.normal(b)),
    }
    return inputs[kind], {}


@of("maximum", "minimum")
def two_apart(make: Maker) -> tuple:
    a, b = make.broadcast_pair()
    return (make.distinct(a), make.distinct(b, offset=0.15)), {}


@of("where")
def choice(make: Maker) -> tuple:
    a, b = make.broadcast_pair()
    condition = np.asarray(make.rng.random(make.choose(a, b)) < 0.5)
    return (condition, make.normal(a), make.choose(make.normal(b), -1e9)), {}


@of("neg", "exp", "sin", "cos", "sigmoid", "tanh", "silu")
def one_smooth(make: Maker) -> tuple:
    return (make.normal((*make.batch(1), *make.shape())),), {}


@of("log", "sqrt")
def one_positive(make: Maker) -> tuple:
    return (make.positive((*make.batch(1), *make.shape())),), {}


@of("abs", "relu")
def one_nonzero(make: Maker) -> tuple:
    return (make.nonzero((*make.batch(1), *make.shape())),), {}


@of("leaky_relu")
def leaky(make: Maker) -> tuple:
    return one_nonzero(make)[0], {"negative_slope": make.choose(0.01, 0.3)}


@of("gelu")
def gelu(make: Maker) -> tuple:
    return one_smooth(make)[0], {"approximate": make.choose("none", "tanh")}


@of("clip")
def bounds(make: Maker) -> tuple:
    x = make.nonzero(make.shape())
    x[np.abs(np.abs(x) - 0.7) < 0.05] = 0.5
    low, high = make.choose((-0.7, 0.7), (-0.7, None), (None, 0.7))
    return (x,), {"low": low, "high": high}


def along(make: Maker, x: np.ndarray) -> tuple:
    return (x,), {"axis": make.axis(x.ndim, several=True), "keepdims": make.choose(False, True)}


@of("sum")
def summed(make: Maker) -> tuple:
    return along(make, make.normal((*make.batch(1), *make.shape())))


@of("mean")
def averaged(make: Maker) -> tuple:
    return along(make, make.normal(make.shape()))


@of("max", "min")
def extreme(make: Maker) -> tuple:
    return along(make, make.distinct(make.shape()))


@of("var")
def spread_out(make: Maker) -> tuple:
    (x,), options = averaged(make)
    axes = range(x.ndim) if options["axis"] is None else np.atleast_1d(options["axis"]).astype(int)
    n = int(np.prod([x.shape[i] for i in axes]))
    return (x,), {**options, "correction": make.choose(0, 1) if n > 1 else 0}


@of("reshape")
def reshaped(make: Maker) -> tuple:
    x = make.normal(make.shape(1))
    return (x,), {"shape": make.choose((-1,), x.shape[::-1], (1, *x.shape), (x.size, 1))}


@of("permute")
def permuted(make: Maker) -> tuple:
    x = make.normal((*make.batch(1), *make.shape()))
    axes = make.draw(st.permutations(range(x.ndim)))
    return (x,), {"axes": tuple(i - x.ndim if make.choose(False, True) else i for i in axes)}


@of("getitem")
def indexed(make: Maker) -> tuple:
    x = make.normal((3, 4, 5))
    twice = np.array([[0, 2], [2, 2]])
    indices = (
        *(1, -1, slice(None, None, 2), slice(3, 0, -1), ..., None, (slice(None), None, 2)),
        *(twice, (slice(None), twice), (twice, slice(1, 3), twice), (..., np.array([0, 0, 4]))),
        *(make.rng.random((3, 4)) < 0.5, (0, make.rng.random(4) < 0.5), np.int64(2), slice(0, 0)),
    )
    return (x,), {"index": indices[make.draw(st.integers(0, len(indices) - 1))]}


@of("concatenate")
def end_to_end(make: Maker) -> tuple:
    shape = make.shape(1)
    axis = make.axis(len(shape))
    shapes = [list(shape) for _ in range(make.choose(1, 2, 3))]
    for other in shapes:
        other[axis] = make.draw(SIZES)
    return tuple(make.normal(tuple(s)) for s in shapes), {"axis": axis}


@of("stack")
def stacked(make: Maker) -> tuple:
    shape = make.shape()
    xs = tuple(make.normal(shape) for _ in range(make.choose(1, 2, 3)))
    return xs, {"axis": make.axis(len(shape) + 1)}


@of("pad")
def padded(make: Maker) -> tuple:
    x = make.normal(make.shape())
    width = tuple((make.choose(0, 1, 2), make.choose(0, 3)) for _ in x.shape)
    return (x,), {"pad_width": width, "value": make.choose(0.0, -2.5)}


@of("broadcast_to")
def repeated(make: Maker) -> tuple:
    shape = (*make.batch(1), *make.shape(1))
    return (make.normal(make.thinner(shape)),), {"shape": shape}


@of("tril")
def triangle(make: Maker) -> tuple:
    return (make.normal((*make.batch(), *make.shape(2, 2))),), {"k": make.choose(0, -1, 1)}


@of("to")
def converted(make: Maker) -> tuple:
    return (make.normal(make.shape()),), {"device": make.choose(None, "cpu"), "dtype": make.dtype}


@of("matmul")
def product(make: Maker) -> tuple:
    m, k, n = make.draw(SIZES), make.draw(SIZES), make.draw(SIZES)
    left, right = make.broadcast_pair(least=1)
    a = make.choose((*left, m, k), (*left, m, k), (k,))
    b = make.choose((*right, k, n), (*right, k, n), (k,))
    return (make.normal(a), make.normal(b)), {}


@of("linear")
def layer(make: Maker) -> tuple:
    inside, outside = make.draw(SIZES), make.draw(SIZES)
    x, weight = make.normal((*make.batch(), inside)), make.normal((outside, inside))
    bias = make.choose((), (None,), (make.normal((outside,)),))
    return (x, weight, *bias), {}


@of("einsum")
def contraction(make: Maker) -> tuple:
    subscripts = make.choose(
        *("ij,jk->ik", "bij,bjk->bki", "i,i->", "ij->ji", "ij->i", "ij,ij->j", "i,j->ij"),
        *("bthd,bshd->bhts", "ij,jk,kl->il", "ij,k->k", " ij , kj -> ik "),
    )
    terms = subscripts.replace(" ", "").partition("->")[0].split(",")
    sizes = {letter: make.draw(SIZES) for term in terms for letter in term}
    xs = [make.normal(tuple(sizes[letter] for letter in term)) for term in terms]
    return tuple(xs), {"subscripts": subscripts}


@of("softmax", "log_softmax")
def rows(make: Maker) -> tuple:
    x = make.normal((*make.batch(1), *make.shape(1)))
    return (x,), {"axis": make.axis(x.ndim) if x.size else -1}


@of("layer_norm")
def layer_norm(make: Maker) -> tuple:
    shape = (make.choose(2, 3, 5), *make.shape(0, 1))
    parameters = [make.choose(None, make.normal(shape)) for _ in range(2)]
    x = make.normal((*make.batch(), *shape))
    return (x, *parameters), {"eps": make.choose(1e-5, 0.1), "normalized_ndim": len(shape)}


@of("rms_norm")
def rms_norm(make: Maker) -> tuple:
    (x, weight, _), options = layer_norm(make)
    return (x, weight), options


@of("scaled_dot_product_attention")
def attention(make: Maker) -> tuple:
    batch, (t, s, d, dv) = make.batch(), make.shape(4, 4)
    q, k = make.normal((*batch, t, d)), make.normal((*batch, s, d))
    v = make.normal((*batch, s, dv))
    kind = make.choose("none", "none", "boolean", "added", "absent")
    mask = {
        "boolean": (make.rng.random((*batch[1:], t, s)) < 0.7,),
        "added": (make.normal((t, make.choose(1, s))),),
        "absent": (None,),
    }.get(kind, ())
    options = {"is_causal": make.choose(False, True), "scale": make.choose(None, 0.7)}
    if make.choose(False, False, True):
        options |= {"dropout_p": 0.4, "seed": make.draw(st.integers(0, 2**63 - 1))}
    return (q, k, v, *mask), options


@of("packed_self_attention")
def packed_attention(make: Maker) -> tuple:
    batch, t, heads, d = make.choose(0, 1, 2), *make.shape(3, 3)
    options: dict = {"is_causal": make.choose(False, True)}
    if make.choose(False, False, True):
        options |= {"dropout_p": 0.4, "seed": make.draw(st.integers(0, 2**63 - 1))}
    return (make.normal((batch, t, 3, heads, d)),), options


@of("embedding")
def lookup(make: Maker) -> tuple:
    weight = make.normal((make.draw(SIZES), make.draw(SIZES)))
    indices = make.rng.integers(len(weight), size=make.batch())
    return (weight, np.asarray(indices, make.choose("int64", "int32"))), {}


@of("dropout")
def dropped(make: Maker) -> tuple:
    seed = make.draw(st.integers(0, 2**63 - 1))
    return one_smooth(make)[0], {"p": make.choose(0.0, 0.3, 0.9, 1.0), "seed": seed}


@of("mse_loss")
def two_alike(make: Maker) -> tuple:
    shape = make.shape()
    options = {"reduction": make.choose("mean", "sum", "none")}
    return (make.normal(shape), make.normal(shape)), options


@of("binary_cross_entropy_with_logits")
def binary(make: Maker) -> tuple:
    (x, target), options = two_alike(make)
    return (x, make.laid_out(1 / (1 + np.exp(-target)))), options


@of("cross_entropy")
def classes(make: Maker) -> tuple:
    extra = make.choose((), (), (3,), (2, 2))
    samples = make.choose((), *[(n, *extra) for n in (1, 2, 5)])
    c = make.choose(1, 2, 4, 7)
    logits = make.normal((*samples[:1], c, *samples[1:]))
    options = {"label_smoothing": make.choose(0.0, 0.0, 0.1)}
    options["reduction"] = make.choose("mean", "sum", "none")
    if make.choose(False, False, True):
        target = np.exp(make.normal(logits.shape))
        return (logits, target / target.sum(axis=1 if samples else 0, keepdims=True)), options
    target = np.asarray(make.rng.integers(c, size=samples))
    if target.size > 1 and make.choose(False, True):
        options["ignore_index"] = make.choose(-100, -1, 0) if c > 1 else -100
        target.flat[:2] = options["ignore_index"], c - 1
    return (logits, target), options


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
