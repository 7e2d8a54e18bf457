# %% [markdown]
# # 25 Kernels
#
# Two ops, written again and again, from Python's loops to what the machine allows. Each version is
# held against the textbook first; then all are timed in turns, and drawn under the machine's roof.

# %%
import math
from concurrent.futures import ThreadPoolExecutor
from timeit import repeat, timeit

import numpy as np
from matplotlib import pyplot as plt
from numba import get_num_threads, njit, prange

import minitransformer as mt
from pictures import save

f32, CORES, rng = np.float32, get_num_threads(), np.random.default_rng(25)
PAUSE = "import time; time.sleep(0.02)"  # threads that have ended their work spin for a while
FAST = {"fastmath": {"contract", "reassoc", "nsz", "nnan"}}

# %% [markdown]
# ## The roofline
#
# A machine has two speeds, operations and bytes a second. What does few operations a byte waits for
# memory: so its best is the lower of two roofs, the peak, and bytes a second × operations a byte.
# Both are measured here: beside other programs they come out too low, and shares of them over 100%.

# %%
x = rng.normal(scale=4, size=(2048, 1024)).astype(f32)
pool, square, y = ThreadPoolExecutor(CORES), x[:1024], np.ones_like(x)
parts = np.array_split(y, CORES), np.array_split(x, CORES)
product = min(repeat(lambda: square @ square, PAUSE, number=1, repeat=50))  # the best of many
copy = min(repeat(lambda: list(pool.map(np.copyto, *parts)), number=1, repeat=50))
GFLOPS, GBS = 2 * 1024**3 / product / 1e9, 2 * x.nbytes / copy / 1e9
peaks = f"{CORES} cores: {GFLOPS:.0f} GFLOP/s (NumPy's product), {GBS:.1f} GB/s (a copy of 8 MB)"
print(f"{peaks}; memory decides below {GFLOPS / GBS:.0f} operations a byte")


def climb(versions, inputs, operations):
    """GFLOP/s of each version, if it is right; Python's loops get four rows of the first input."""
    works, first = {}, inputs[0]
    right = versions["NumPy"](*(each.astype(float) for each in inputs), np.empty(first.shape))
    for name, version in versions.items():
        rows = 4 if name == "Python" else len(first)
        given = first[:rows], *inputs[1:], np.full_like(first[:rows], np.nan)
        works[name] = lambda version=version, given=given: version(*given)
        got = works[name]()  # which also compiles it; kernels return nothing, and fill y
        assert np.abs((given[-1] if got is None else got) - right[:rows]).max() < 1e-5, name
    turns = [{n: timeit(work, PAUSE, number=3) / 3 for n, work in works.items()} for _ in range(7)]
    rates = {name: operations / np.median([t[name] for t in turns]) / 1e9 for name in works}
    rates["Python"] *= 4 / len(first)
    for name, rate in rates.items():
        print(f"{name:22}{rate:10.4f} GFLOP/s {rate / rates['Python']:9.0f} × Python")
    return rates


# %% [markdown]
# ## Softmax
#
# Python looks up the type of every number again. NumPy does so once an array, but goes through
# memory once an operation. Numba compiles the loops; but one with a call in it, `math.exp`, does a
# number at a time. So exp becomes arithmetic: e^x = 2^k · e^f, k = round(x / log 2), |f| ≤ ½ log 2,
# with a short series for e^f. If sums may be reordered too (`reassoc`), 16 numbers go at once.


# %%
def softmax_loops(x, y):
    for i in range(x.shape[0]):
        top, total = x[i].max(), 0.0
        for j in range(x.shape[1]):
            y[i, j] = math.exp(x[i, j] - top)
            total += y[i, j]
        for j in range(x.shape[1]):
            y[i, j] /= total


def softmax_numpy(x, y):
    np.exp(x - x.max(axis=1, keepdims=True), out=y)
    return np.divide(y, y.sum(axis=1, keepdims=True), out=y)


@njit(fastmath={"contract"})
def exp(x):
    x = max(x, f32(-87))  # below that, a float32 loses its bits
    shifted = x * f32(1.44269504) + f32(12582912)  # 1.5 · 2²³ leaves no bits for a fraction
    k = shifted - f32(12582912)
    f = (x - k * f32(0.693359375)) - k * f32(-2.12194440e-4)  # log 2, in two parts
    p = f32(1 / 6) + f * (f32(1 / 24) + f * (f32(1 / 120) + f * f32(1 / 720)))
    p = f32(1) + f * (f32(1) + f * (f32(1 / 2) + f * p))
    return p * np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(f32)


@njit(**FAST)
def exp_of(row, top):
    for j in range(row.size):
        top = max(top, row[j])
    total = f32(0)
    for j in range(row.size):
        row[j] = exp(row[j] - top)
        total += row[j]
    return top, total


