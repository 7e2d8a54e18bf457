"""What the exercises of lesson 25 are held against, the mistakes they know, and their hints."""

import linecache
import re
from pathlib import Path
from timeit import repeat

import numpy as np
from hypothesis import strategies as st
from numba.core.errors import NumbaError

from lessons.course.calling import Wrong
from lessons.course.exercise import Function

seeds = st.integers(0, 10_000)


NOT_FILLED = -7.25


def filled(kernel):
    """The function of x that returns what a kernel of (x, y) fills y with."""

    def call(x):
        y = np.full_like(x, NOT_FILLED)
        try:
            answer = kernel(x, y)
        except NumbaError as error:
            raise Wrong("compile", not_compiled(error, kernel)) from None
        except ZeroDivisionError:
            raise Wrong("zero-total", ZERO_TOTAL) from None
        if answer is not None:
            raise Wrong("type", "The kernel should fill y and return nothing, but it returns.")
        if (y == NOT_FILLED).all():
            raise Wrong("not-filled", NOTHING_FILLED)
        return y

    return call


ZERO_TOTAL = (
    "A row's total is 0, and nothing can be divided by it: all its exponentials came out as 0. "
    "What you subtract was far above that row. It should be the row's own largest number: does "
    "the search begin anew for each row, and below all numbers, at -np.inf?"
)
NOTHING_FILLED = (
    "y holds what it held before: nothing was written into it. `y = …` gives the name y to another "
    "array, which the caller never sees; `y[i, j] = …` fills the one that was given."
)


def not_compiled(error, kernel):
    """Numba's pages in two sentences: the line that it means, and what to do."""
    report, code = str(error), kernel.py_func.__code__
    if name := re.search(r"name '\w+' is not defined", report):
        return f"Numba cannot compile it: {name[0]}."
    numbers = re.findall(rf"{re.escape(Path(code.co_filename).name)}\W+line (\d+)", report)
    number = int(numbers[-1]) if numbers else code.co_firstlineno
    line = linecache.getline(code.co_filename, number).strip()
    return (
        f"Numba cannot compile line {number}: {line}\n"
        "It knows numbers, arrays, loops and `math`, and only some forms of NumPy's functions "
        "(no keepdims, no axis for max): write loops over single numbers instead."
    )


def right_softmax(x):
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def rows_case(seed, n, d, scale):
    rng = np.random.default_rng(seed)
    return (scale * rng.normal(size=(n, d)) + 2 * scale * rng.normal(size=(n, 1)),)


def uneven_rows(rng):
    """Rows far below 0, around it, and far above, such as overflow exp or underflow it."""
    return (rng.normal(size=(5, 7)) + np.array([[0.0], [-2000.0], [1.0], [2000.0], [-1.0]]),)


softmax_rows = Function(
    name="softmax_rows",
    right=right_softmax,
    use=filled,
    names=("x",),
    example=uneven_rows,
    cases=st.builds(
        rows_case, seeds, st.integers(1, 4), st.integers(1, 5), st.sampled_from([0.1, 3, 1000])
    ),
    hints=(
        "For each row: find its largest number, then fill in the exponentials, then scale them.",
        "Write it as for a small machine: `for j in range(x.shape[1])`, one number at a time.",
        "Begin each row with top = -np.inf and total = 0.0. The total can grow in the loop that "
        "fills in the exponentials.",
        "y[i, j] = math.exp(x[i, j] - top) in the second loop, y[i, j] /= total in the third.",
    ),
)


@softmax_rows.mistake(
    "The largest number of the row is not subtracted: exp(2000) is infinity, and infinity over "
    "infinity is NaN."
)
def without_top(x, y):
    powers = np.exp(x)
    y[:] = powers / powers.sum(axis=1, keepdims=True)


@softmax_rows.mistake(
    "One largest number for all rows: rows far below it become exp(−4000) = 0, and 0/0 is NaN. "
    "Each row has its own."
)
def one_top(x, y):
    powers = np.exp(x - x.max())
    y[:] = powers / powers.sum(axis=1, keepdims=True)


@softmax_rows.mistake(
    "The search for the largest number begins at 0, so a row that lies below 0 has the top 0: "
    "exp(−2000) = 0 everywhere, and 0/0 is NaN. Begin with -np.inf, or with the first number."
)
def top_from_zero(x, y):
    powers = np.exp(x - np.maximum(x.max(axis=1, keepdims=True), 0))
    y[:] = powers / powers.sum(axis=1, keepdims=True)


