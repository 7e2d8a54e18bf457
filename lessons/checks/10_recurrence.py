"""What the exercises of lesson 10 are held against, the mistakes they know, and their hints."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minitransformer as mt
from lessons.course.exercise import Function, Gradient
from minitransformer import functional as F

sizes = st.integers(1, 3)


def filled(*shape, largest=2.0):
    return arrays(float, shape, elements=st.floats(-largest, largest))


def logistic(x):
    return 1 / (1 + np.exp(-x))


def pull(x, h, weight_ih, weight_hh, bias):
    """The sum inside tanh."""
    return np.einsum("nd,hd->nh", x, weight_ih) + np.einsum("nk,hk->nh", h, weight_hh) + bias


def states_of(x, h0, *weights, new=lambda *given: np.tanh(pull(*given))):
    """h0 and the states of all steps, (N, T + 1, H); new(x_t, h, …) makes each."""
    states = [h0]
    for step in x.transpose(1, 0, 2):
        states.append(new(step, states[-1], *weights))
    return np.stack(states, axis=1)


def right_rnn(*given):
    return states_of(*given)[:, 1:]


def layer_example(rng):
    shapes = (3, 5, 7), (3, 2), (2, 7), (2, 2), (2,)
    return tuple(0.7 * rng.normal(size=shape) for shape in shapes)


layers = st.tuples(sizes, sizes, sizes, sizes).flatmap(
    lambda s: st.tuples(
        filled(s[0], s[1], s[2]), filled(s[0], s[3]), filled(s[3], s[2]), filled(s[3], s[3]),
        filled(s[3]),
    )
)  # fmt: skip

ALPHABET = "abcdefghijklmnopqrstuvwxyz "
LENGTH, HIDDEN = 8, 24


def text_windows(count, length=LENGTH):
    """Numbers of letters and spaces, (count, length + 1), from the standard library."""
    text = mt.data.text_corpus()[:200_000].lower()
    letters = np.array([ALPHABET.index(c) for c in text if c in ALPHABET])
    starts = np.random.default_rng(0).integers(len(letters) - length, size=count)
    return letters[starts[:, None] + np.arange(length + 1)]


def guess_from_echo(run):
    """How often a readout of the states tells the letter before the last one.

    `run(x, weights) -> h` with weights that stay random: only the readout is learned.
    """
    ids, rng = text_windows(3000), np.random.default_rng(0)
    h = run(np.eye(len(ALPHABET))[ids[:, :-1]], rng)[:, -1]
    h, due = np.column_stack([h, np.ones(len(h))]), ids[:, -3]
    readout = np.linalg.lstsq(h[:2000], np.eye(len(ALPHABET))[due[:2000]], rcond=None)[0]
    return np.mean((h[2000:] @ readout).argmax(axis=1) == due[2000:])


def learn_to_read_on(run, *shapes, steps=150):
    """The loss of the next letter, after training; by the letters' frequencies alone it is 2.8.

    `run(x, *weights) -> (h, backward)`, backward(dh) -> the gradients of the weights.
    """
    rng, ids = np.random.default_rng(0), text_windows(32 * steps)
    shapes = (*shapes, (len(ALPHABET), HIDDEN))
    weights = [mt.nn.Parameter(rng.normal(size=s) / np.sqrt(s[-1])) for s in shapes]
    optimizer, losses = mt.optim.Adam(weights, lr=0.01), []
    for batch in ids.reshape(steps, 32, -1):
        h, backward = run(np.eye(len(ALPHABET))[batch[:, :-1]], *[w.data for w in weights[:-1]])
        h = mt.tensor(h, requires_grad=True)
        optimizer.zero_grad()
        loss = F.cross_entropy((h @ weights[-1].transpose(0, 1)).permute(0, 2, 1), batch[:, 1:])
        loss.backward()
        for weight, gradient in zip(weights, backward(h.grad), strict=False):
            weight.grad = np.asarray(gradient)
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses[-20:])


def reads_on(loss):
    assert loss < 2.4, (
        f"After 150 steps the loss of the next letter is {loss:.3g}; it should be below 2.4 "
        "(by the letters' frequencies alone it is 2.8)."
    )
    return f"It learns to guess the next letter of real text: loss {loss:.2f}."


def echoes(share):
    assert share > 0.45, (
        f"From the last state, {share:.0%} of the letters before the last are told; more than 45% "
        "should be."
    )
    return f"From the last state alone, {share:.0%} of the letters before the last are told."


rnn = Function(
    name="rnn",
    right=right_rnn,
    example=layer_example,
    cases=layers,
    hints=(
        "Begin with h = h0. What has to happen at each t before the next?",
        "The sum is x[:, t] @ weight_ih.T + h @ weight_hh.T + bias; the new h is its tanh.",
        "Collect the states in a list; np.stack(states, axis=1) puts the steps second.",
    ),
)


@rnn.mistake(
    "Every step starts from h0. The state has to be carried on: the h of one step is the next's."
)
def always_from_h0(x, h0, *weights):
    return np.stack([np.tanh(pull(step, h0, *weights)) for step in x.transpose(1, 0, 2)], axis=1)


@rnn.mistake("h0 is not used: the first step's state comes from it, whether it is zeros or not.")
def from_zeros(x, h0, *weights):
    return right_rnn(x, 0 * h0, *weights)


@rnn.mistake("W_hh h for rows h is h @ W_hhᵀ. It is square, so the shapes did not complain.")
def untransposed(x, h0, weight_ih, weight_hh, bias):
    return right_rnn(x, h0, weight_ih, weight_hh.T, bias)


@rnn.mistake("tanh is missing. Without it all steps together are one linear map.")
def linear(*given):
    return states_of(*given, new=pull)[:, 1:]


@rnn.mistake("The bias is missing from the sum.")
def without_bias(x, h0, weight_ih, weight_hh, bias):
    return right_rnn(x, h0, weight_ih, weight_hh, 0 * bias)


@rnn.mistake("The bias is added after tanh; it belongs to the sum inside.")
def bias_outside(x, h0, weight_ih, weight_hh, bias):
    weights = weight_ih, weight_hh, 0.0
    return states_of(x, h0, *weights, new=lambda *given: np.tanh(pull(*given)) + bias)[:, 1:]


@rnn.mistake("Input and state each have a tanh of their own; there is one, of their sum.")
def two_tanhs(x, h0, weight_ih, weight_hh, bias):
    def new(step, h):
        return np.tanh(step @ weight_ih.T) + np.tanh(h @ weight_hh.T + bias)

    return states_of(x, h0, new=new)[:, 1:]


@rnn.mistake("The state went through a sigmoid, into 0 to 1: tanh lets it be negative too.")
def through_sigmoid(*given):
    return states_of(*given, new=lambda *given: logistic(pull(*given)))[:, 1:]


@rnn.mistake("This is the last state alone; those of all steps are asked for, (N, T, H).")
def last_alone(*given):
    return right_rnn(*given)[:, -1]


@rnn.mistake("The steps come first, (T, N, H): stack them along axis 1, behind the sequences.")
def steps_first(*given):
    return right_rnn(*given).transpose(1, 0, 2)


@rnn.mistake("These are the states that came to each step: h0 is among them, the last is not.")
def one_step_late(*given):
    return states_of(*given)[:, :-1]


@rnn.mistake("h0 is among the results: they are the states after each step, T and not T + 1.")
def with_h0(*given):
    return states_of(*given)


@rnn.mistake("The sequence is read from its end to its beginning.")
def backwards(x, *rest):
    return right_rnn(x[:, ::-1], *rest)[:, ::-1]


@rnn.mistake("The old state is added to the new one: tanh's result takes its place.")
def added_to_the_old(*given):
    def new(step, h, *weights):
        return h + np.tanh(pull(step, h, *weights))

    return states_of(*given, new=new)[:, 1:]


@rnn.mistake("The bias is added twice: PyTorch's layer has two of them, this one has one.")
def bias_twice(x, h0, weight_ih, weight_hh, bias):
    return right_rnn(x, h0, weight_ih, weight_hh, 2 * bias)


@rnn.mistake(
    "What is carried on is the sum before tanh. The next step gets the state itself, tanh's result."
)
def sum_carried(*given):
    return np.tanh(states_of(*given, new=pull)[:, 1:])


@rnn.swap
def echo(rnn):
    def run(x, rng):
        weight_hh = rng.normal(size=(60, 60)) / 60**0.5
        weight_ih = 0.5 * rng.normal(size=(60, x.shape[2]))
        return rnn(x, np.zeros((len(x), 60)), weight_ih, weight_hh, np.zeros(60))

    return echoes(guess_from_echo(run))


rnn_backward = Gradient(
    name="rnn_backward",
    forward=right_rnn,
    bank="rnn",
    example=layer_example,
    cases=layers,
    hints=(
        "Compute the states again, and keep all of them, h0 too. Then go from the last step back.",
        "What arrives at h_t is dy[:, t] and what the step after it sends back: add them.",
        "Through tanh: da = dh · (1 − h_t²), with the result h_t of the step.",
        "a = x W_ihᵀ + h W_hhᵀ + b is a linear layer: da @ W_ih, da @ W_hh, daᵀ @ x, daᵀ @ h.",
        "The h in daᵀ @ h is the one that came to the step, h_{t−1}; da @ W_hh goes back to it.",
        "The weights and the bias are used at every step: add up their gradients.",
    ),
)


def back(
    dy, x, h0, weight_ih, weight_hh, bias,
    slope=lambda h, a: 1 - h**2, order=reversed, used=slice(None),
):  # fmt: skip
    """The right gradients; or with another slope, order of the steps, or weights of some steps."""
    h = states_of(x, h0, weight_ih, weight_hh, bias)
    da, dh = np.zeros(dy.shape), np.zeros_like(h0)
    for t in order(range(x.shape[1])):
        a = pull(x[:, t], h[:, t], weight_ih, weight_hh, bias)
        da[:, t] = (dy[:, t] + dh) * slope(h[:, t + 1], a)
        dh = da[:, t] @ weight_hh
    dx, da = da @ weight_ih, da[:, used]
    weights = [np.einsum("nth,ntd->hd", da, came[:, used]) for came in (x, h[:, :-1])]
    return dx, dh, *weights, da.sum(axis=(0, 1))


@rnn_backward.mistake(
    "Only the last step's dy is used: each state is a result, so each has an upstream gradient."
)
def last_upstream_alone(dy, *given):
    return back(np.where(np.arange(dy.shape[1])[:, None] == dy.shape[1] - 1, dy, 0), *given)


@rnn_backward.mistake(
    "The steps are gone through from the first to the last. What a state did later is known only "
    "after the later steps: go back from the end."
)
def forward_in_time(*given):
    return back(*given, order=iter)


@rnn_backward.mistake("tanh's slope is 1 − h², with its result h; here it is 1 − a², of the sum.")
def slope_of_the_sum(*given):
    return back(*given, slope=lambda h, a: 1 - a**2)


@rnn_backward.mistake("The slope of tanh is missing: da = dh · (1 − h²).")
def without_slope(*given):
    return back(*given, slope=lambda h, a: 1.0)


@rnn_backward.mistake("h (1 − h) is the slope of the sigmoid; that of tanh is 1 − h².")
def slope_of_sigmoid(*given):
    return back(*given, slope=lambda h, a: h * (1 - h))


@rnn_backward.mistake(
    "The gradients of the weights are those of the first step alone: add up all steps, with +=."
)
def weights_of_one_step(*given):
    return back(*given, used=slice(1))


@rnn_backward.mistake(
    "The slope is that at the state which came to the step: it is 1 − h_t², at the step's result."
)
def slope_of_the_step_before(dy, x, h0, *weights):
    h = states_of(x, h0, *weights)
    steps = iter(range(x.shape[1] - 1, -1, -1))
    return back(dy, x, h0, *weights, slope=lambda *_: 1 - h[:, next(steps)] ** 2)


@rnn_backward.mistake(
    "What the later steps send back is added behind tanh's slope: add it to dy[:, t] first, then "
    "take both through tanh."
)
def added_behind_the_slope(dy, x, h0, weight_ih, weight_hh, bias):
    h = states_of(x, h0, weight_ih, weight_hh, bias)
    da, dh = dy * (1 - h[:, 1:] ** 2), 0 * h0
    for t in reversed(range(x.shape[1])):
        da[:, t] += dh
        dh = da[:, t] @ weight_hh
    weights = [np.einsum("nth,ntd->hd", da, came) for came in (x, h[:, :-1])]
    return da @ weight_ih, dh, *weights, da.sum(axis=(0, 1))


@rnn_backward.swap
def read_on(rnn_backward):
    def run(x, weight_ih, weight_hh):
        given = x, np.zeros((len(x), HIDDEN)), weight_ih, weight_hh, np.zeros(HIDDEN)
        return right_rnn(*given), lambda dh: rnn_backward(dh, *given)[2:4]

    return reads_on(learn_to_read_on(run, (HIDDEN, len(ALPHABET)), (HIDDEN, HIDDEN)))


def right_step(gates, cell):
    i, f, g, o = gates.reshape(len(gates), 4, -1).transpose(1, 0, 2)
    new = logistic(f) * cell + logistic(i) * np.tanh(g)
    return np.hstack([logistic(o) * np.tanh(new), new])


def step_example(rng):
    return rng.normal(size=(3, 20)), rng.normal(size=(3, 5))


steps = st.tuples(sizes, sizes).flatmap(
    lambda s: st.tuples(filled(s[0], 4 * s[1], largest=30.0), filled(s[0], s[1]))
)

lstm_step = Function(
    name="lstm_step",
    right=right_step,
    example=step_example,
    cases=steps,
    hints=(
        "np.split(gates, 4, axis=1) gives the sums of i, f, g and o.",
        "Three of the four say how much, from 0 to 1: sigmoid. Which one says what?",
        "c = f · cell + i · g: what is kept of the old, and what is written.",
        "h = o · tanh(c), with the new c. np.concatenate([h, c], axis=1).",
    ),
)


def gated(mix):
    """A step from open gates: mix(i, f, g, o, cell) -> (h, c)."""

    def step(gates, cell):
        i, f, g, o = np.split(gates, 4, axis=1)
        return np.hstack(mix(logistic(i), logistic(f), np.tanh(g), logistic(o), cell))

    return step


def written(h_of):
    """The step with the right cell, whose state is h_of(o, c)."""
    return gated(lambda i, f, g, o, c: (h_of(o, f * c + i * g), f * c + i * g))


def ordered(*order):
    """The right step, taking the four parts of `gates` in another order."""

    def step(gates, cell):
        parts = np.split(gates, 4, axis=1)
        return right_step(np.hstack([parts[k] for k in order]), cell)

    return step


@lstm_step.mistake("The gates are read as i, f, o, g; they come as i, f, g, o.")
def candidate_last(*given):
    return ordered(0, 1, 3, 2)(*given)


@lstm_step.mistake("i and f are exchanged: f keeps the old cell, i lets the new candidate in.")
def input_for_forget(*given):
    return ordered(1, 0, 2, 3)(*given)


@lstm_step.mistake("o and i are exchanged: i is the first part of the gates, o the last.")
def output_for_input(*given):
    return ordered(3, 1, 2, 0)(*given)


@lstm_step.mistake(
    "The four gates are dealt out like cards, every fourth number: the first H belong to i."
)
def dealt_out(gates, cell):
    return right_step(np.hstack([gates[:, k::4] for k in range(4)]), cell)


@lstm_step.mistake("The candidate g goes through tanh, not sigmoid: what is written has a sign.")
def candidate_through_sigmoid(gates, cell):
    i, f, g, o = map(logistic, np.split(gates, 4, axis=1))
    new = f * cell + i * g
    return np.hstack([o * np.tanh(new), new])


@lstm_step.mistake("Gates say how much, from 0 to 1: i, f and o go through sigmoid, not tanh.")
def gates_through_tanh(gates, cell):
    i, f, g, o = map(np.tanh, np.split(gates, 4, axis=1))
    new = f * cell + i * g
    return np.hstack([o * np.tanh(new), new])


@lstm_step.mistake("The forget gate is missing: the old cell is multiplied by f.")
def never_forgets(*given):
    return gated(lambda i, f, g, o, c: (o * np.tanh(c + i * g), c + i * g))(*given)


@lstm_step.mistake("The old cell is lost: c' = f · c + i · g.")
def cell_lost(*given):
    return gated(lambda i, f, g, o, c: (o * np.tanh(i * g), i * g))(*given)


@lstm_step.mistake("The input gate is missing: the candidate is multiplied by i.")
def everything_let_in(*given):
    return gated(lambda i, f, g, o, c: (o * np.tanh(f * c + g), f * c + g))(*given)


@lstm_step.mistake("The old cell is kept by 1 − i. Here it has a gate of its own, f.")
def coupled(*given):
    def mix(i, f, g, o, c):
        new = (1 - i) * c + i * g
        return o * np.tanh(new), new

    return gated(mix)(*given)


@lstm_step.mistake("tanh is missing in h' = o · tanh(c').")
def state_without_tanh(*given):
    return written(lambda o, c: o * c)(*given)


@lstm_step.mistake("The output gate stands inside tanh: h' = o · tanh(c'), not tanh(o · c').")
def output_gate_inside(*given):
    return written(lambda o, c: np.tanh(o * c))(*given)


@lstm_step.mistake("The output gate is missing: h' = o · tanh(c').")
def output_gate_missing(*given):
    return written(lambda o, c: np.tanh(c))(*given)


@lstm_step.mistake("h' is read from the old cell: it comes from the new one, c'.")
def from_the_old_cell(*given):
    return gated(lambda i, f, g, o, c: (o * np.tanh(c), f * c + i * g))(*given)


@lstm_step.mistake("The cell that goes on is c', without tanh: tanh is for h' alone.")
def cell_squashed(*given):
    def mix(i, f, g, o, c):
        new = np.tanh(f * c + i * g)
        return o * new, new

    return gated(mix)(*given)


@lstm_step.mistake("h' and c' are in the wrong order: h' comes first.")
def cell_first(gates, cell):
    return np.roll(right_step(gates, cell), cell.shape[1], axis=1)


@lstm_step.mistake("This is h' alone: the next step needs the cell too, beside it.")
def state_alone(gates, cell):
    return right_step(gates, cell)[:, : cell.shape[1]]


@lstm_step.mistake("The candidate g is the sum itself: it goes through tanh, into −1 to 1.")
def candidate_unsquashed(gates, cell):
    i, f, g, o = np.split(gates, 4, axis=1)
    new = logistic(f) * cell + logistic(i) * g
    return np.hstack([logistic(o) * np.tanh(new), new])


@lstm_step.mistake("The new cell goes through a sigmoid into h': h' = o · tanh(c').")
def state_through_sigmoid(*given):
    return written(lambda o, c: o * logistic(c))(*given)


@lstm_step.mistake(
    "1 is added to the forget gate's sum. That is a good first bias, but it is in `gates` already."
)
def forget_opened(gates, cell):
    return right_step(gates + np.repeat([0.0, 1.0, 0.0, 0.0], cell.shape[1]), cell)


def through_steps(step, x, weight_ih, weight_hh, forget=1.0):
    """h (N, T, H), and what came to each step: the gates' sums, the state and the cell."""
    h = c = np.zeros((len(x), weight_hh.shape[1]))
    bias = np.repeat([0.0, forget, 0.0, 0.0], weight_hh.shape[1])
    out, came = [], []
    for row in x.transpose(1, 0, 2):
        gates = row @ weight_ih.T + h @ weight_hh.T + bias
        came.append((gates, h, c))
        h, c = np.split(np.asarray(step(gates, c)), 2, axis=1)
        out.append(h)
    return np.stack(out, axis=1), came