def softmax_vectors(x, y):
    for i in prange(len(x)):  # shared among the cores, if compiled with parallel=True
        y[i] = x[i]
        _, total = exp_of(y[i], x[i, 0])
        y[i] *= f32(1) / total


versions = {"the package": lambda x, y: mt.functional.softmax(mt.Tensor(x)).numpy()}
versions |= {"Python": softmax_loops, "NumPy": softmax_numpy, "Numba": njit(softmax_loops)}
versions["Numba, vectors"] = njit(**FAST)(softmax_vectors)
versions["Numba, all cores"] = njit(parallel=True, **FAST)(softmax_vectors)
EXP = 24  # operations: 20 of our exp, which we count for every version, and 4 more
rates = {"softmax": climb(versions, [x], EXP * x.size)}

# %% [markdown]
# ## Attention
#
# One more rung: *blocks* of queries and keys, which stay in the fastest cache. The matrix of all
# weights is never there: a query's sums shrink when a later block brings a larger score.


# %%
def attention_loops(q, k, v, y):  # each (T, 64)
    for i in range(len(q)):
        p = np.zeros(len(k))
        for j in range(len(k)):
            for d in range(q.shape[1]):
                p[j] += q[i, d] * k[j, d] / 8  # √64
        p = np.exp(p - p.max())
        y[i] = 0
        for d in range(v.shape[1]):
            for j in range(len(k)):
                y[i, d] += p[j] * v[j, d]
            y[i, d] /= p.sum()


@njit(**FAST)
def add_product(a, b, c):
    for i in range(len(a)):
        out = c[i]
        for k in range(0, len(b), 4):  # four products for each time that c is loaded and stored
            b0, b1, b2, b3 = b[k], b[k + 1], b[k + 2], b[k + 3]
            a0, a1, a2, a3 = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
            for j in range(out.size):
                out[j] += (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j])


def attention_blocks(q, k, v, y, size):
    for block in prange(len(q) // size):
        mine, out = slice(block * size, (block + 1) * size), np.zeros((size, v.shape[1]), f32)
        tops, totals = np.full(size, f32(-np.inf)), np.zeros(size, f32)
        for start in range(0, len(k), size):
            turned = np.ascontiguousarray(k[start : start + size].T) * f32(1 / 8)
            scores = np.zeros((size, size), f32)
            add_product(q[mine], turned, scores)
            for i in range(size):
                top, total = exp_of(scores[i], tops[i])
                shrink = exp(tops[i] - top)
                tops[i], totals[i] = top, total + shrink * totals[i]
                out[i] *= shrink
            add_product(scores, v[start : start + size], out)
        y[mine] = out / totals.reshape(-1, 1)


q, k, v = (rng.normal(size=(1024, 64)).astype(f32) for _ in range(3))
tensors = [mt.tensor(each) for each in (q, k, v)]
serial, parallel = njit(**FAST)(attention_blocks), njit(parallel=True, **FAST)(attention_blocks)
versions = {"the package": lambda *_: mt.functional.scaled_dot_product_attention(*tensors).numpy()}
versions["NumPy"] = lambda q, k, v, y: np.matmul(softmax_numpy(s := q @ k.T / 8, s), v, out=y)
versions |= {"Python": attention_loops, "Numba": njit(attention_loops)}
versions["Numba, vectors"] = lambda *given: serial(*given, len(q))
versions["Numba, in blocks"] = lambda *given: serial(*given, 64)
versions["Numba, all cores"] = lambda *given: parallel(*given, 64)
rates["attention"] = climb(versions, [q, k, v], work := (4 * 64 + EXP) * len(q) ** 2)

figure, axis = plt.subplots(figsize=(8.5, 5.6))
axis.loglog([0.5, GFLOPS / GBS, 9_000], [0.5 * GBS, GFLOPS, GFLOPS], color="0.4")
for (op, ladder), x in zip(rates.items(), (EXP / 8, work / (4 * q.nbytes)), strict=True):
    label = roof = min(GFLOPS, GBS * x)
    for name, rate in sorted(ladder.items(), key=lambda pair: -pair[1]):
        label = min(rate, label / 1.4)  # so that none lies on the roof or on another
        axis.plot([x, 1.5 * x], [rate, label], ".-", color="tab:blue", markevery=[0], linewidth=0.5)
        axis.text(1.6 * x, label, name, va="center", fontsize="small")
    print(f"{op}: the package is at {ladder['the package'] / roof:.0%} of the roof")
    assert ladder["NumPy"] > 10 * ladder["Python"]
    assert ladder["Numba, vectors"] > ladder["Numba"]
    axis.text(x, min(ladder.values()) / 2, op, ha="center", color="tab:blue")
axis.set(xlabel="operations a byte", ylabel="GFLOP/s", title=peaks, ylim=3e-4)
save(figure, "25/roofline.png")

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 25` checks what you write in `exercises/25_kernels.py`.