@softmax_rows.mistake(
    "The top of the last row is kept for the next one: set it to -np.inf at the start of each row."
)
def top_not_reset(x, y):
    tops = np.maximum.accumulate(x.max(axis=1, keepdims=True))
    powers = np.exp(x - tops)
    y[:] = powers / powers.sum(axis=1, keepdims=True)


@softmax_rows.mistake(
    "The total goes on growing from row to row: set it to 0 at the start of each, inside the loop."
)
def total_not_reset(x, y):
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    y[:] = powers / powers.sum(axis=1, keepdims=True).cumsum(axis=0)


@softmax_rows.mistake("The exponentials are not divided by their sum: no row sums to 1.")
def not_divided(x, y):
    y[:] = np.exp(x - x.max(axis=1, keepdims=True))


@softmax_rows.mistake("The columns sum to 1: softmax runs along each row.")
def columns(x, y):
    powers = np.exp(x - x.max(axis=0, keepdims=True))
    y[:] = powers / powers.sum(axis=0, keepdims=True)


@softmax_rows.mistake(
    "The numbers are divided while the total still grows: the first one by itself alone. All of "
    "the row's exponentials must be added up before the first is divided."
)
def divided_too_early(x, y):
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    y[:] = powers / powers.cumsum(axis=1)


@softmax_rows.mistake(
    "The last number of each row is left out: range(n) already stops before n, so it is "
    "range(x.shape[1]). (What was not filled in is whatever was in memory.)"
)
def last_column_left(x, y):
    powers = np.exp(x[:, :-1] - x[:, :-1].max(axis=1, keepdims=True))
    y[:, :-1] = powers / powers.sum(axis=1, keepdims=True)


def shortest(work, rounds=9):
    """Seconds of the fastest of several runs."""
    return min(repeat(work, number=1, repeat=rounds))


@softmax_rows.swap
def faster_than_python(softmax_rows):
    if not hasattr(softmax_rows, "py_func"):
        raise Wrong("type", "It is right, but Python runs it: put @njit back in the line above.")
    x = np.random.default_rng(0).normal(size=(256, 257))
    y = np.empty_like(x)
    ratio = shortest(lambda: softmax_rows.py_func(x, y), 2) / shortest(lambda: softmax_rows(x, y))
    assert ratio > 3, f"Compiled, it is only {ratio:.1f} times as fast as the same loops in Python."
    return f"Compiled, it is {ratio:.0f} times as fast as the same loops in Python."


def all_at_once(scores, values):
    """What a query keeps of all keys that it has seen."""
    top = np.max(scores)
    powers = np.exp(scores - top)
    return top, powers.sum(), (powers[:, None] * values).sum(axis=0)


def right_step(top, total, output, scores, values):
    new_top, new_total, new_output = all_at_once(scores, values)
    both = max(top, new_top)
    old, new = np.exp(top - both), np.exp(new_top - both)
    return both, old * total + new * new_total, old * output + new * new_output


def step_case(seed, seen, count, width, first, scale):
    rng = np.random.default_rng(seed)
    scores, values = scale * rng.normal(size=count), rng.normal(size=(count, width))
    if first:
        return -np.inf, 0.0, np.zeros(width), scores, values
    top, total, output = all_at_once(scale * rng.normal(size=seen), rng.normal(size=(seen, width)))
    return float(top), float(total), output, scores, values


def step_example(rng):
    """A block with a larger score than before, or one without."""
    before = step_case(rng.integers(999), 5, 3, 7, False, 1.0)[:3]
    rise = rng.choice([-1.5, 1.5])
    return *before, before[0] + rise + rng.uniform(-1, 1, size=3), rng.normal(size=(3, 7))


online_softmax = Function(
    name="online_softmax",
    right=right_step,
    example=step_example,
    cases=st.builds(
        step_case,
        seeds,
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(1, 3),
        st.booleans(),
        st.sampled_from([0.1, 2, 1000]),
    ),
    hints=(
        "The new top is the larger one of the old top and the block's largest score.",
        "Σ exp(score − old top) should become Σ exp(score − new top). By which factor?",
        "exp(score − new top) = exp(score − old top) · exp(old top − new top).",
        "Both old sums times that factor, plus the block's: weights.sum() and weights @ values.",
    ),
)