@lstm_step.swap
def echo_of_an_lstm(lstm_step):
    def run(x, rng):
        weight_hh = rng.normal(size=(240, 60)) / 60**0.5
        return through_steps(lstm_step, x, rng.normal(size=(240, x.shape[2])), weight_hh)[0]

    return echoes(guess_from_echo(run))


lstm_step_backward = Gradient(
    name="lstm_step_backward",
    forward=right_step,
    bank="lstm_step",
    example=step_example,
    cases=steps.map(lambda given: (given[0] / 10, given[1])),
    hints=(
        "Compute i, f, g, o and the new cell c again; split dy into dh and dc.",
        "c' reaches the loss twice: dc comes directly, and dh · o · (1 − tanh²(c')) through h'.",
        "c' = f·c + i·g is sums and products: df = dc·c, di = dc·g, dg = dc·i, and f·dc goes on.",
        "h' = o·tanh(c') gives do = dh · tanh(c').",
        "Each then through its own slope: i(1 − i), f(1 − f), 1 − g², o(1 − o).",
    ),
)


def back_through_step(dy, gates, cell, slope=lambda c: 1 - np.tanh(c) ** 2, **other):
    """The right gradients, with another slope of tanh(c'), or others for the gates."""
    i, f, g, o = np.split(gates, 4, axis=1)
    i, f, g, o = logistic(i), logistic(f), np.tanh(g), logistic(o)
    dh, dc = np.split(dy, 2, axis=1)
    new = f * cell + i * g
    dc = dc + dh * o * slope(new)
    parts = {"i": dc * g, "f": dc * cell, "g": dc * i, "o": dh * np.tanh(new)}
    parts |= {name: make(dh, dc, i, f, g, o, cell, new) for name, make in other.items()}
    slopes = {"i": i * (1 - i), "f": f * (1 - f), "g": 1 - g**2, "o": o * (1 - o)}
    return np.hstack([parts[name] * slopes[name] for name in "ifgo"]), dc * f


