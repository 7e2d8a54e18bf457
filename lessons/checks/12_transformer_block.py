"""What the exercises of lesson 12 are held against, the mistakes they know, and their hints."""

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minitransformer as mt
from lessons.course.exercise import Function, Gradient
from minitransformer import functional as F
from minitransformer import nn


def arrays_of(*shape, largest=5.0):
    return arrays(float, shape, elements=st.floats(-largest, largest))


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


LETTERS, WIDTH, LENGTH = 64, 32, 16


class Reader(nn.Module):
    """Letters and their positions, through `block`: which letter comes next?"""

    def __init__(self, block, positions=None):
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, WIDTH)
        self.block, self.head = block, nn.Linear(WIDTH, LETTERS)
        table = np.zeros((LENGTH, WIDTH)) if positions is None else positions
        self.places = mt.tensor(np.asarray(table, np.float32))

    def forward(self, ids):
        return self.head(self.block(self.embedding(ids) + self.places))


def train(model, targets=lambda ids, following: following, steps=60):
    """The last losses of a model on the standard library's letters."""
    text = np.frombuffer(mt.data.text_corpus()[:100_000].encode("ascii", "replace"), np.uint8)
    tokens = text % LETTERS
    optimizer = mt.optim.Adam(model.parameters(), lr=0.01)
    batches = mt.data.TokenBatches(tokens, batch_size=16, block_size=LENGTH)
    losses = []
    for _ in range(steps):
        ids, following = next(batches)
        due = targets(ids, following)
        loss = F.cross_entropy(model(ids).reshape(-1, LETTERS), due.ravel())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], np.mean(losses[-5:])