def block_weights(top, scores):
    both = max(top, scores.max())
    return both, np.exp(top - both), np.exp(scores - both)


@online_softmax.mistake(
    "The old sums are not scaled: they were taken with the old top, and count too much once a "
    "larger score comes. Both times exp(old top − new top)."
)
def never_scaled(top, total, output, scores, values):
    both, _, weights = block_weights(top, scores)
    return both, total + weights.sum(), output + weights @ values


@online_softmax.mistake("The total is scaled to the new top, but the output is not.")
def output_not_scaled(top, total, output, scores, values):
    both, shrink, weights = block_weights(top, scores)
    return both, shrink * total + weights.sum(), output + weights @ values


@online_softmax.mistake("The output is scaled to the new top, but the total is not.")
def total_not_scaled(top, total, output, scores, values):
    both, shrink, weights = block_weights(top, scores)
    return both, total + weights.sum(), shrink * output + weights @ values


@online_softmax.mistake(
    "The factor is upside down: exp(new top − old top) blows the old sums up. They shrink: a "
    "larger top makes all weights smaller."
)
def upside_down(top, total, output, scores, values):
    both, shrink, weights = block_weights(top, scores)
    return both, total / shrink + weights.sum(), output / shrink + weights @ values


@online_softmax.mistake(
    "The new top is the block's own largest score, even where an earlier one was larger: then "
    "the old sums are blown up, and may overflow. Take the larger of the two."
)
def top_of_the_block(top, total, output, scores, values):
    both = scores.max()
    shrink, weights = np.exp(top - both), np.exp(scores - both)
    return both, shrink * total + weights.sum(), shrink * output + weights @ values


@online_softmax.mistake(
    "The block's weights are taken with its own top, not with the new one that all share."
)
def weights_by_their_own_top(top, total, output, scores, values):
    both, shrink, _ = block_weights(top, scores)
    weights = np.exp(scores - scores.max())
    return both, shrink * total + weights.sum(), shrink * output + weights @ values


@online_softmax.mistake("The weights are taken with the old top; scores above it may overflow exp.")
def weights_by_the_old_top(top, total, output, scores, values):
    both, shrink, _ = block_weights(top, scores)
    weights = np.exp(scores - top)
    return both, shrink * total + weights.sum(), shrink * output + weights @ values


@online_softmax.mistake(
    "The output is divided by the total already. The next block adds to it, so it stays a sum: "
    "the division comes once, after the last block."
)
def divided_in_the_loop(top, total, output, scores, values):
    both, new_total, new_output = right_step(top, total, output, scores, values)
    return both, new_total, new_output / new_total


@online_softmax.mistake(
    "The block's weights are made to sum to 1 before they are added to the output. It stays a sum "
    "over all keys: the division by the total comes once, after the last block."
)
def weights_divided(top, total, output, scores, values):
    both, shrink, weights = block_weights(top, scores)
    mean = weights @ values / weights.sum()
    return both, shrink * total + weights.sum(), shrink * output + mean


@online_softmax.mistake("What was kept of earlier blocks is lost: this is the block alone.")
def the_block_alone(top, total, output, scores, values):
    return all_at_once(scores, values)


@online_softmax.swap
def attention_in_blocks(online_softmax):
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=shape) for shape in ((11, 5), (64, 5), (64, 7)))
    scores, worst = 3 * q @ k.T, 0.0
    for query in range(11):
        kept = -np.inf, 0.0, np.zeros(7)
        for start in range(0, 64, 16):
            keys = slice(start, start + 16)
            kept = online_softmax(*kept, scores[query, keys], v[keys])
        expected = right_softmax(scores[[query]])[0] @ v
        worst = max(worst, np.abs(kept[2] / kept[1] - expected).max())
    assert worst < 1e-9, f"Attention in blocks of 16 keys is {worst:.2g} off attention at once."
    return f"Attention in blocks of 16 keys is {worst:.1g} off attention at once."


def within(block):
    """A multiplier that takes tiles of at most block × block numbers."""

    def multiply(left, right):
        if max(*left.shape, *right.shape) > block:
            raise Wrong(
                "too-large",
                f"`multiply` was given {left.shape} by {right.shape}, but a tile has at most "
                f"{block} rows and {block} columns here: more would not fit. Cut all three "
                "lengths, M, N and K.",
            )
        if left.shape[1] != right.shape[0]:
            raise Wrong(
                "shape",
                f"`multiply` was given {left.shape} by {right.shape}, which do not fit: the "
                "columns of a's tile and the rows of b's are one and the same stretch of K.",
            )
        return np.einsum("ik,kj->ij", left, right)

    return multiply


