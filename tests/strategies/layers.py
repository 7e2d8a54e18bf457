"""Products, normalisations, attention, embeddings and losses."""

import numpy as np
from hypothesis import strategies as st

from .elementwise import one_smooth
from .maker import SIZES, Maker, of


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


@of("batch_norm")
def batch_norm(make: Maker) -> tuple:
    channels, extra = make.choose(1, 2, 3, 5), make.choose((), (1,), (4,), (3, 2))
    x = make.normal((make.choose(2, 3, 5), channels, *extra))
    parameters = [make.choose(None, make.normal((channels,))) for _ in range(2)]
    return (x, *parameters), {"eps": make.choose(1e-5, 0.1)}


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