@lstm_step_backward.mistake("tanh's slope is that at its result, 1 − tanh²(c'): 1 − c'² is not it.")
def slope_of_the_cell(*given):
    return back_through_step(*given, slope=lambda c: 1 - c**2)


@lstm_step_backward.mistake("tanh's slope is missing: dh reaches c' as dh · o · (1 − tanh²(c')).")
def without_the_slope_of_tanh(*given):
    return back_through_step(*given, slope=np.ones_like)


@lstm_step_backward.mistake("f multiplied the old cell: df = dc · c, not dc · c'.")
def forget_of_the_new_cell(*given):
    return back_through_step(*given, f=lambda dh, dc, i, f, g, o, cell, new: dc * new)


@lstm_step_backward.mistake("o multiplied tanh(c'): do = dh · tanh(c'), not dh · c'.")
def output_without_tanh(*given):
    return back_through_step(*given, o=lambda dh, dc, i, f, g, o, cell, new: dh * new)


@lstm_step_backward.mistake("i multiplied g, and g i: di = dc · g, dg = dc · i; here exchanged.")
def product_exchanged(*given):
    return back_through_step(
        *given,
        i=lambda dh, dc, i, f, g, o, cell, new: dc * i,
        g=lambda dh, dc, i, f, g, o, cell, new: dc * g,
    )