def product_case(seed, m, k, n, block):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, k)), rng.normal(size=(k, n)), block, within(block)


sizes = st.integers(1, 6)

blocked_matmul = Function(
    name="blocked_matmul",
    right=lambda a, b, block, multiply: np.einsum("ik,kj->ij", a, b),
    example=lambda rng: product_case(rng.integers(999), 5, 13, 7, 3),
    cases=st.builds(product_case, seeds, sizes, sizes, sizes, st.integers(1, 4)),
    hints=(
        "Three loops over the first rows and columns of tiles: range(0, a.shape[0], block), …",
        "a[i : i + block, k : k + block] is a tile of a; a slice past the end is cut by itself.",
        "Which tile of b has the rows that are the columns of that tile of a?",
        "A tile of c is a sum over k: begin with zeros, and add each product of tiles to it.",
    ),
)


@blocked_matmul.mistake(
    "Each product of tiles replaces the one before: c[I, J] is their sum over K, so add with +=."
)
def replaced(a, b, block, multiply):
    last = (a.shape[1] - 1) // block * block
    return a[:, last:] @ b[last:]


@blocked_matmul.mistake(
    "Only the first stretch of K counts: a tile of c is a sum over all tiles along K, which "
    "takes a third loop."
)
def first_stretch_only(a, b, block, multiply):
    return a[:, :block] @ b[:block]