def sines(length, d_model, *, base=1e4, cosine=math.cos, power=lambda i, d: 2 * i / d, first=0):
    """The positions, one entry at a time, with parts of the formula changed."""
    columns = []
    for i in range(d_model // 2):
        angles = [(p + first) / base ** power(i, d_model) for p in range(length)]
        columns += [[math.sin(a) for a in angles], [cosine(a) for a in angles]]
    return np.array(columns).T


sinusoidal_positions = Function(
    name="sinusoidal_positions",
    right=sines,
    names=("length", "d_model"),
    example=lambda rng: (11, 14),
    cases=st.tuples(st.just(5), st.just(6)),
    examples=5,
    hints=(
        "One angle for each position and each pair of columns: (length, d_model / 2).",
        "np.arange(length)[:, None] is the position; np.arange(0, d_model, 2) is 2i.",
        "angles = position / 10000 ** (2i / d_model)",
        "positions[:, 0::2] = np.sin(angles), and the cosines into [:, 1::2].",
    ),
)


@sinusoidal_positions.mistake(
    "The sines stand in the first half and the cosines in the second; here they take turns: even "
    "columns, odd columns."
)
def halves(length, d_model):
    angles = np.arange(length)[:, None] / 10_000 ** (np.arange(0, d_model, 2) / d_model)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


@sinusoidal_positions.mistake("Sines and cosines are exchanged: the even columns have the sines.")
def cosines_first(length, d_model):
    right = sines(length, d_model).reshape(length, -1, 2)
    return right[:, :, ::-1].reshape(length, d_model)


@sinusoidal_positions.mistake(
    "Each column has an angle of its own: a sine and the cosine after it share one, so that they "
    "are the two hands of one clock. The exponent is 2i / d_model for both."
)
def angle_of_its_own(length, d_model):
    angles = np.arange(length)[:, None] / 10_000 ** (np.arange(d_model) / d_model)
    return np.where(np.arange(d_model) % 2 == 0, np.sin(angles), np.cos(angles))


@sinusoidal_positions.mistake(
    "All columns turn equally fast: // rounds 2i / d_model down to 0. Divide with /."
)
def rounded_down(length, d_model):
    return sines(length, d_model, power=lambda i, d: 2 * i // d)


@sinusoidal_positions.mistake(
    "The 2 of the exponent 2i / d_model is missing: the wave lengths reach 100 only, not 10000."
)
def without_two(length, d_model):
    return sines(length, d_model, power=lambda i, d: i / d)


@sinusoidal_positions.mistake(
    "The 2 is there twice: if i counts in steps of two (0, 2, 4, …), it is 2i already."
)
def two_twice(length, d_model):
    return sines(length, d_model, power=lambda i, d: 4 * i / d)


@sinusoidal_positions.mistake(
    "The angle is position times 10000^…: it should be divided by it. Later columns would turn "
    "faster and faster, and tell positions apart by chance."
)
def multiplied(length, d_model):
    return sines(length, d_model, power=lambda i, d: -2 * i / d)


@sinusoidal_positions.mistake("The base is 1000, a nought too few: 10000.")
def base_too_small(length, d_model):
    return sines(length, d_model, base=1_000.0)


@sinusoidal_positions.mistake("Positions are counted from 1; row 0 is position 0: sin 0, cos 0, …")
def from_one(length, d_model):
    return sines(length, d_model, first=1)


@sinusoidal_positions.mistake("All columns are sines: the odd ones should be cosines.")
def sines_alone(length, d_model):
    return sines(length, d_model, cosine=math.sin)


@sinusoidal_positions.mistake(
    "Positions and columns are exchanged: a row should be one position, (length, d_model)."
)
def transposed(length, d_model):
    return sines(length, d_model).T


@sinusoidal_positions.swap
def find_the_first_letter(sinusoidal_positions):
    """Say the letter before: only positions tell which one that is."""

    def before(ids, following):
        return np.concatenate([ids[:, :1], ids[:, :-1]], axis=1)

    block = nn.TransformerBlock(WIDTH, n_head=2)
    positions = 3 * np.asarray(sinusoidal_positions(LENGTH, WIDTH))
    first, last = train(Reader(block, positions), before, steps=150)
    assert last < 1.0, f"A block that is to say the letter before stays at loss {last:.3g}."
    return (
        f"With them a block says which letter came before: the loss falls from {first:.1f} to "
        f"{last:.2f}."
    )


def right_norm(x, weight, bias):
    rows = [(row - row.mean()) / math.sqrt(row.var() + 1e-5) for row in x]
    return np.array(rows) * weight + bias


layer_norm_backward = Gradient(
    name="layer_norm_backward",
    forward=right_norm,
    bank="layer_norm",
    example=lambda rng: (0.3 * rng.normal(size=(5, 7)), rng.normal(size=7), rng.normal(size=7)),
    cases=st.tuples(
        # Rows of unequal entries, whose variance is far from 0.
        st.permutations(range(4)).map(lambda row: np.array([row, row[::-1]], float)),
        arrays_of(4),
        arrays_of(4),
    ),
    hints=(
        "bias is added to every row, weight multiplies every row: sum over the rows.",
        "dx̂ = dy · weight. If mean and deviation were constants, dx would be dx̂ / deviation.",
        "The mean depends on all of x: subtract the mean of dx̂ from each row.",
        "So does the deviation: subtract x̂ times the row's mean of dx̂ · x̂, too.",
    ),
)


def norm_parts(x):
    deviation = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    return (x - x.mean(axis=1, keepdims=True)) / deviation, deviation


@layer_norm_backward.mistake(
    "Sums stand where means are due: the statistics of a row are means over its D features."
)
def sums_for_means(dy, x, weight, bias):
    x_hat, deviation = norm_parts(x)
    g = dy * weight
    taken = g.sum(axis=1, keepdims=True) + x_hat * (g * x_hat).sum(axis=1, keepdims=True)
    return (g - taken) / deviation, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


@layer_norm_backward.mistake(
    "The last term has x where x̂ is due: what is taken away lies along the normalised row."
)
def along_the_input(dy, x, weight, bias):
    x_hat, deviation = norm_parts(x)
    g = dy * weight
    taken = g.mean(axis=1, keepdims=True) + x * (g * x).mean(axis=1, keepdims=True)
    return (g - taken) / deviation, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


@layer_norm_backward.mistake(
    "eps is missing: the forward pass divides by √(variance + eps), so the backward pass does too."
)
def without_eps(dy, x, weight, bias):
    deviation = x.std(axis=1, keepdims=True)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / deviation
    g = dy * weight
    taken = g.mean(axis=1, keepdims=True) + x_hat * (g * x_hat).mean(axis=1, keepdims=True)
    return (g - taken) / deviation, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


@layer_norm_backward.mistake(
    "It is divided by the variance; the forward pass divides by its root, the deviation."
)
def by_the_variance(dy, x, weight, bias):
    x_hat, deviation = norm_parts(x)
    g = dy * weight
    taken = g.mean(axis=1, keepdims=True) + x_hat * (g * x_hat).mean(axis=1, keepdims=True)
    return (g - taken) / deviation**2, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


@layer_norm_backward.mistake(
    "The weight's gradient has `weight` in it: y = x̂ · weight is linear in it, so Σ dy · x̂ is all."
)
def weight_times_itself(dy, x, weight, bias):
    x_hat, deviation = norm_parts(x)
    g = dy * weight
    taken = g.mean(axis=1, keepdims=True) + x_hat * (g * x_hat).mean(axis=1, keepdims=True)
    return (g - taken) / deviation, (g * x_hat).sum(axis=0), dy.sum(axis=0)


@layer_norm_backward.mistake(
    "`weight` comes too late: going backward, dy meets it first. Put dy · weight into both means."
)
def weight_at_the_end(dy, x, weight, bias):
    x_hat, deviation = norm_parts(x)
    taken = dy.mean(axis=1, keepdims=True) + x_hat * (dy * x_hat).mean(axis=1, keepdims=True)
    return weight * (dy - taken) / deviation, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


@layer_norm_backward.swap
def through_a_norm(layer_norm_backward):
    """x, weight and bias learn together to make targets that no plain norm makes."""
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=(5, 8)), np.ones(8), np.zeros(8)
    target = right_norm(rng.normal(size=(5, 8)), rng.uniform(0.5, 2, 8), rng.normal(size=8))
    errors = []
    for _ in range(1500):
        error = right_norm(x, weight, bias) - target
        errors.append((error**2).mean())
        dx, dw, db = layer_norm_backward(error, x, weight, bias)
        x, weight, bias = x - 0.1 * dx, weight - 0.1 * dw, bias - 0.1 * db
    assert errors[-1] < 0.01, (
        f"Through a layer norm the error falls from {errors[0]:.3g} to {errors[-1]:.3g} only; it "
        "should come near 0."
    )
    return f"Through a layer norm the error falls from {errors[0]:.2f} to {errors[-1]:.1g}."


def heads_with(x, w_q, w_k, w_v, w_out, n_head, *, root=None, cut=None, join=None, axis=-1):
    """Multi-head attention by einsum, with parts of it changed."""
    d = x.shape[1] // n_head
    cut = cut or (lambda a: a.reshape(len(a), n_head, d))
    q, k, v = (cut(x @ w.T) for w in (w_q, w_k, w_v))
    p = softmax(np.einsum("thd,shd->hts", q, k) / (root or np.sqrt(d)), axis=axis)
    y = np.einsum("hts,shd->thd", p, v)
    return (join or (lambda a: a.reshape(len(a), -1)))(y) @ w_out.T


def heads_example(rng):
    return rng.normal(size=(7, 15)), *0.5 * rng.normal(size=(4, 15, 15)), 3


multi_head_attention = Function(
    name="multi_head_attention",
    right=heads_with,
    names=("x", "w_q", "w_k", "w_v", "w_out", "n_head"),
    example=heads_example,
    cases=st.tuples(arrays_of(3, 4), *[arrays_of(4, 4)] * 4, st.just(2)),
    hints=(
        "Project first: q, k and v are (T, D) each, by x @ w.T.",
        "Head h owns the columns h · d to (h + 1) · d − 1 of all three.",
        "For each head: softmax of q_h @ k_h.T / √d, times v_h. The root is of d, not of D.",
        "np.concatenate the heads along axis 1, and multiply by w_out.T.",
    ),
)


@multi_head_attention.mistake(
    "The scores are divided by √D. A head's scores are sums of d = D / n_head products: divide by "
    "the root of that."
)
def root_of_all(*given):
    return heads_with(*given, root=np.sqrt(given[0].shape[1]))


@multi_head_attention.mistake("The scores are not divided by √d, d the features of one head.")
def without_root(*given):
    return heads_with(*given, root=1.0)


@multi_head_attention.mistake("The softmax is missing: scores are no weights of a mean.")
def without_softmax(x, w_q, w_k, w_v, w_out, n_head):
    q, k, v = (np.split(x @ w.T, n_head, axis=1) for w in (w_q, w_k, w_v))
    each = zip(q, k, v, strict=True)
    heads = [a @ b.T / np.sqrt(a.shape[1]) @ c for a, b, c in each]
    return np.concatenate(heads, axis=1) @ w_out.T


@multi_head_attention.mistake("Divided by d: the scores spread as its root, √d.")
def by_d(*given):
    return heads_with(*given, root=given[0].shape[1] // given[5])


@multi_head_attention.mistake(
    "There is but one head: one softmax over all features gives one mean, however large n_head is."
)
def one_head(*given):
    return heads_with(*given[:5], 1)


@multi_head_attention.mistake(
    "The last projection is missing: without w_out the heads never hear of each other."
)
def without_out(x, w_q, w_k, w_v, w_out, n_head):
    return heads_with(x, w_q, w_k, w_v, np.eye(len(w_out)), n_head)


@multi_head_attention.mistake(
    "The weights are not transposed. They are (out, in), as in nn.Linear: x @ w.T. No shape "
    "complains, for they are square."
)
def weights_untransposed(x, w_q, w_k, w_v, w_out, n_head):
    return heads_with(x, w_q.T, w_k.T, w_v.T, w_out.T, n_head)


@multi_head_attention.mistake("w_out is not transposed: it is (out, in), as in nn.Linear.")
def out_untransposed(x, w_q, w_k, w_v, w_out, n_head):
    return heads_with(x, w_q, w_k, w_v, w_out.T, n_head)


@multi_head_attention.mistake(
    "The features are dealt out like cards, every n_head-th to one head: head h owns d in a row."
)
def dealt_out(*given):
    x, n_head = given[0], given[5]
    return heads_with(*given, cut=lambda a: a.reshape(len(x), -1, n_head).swapaxes(1, 2))


@multi_head_attention.mistake(
    "q, k and v are reshaped to (n_head, T, d) at once, which mixes positions: cut the columns, "
    "(T, n_head, d), and then move the axis."
)
def positions_mixed(*given):
    x, n_head = given[0], given[5]
    return heads_with(*given, cut=lambda a: a.reshape(n_head, len(x), -1).swapaxes(0, 1))


@multi_head_attention.mistake(
    "The heads are joined in the wrong order: a position's row is head 0, head 1, …, each d long. "
    "Move the axis of the positions to the front before you reshape."
)
def joined_wrongly(*given):
    return heads_with(*given, join=lambda y: y.swapaxes(0, 1).reshape(len(y), -1))


@multi_head_attention.mistake(
    "The heads are added up, and not put side by side: each has d columns of the result for itself."
)
def added_up(*given):
    n_head = given[5]
    return heads_with(*given, join=lambda y: np.tile(y.sum(axis=1), n_head))


@multi_head_attention.mistake(
    "x is cut before it is projected, so a head knows a few columns of x alone. Project all of x "
    "first, x @ w.T, and cut q, k and v."
)
def cut_before_projection(x, w_q, w_k, w_v, w_out, n_head):
    within = np.kron(np.eye(n_head), np.ones((x.shape[1] // n_head,) * 2))
    return heads_with(x, w_q * within, w_k * within, w_v * within, w_out, n_head)


@multi_head_attention.mistake(
    "The softmax runs over the queries; each query shares out one unit of weight among the keys."
)
def over_queries(*given):
    return heads_with(*given, axis=1)


@multi_head_attention.swap
def as_a_layer(multi_head_attention):
    """The package's layer learns; then the learner's function must do the same with its weights."""
    layer = nn.MultiHeadAttention(WIDTH, n_head=4)
    model = Reader(layer, sines(LENGTH, WIDTH))
    first, last = train(model)
    x = np.random.default_rng(0).normal(size=(LENGTH, WIDTH))
    weights = np.split(layer.in_proj_weight.data.astype(float), 3)
    for bias in (layer.in_proj_bias, layer.out_proj.bias):
        bias.data = np.zeros_like(bias.data)
    written = multi_head_attention(x, *weights, layer.out_proj.weight.data.astype(float), 4)
    gap = np.abs(written - layer(mt.tensor(x[None].astype(np.float32))).data[0]).max()
    assert gap < 1e-3, f"With the weights of a trained layer it is {gap:.3g} from what that gives."
    return (
        f"A layer trained on real text (loss {first:.1f} to {last:.1f}) gives the same with its "
        "weights."
    )


def double(x):
    return 2 * x


def root(x):
    return np.sqrt(np.abs(x)) + 1


def turned(x):
    return np.sin(x)


def mean_of_rows(x):
    return x - x.mean(axis=0)


def right_block(x, attention, feed_forward, norm1, norm2):
    for norm, part in ((norm1, attention), (norm2, feed_forward)):
        x = np.add(x, part(norm(x)))
    return x


def block_example(rng):
    return rng.normal(size=(5, 7)), turned, root, double, mean_of_rows


parts = st.sampled_from([double, root, turned, mean_of_rows])

pre_norm_block = Function(
    name="pre_norm_block",
    right=right_block,
    example=block_example,
    cases=st.tuples(arrays_of(2, 3), parts, parts, parts, parts),
    hints=(
        "There are two steps of one form: x + part(norm(x)).",
        "The second step begins where the first ended, not at x.",
        "Norms are inside of the branches alone; the path of the additions has none.",
    ),
)


@pre_norm_block.mistake(
    "This is post-norm, norm(x + f(x)): each norm lies across the path, and in a deep stack damps "
    "the gradient again and again. Pre-norm is x + f(norm(x))."
)
def post_norm(x, attention, feed_forward, norm1, norm2):
    h = norm1(x + attention(x))
    return norm2(h + feed_forward(h))


@pre_norm_block.mistake(
    "The residual path begins behind the norm: add the branch to x itself, not to norm1(x)."
)
def residual_of_the_norm(x, attention, feed_forward, norm1, norm2):
    n = norm1(x)
    h = n + attention(n)
    m = norm2(h)
    return m + feed_forward(m)


@pre_norm_block.mistake(
    "Both residual paths are missing: x must be added to what the attention says, and that to what "
    "the network says. Without them no gradient finds its way through a deep stack."
)
def without_residuals(x, attention, feed_forward, norm1, norm2):
    return feed_forward(norm2(attention(norm1(x))))


@pre_norm_block.mistake("The residual path round the attention is missing: h = x + attention(…).")
def without_the_first(x, attention, feed_forward, norm1, norm2):
    h = attention(norm1(x))
    return h + feed_forward(norm2(h))


@pre_norm_block.mistake("The residual path round the network is missing: y = h + feed_forward(…).")
def without_the_second(x, attention, feed_forward, norm1, norm2):
    return feed_forward(norm2(x + attention(norm1(x))))


@pre_norm_block.mistake(
    "The second step adds to x, and so forgets what the attention heard: add to h."
)
def second_from_x(x, attention, feed_forward, norm1, norm2):
    return x + feed_forward(norm2(x + attention(norm1(x))))


@pre_norm_block.mistake(
    "Both branches read x, side by side. Here the network reads what the attention has changed."
)
def side_by_side(x, attention, feed_forward, norm1, norm2):
    return x + attention(norm1(x)) + feed_forward(norm2(x))


@pre_norm_block.mistake("The same norm serves twice: the second step has a norm of its own, norm2.")
def one_norm(x, attention, feed_forward, norm1, norm2):
    return right_block(x, attention, feed_forward, norm1, norm1)


@pre_norm_block.mistake("norm1 and norm2 are exchanged: the attention reads norm1(x).")
def norms_exchanged(x, attention, feed_forward, norm1, norm2):
    return right_block(x, attention, feed_forward, norm2, norm1)


@pre_norm_block.mistake("The norms are missing: each branch reads the norm of what it is added to.")
def without_norms(x, attention, feed_forward, norm1, norm2):
    h = x + attention(x)
    return h + feed_forward(h)


@pre_norm_block.mistake(
    "The branch is normed after it has spoken, x + norm(f(x)): give it the norm, f(norm(x))."
)
def norm_behind(x, attention, feed_forward, norm1, norm2):
    h = x + norm1(attention(x))
    return h + norm2(feed_forward(h))


@pre_norm_block.mistake(
    "There is a norm at the end: pre-norm has norms inside of its branches alone."
)
def norm_at_the_end(x, attention, feed_forward, norm1, norm2):
    return norm2(right_block(x, attention, feed_forward, norm1, norm2))


@pre_norm_block.mistake("The network comes before the attention: exchange the two steps.")
def network_first(x, attention, feed_forward, norm1, norm2):
    return right_block(x, feed_forward, attention, norm1, norm2)


@pre_norm_block.swap
def six_deep(pre_norm_block):
    """Six blocks in the learner's order learn to read."""

    class Block(nn.TransformerBlock):
        def forward(self, x, attn_mask=None):
            parts = self.self_attn, lambda x: self.linear2(F.gelu(self.linear1(x)))
            return pre_norm_block(x, *parts, self.norm1, self.norm2)

    blocks = nn.Sequential(*(Block(WIDTH, n_head=2) for _ in range(6)))
    first, last = train(Reader(blocks, sines(LENGTH, WIDTH)))
    assert last < first - 0.7, (
        f"Six of them on real text: the loss goes from {first:.3g} to {last:.3g}."
    )
    return f"Six of them on real text: the loss falls from {first:.1f} to {last:.1f} in 60 steps."