@lstm_step_backward.mistake("do = dh · tanh(c') is taken of the old cell: c' is the new one.")
def output_of_the_old_cell(*given):
    return back_through_step(*given, o=lambda dh, dc, i, f, g, o, cell, new: dh * np.tanh(cell))


@lstm_step_backward.mistake("o is missing on the way from h' to c': dh · o · (1 − tanh²(c')).")
def without_the_output_gate(dy, gates, cell):
    o = logistic(np.split(gates, 4, axis=1)[3])
    return back_through_step(dy, gates, cell, slope=lambda c: (1 - np.tanh(c) ** 2) / o)


@lstm_step_backward.swap
def read_on_with_an_lstm(lstm_step_backward):
    def run(x, weight_ih, weight_hh):
        out, came = through_steps(right_step, x, weight_ih, weight_hh)

        def backward(dout):
            total = [np.zeros_like(weight_ih), np.zeros_like(weight_hh)]
            dh = dc = np.zeros_like(came[0][1])
            for t, (gates, h, c) in reversed(list(enumerate(came))):
                dgates, dc = lstm_step_backward(np.hstack([dout[:, t] + dh, dc]), gates, c)
                total[0] += dgates.T @ x[:, t]
                total[1] += dgates.T @ h
                dh = dgates @ weight_hh
            return total

        return out, backward

    return reads_on(learn_to_read_on(run, (4 * HIDDEN, len(ALPHABET)), (4 * HIDDEN, HIDDEN)))