@blocked_matmul.mistake(
    "The last, shorter stretches are left out: range(0, n, block) reaches them, n // block "
    "stretches do not."
)
def whole_tiles_only(a, b, block, multiply):
    m, k, n = (size // block * block for size in (*a.shape, b.shape[1]))
    c = np.zeros((a.shape[0], b.shape[1]))
    c[:m, :n] = a[:m, :k] @ b[:k, :n]
    return c


@blocked_matmul.mistake(
    "The last, shorter stretch of K is left out of the sums: range(0, n, block) reaches it, "
    "n // block stretches do not."
)
def whole_stretches_of_k(a, b, block, multiply):
    k = a.shape[1] // block * block
    return a[:, :k] @ b[:k]


@blocked_matmul.mistake(
    "The loop along K ends at the number of a's rows, M: K is the length that a and b share, "
    "a.shape[1]."
)
def k_ends_at_m(a, b, block, multiply):
    k = -(-a.shape[0] // block) * block
    return a[:, :k] @ b[:k]


@blocked_matmul.mistake(
    "The loop along K ends at the number of b's columns, N: K is the length that a and b share, "
    "a.shape[1]."
)
def k_ends_at_n(a, b, block, multiply):
    k = -(-b.shape[1] // block) * block
    return a[:, :k] @ b[:k]


@blocked_matmul.mistake(
    "The tiles along K are counted with a step of 1, so stretches overlap and numbers are added "
    "several times: range(0, K, block)."
)
def overlapping(a, b, block, multiply):
    return sum(a[:, k : k + block] @ b[k : k + block] for k in range(a.shape[1]))


@blocked_matmul.swap
def less_traffic(blocked_matmul):
    rng = np.random.default_rng(0)
    a, b, moved = rng.normal(size=(24, 24)), rng.normal(size=(24, 24)), {}
    for block in (1, 8):
        fits, numbers = within(block), []

        def multiply(left, right, fits=fits, numbers=numbers):
            numbers.append(left.size + right.size)
            return fits(left, right)

        blocked_matmul(a, b, block, multiply)
        moved[block] = sum(numbers)
    assert moved[8] > 0, "The product is right, but it was not computed by `multiply`."
    assert moved[8] * 8 == moved[1], (
        f"With tiles of 8 it should load an eighth of the {moved[1]} numbers that single ones "
        f"take, but it loads {moved[8]}."
    )
    return f"Tiles of 8 × 8 load {moved[8]} numbers where single ones load {moved[1]}."


def as_function(roofline):
    def answers(m, k, n, intensity, peak_gflops, peak_gbs):
        machine = roofline(peak_gflops, peak_gbs)
        return {
            "intensity": machine.intensity(m, k, n),
            "attainable": machine.attainable(intensity),
        }

    return answers


def right_roofline(m, k, n, intensity, peak_gflops, peak_gbs):
    moved = 4 * sum([m * k, k * n, m * n])
    ridge = peak_gflops / peak_gbs
    reached = peak_gflops if intensity > ridge else peak_gbs * intensity
    return {"intensity": (m * n) * (k + k) / moved, "attainable": reached}


def machine_case(rng):
    """On either side of the ridge."""
    gflops, gbs = rng.uniform(50, 200), rng.uniform(5, 20)
    share = rng.uniform(*rng.choice([[0.1, 0.8], [1.5, 4]]))
    m, k, n = rng.permutation([7, 11, 13])
    return int(m), int(k), int(n), share * gflops / gbs, gflops, gbs


numbers = st.integers(1, 9)
rates = st.floats(0.5, 500)

Roofline = Function(
    name="Roofline",
    right=right_roofline,
    use=as_function,
    example=machine_case,
    cases=st.tuples(numbers, numbers, numbers, rates, rates, rates),
    hints=(
        "How many numbers has the result? How many multiplications and additions is each worth?",
        "The three matrices have m·k, k·n and m·n numbers, of 4 bytes.",
        "A memory of 10 GB/s, and half an operation for each byte: how many operations a second?",
        "attainable is the smaller of the two roofs: min of the peak and what memory feeds.",
    ),
)


def changed(intensity=None, attainable=None):
    """A Roofline with another formula for one of its answers."""

    class Changed:
        def __init__(self, peak_gflops, peak_gbs):
            self.gflops, self.gbs = peak_gflops, peak_gbs

        def intensity(self, m, k, n):
            if intensity:
                return intensity(m, k, n)
            return 2 * m * k * n / (4 * (m * k + k * n + m * n))

        def attainable(self, per_byte):
            formula = attainable or (lambda per_byte, gflops, gbs: min(gflops, per_byte * gbs))
            return formula(per_byte, self.gflops, self.gbs)

    return Changed


def known(message, name, **formulas):
    wrong = changed(**formulas)
    wrong.__name__ = name
    Roofline.mistake(message)(wrong)


known(
    "This is half of it. Each of the k steps of a number is a multiplication and an addition, two "
    "operations; and a float32 takes 4 bytes, not 8.",
    "half",
    intensity=lambda m, k, n: m * k * n / (4 * (m * k + k * n + m * n)),
)
known(
    "This is operations a number, not a byte: a float32 takes 4 bytes.",
    "per_number",
    intensity=lambda m, k, n: 2 * m * k * n / (m * k + k * n + m * n),
)
known(
    "The result is not counted: it goes to memory too, m·n numbers.",
    "result_left_out",
    intensity=lambda m, k, n: 2 * m * k * n / (4 * (m * k + k * n)),
)
known(
    "It is upside down: this is bytes an operation.",
    "upside_down",
    intensity=lambda m, k, n: 4 * (m * k + k * n + m * n) / (2 * m * k * n),
)
known(
    "The higher of the two roofs came back: both hold, so the lower one counts.",
    "higher_roof",
    attainable=lambda per_byte, gflops, gbs: max(gflops, per_byte * gbs),
)
known(
    "The peak is missing: no intensity makes more operations than the machine can do.",
    "without_peak",
    attainable=lambda per_byte, gflops, gbs: per_byte * gbs,
)
known(
    "The memory is missing: with few operations a byte, the numbers do not come fast enough.",
    "without_memory",
    attainable=lambda per_byte, gflops, gbs: gflops,
)
known(
    "Bytes a second are divided by operations a byte: multiply, and the bytes cancel.",
    "divided",
    attainable=lambda per_byte, gflops, gbs: min(gflops, gbs / per_byte),
)


@Roofline.swap
def of_this_machine(Roofline):
    a, b, c = (np.ones((512, 512), np.float32) for _ in range(3))
    machine = Roofline(2 * 512**3 / shortest(lambda: np.matmul(a, b, out=c)) / 1e9, 10.0)
    wide, thin = (machine.attainable(machine.intensity(512, k, 512)) for k in (512, 1))
    assert wide > thin, (
        f"A product of depth 512 may reach {wide:.3g} GFLOP/s, of depth 1 {thin:.3g}"
    )
    return (
        f"With 10 GB/s, this machine's products of depth 512 may reach {wide:.0f} GFLOP/s, "
        f"those of depth 1 {thin:.1f}."
    )
