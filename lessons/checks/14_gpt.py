"""What the exercises of lesson 14 are held against, the mistakes they know, and their hints."""

from functools import cache

import numpy as np
from hypothesis import strategies as st

import minitransformer as mt
from lessons.course.exercise import Function

seeds = st.integers(0, 10_000)


@cache
def real_text():
    """Bytes of Python's standard library: to learn from, and held out."""
    ids = mt.text.ByteTokenizer().encode(mt.data.text_corpus()[:120_000])
    return ids[:100_000], ids[100_000:]


def right_batch(tokens, starts, block_size):
    windows = [tokens[start : start + block_size + 1] for start in starts]
    both = np.array(windows).reshape(len(starts), block_size + 1)
    return both[:, :-1], both[:, 1:]


def window_case(seed, length, block_size, rows):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(97, size=length + block_size)
    return tokens, rng.integers(length, size=rows), block_size


shifted_batch = Function(
    name="shifted_batch",
    right=right_batch,
    example=lambda rng: window_case(rng.integers(99), 31, 7, 5),
    cases=st.builds(window_case, seeds, st.integers(1, 9), st.integers(1, 6), st.integers(1, 4)),
    hints=(
        "Write down the places (not the tokens) of the window that begins at 2: 2, 3, 4, …",
        "starts[:, None] + np.arange(block_size) has all the places, a row a window.",
        "An array can be indexed with a whole matrix of places: tokens[places].",
        "The target of a token is its neighbour on the right: places + 1.",
    ),
)


@shifted_batch.mistake(
    "The targets are the inputs themselves: a model learns to copy from that, with a loss of "
    "nearly 0. The target of a token is the next one."
)
def to_copy(tokens, starts, block_size):
    inputs, _ = right_batch(tokens, starts, block_size)
    return inputs, inputs


@shifted_batch.mistake(
    "The targets are the tokens before the inputs: the model sees them already. It should predict "
    "the token after."
)
def backwards(tokens, starts, block_size):
    inputs, _ = right_batch(tokens, starts, block_size)
    return inputs, tokens[starts[:, None] + np.arange(block_size) - 1]


@shifted_batch.mistake("Inputs and targets are exchanged: the targets are the later ones.")
def exchanged(tokens, starts, block_size):
    return right_batch(tokens, starts, block_size)[::-1]


@shifted_batch.mistake(
    "The last target of a row is the row's first token, as np.roll brings it round: it should be "
    "the token that follows the window in the text."
)
def rolled(tokens, starts, block_size):
    inputs, _ = right_batch(tokens, starts, block_size)
    return inputs, np.roll(inputs, -1, axis=1)


@shifted_batch.mistake(
    "The windows lie one after another in the text; they should begin where `starts` says."
)
def side_by_side(tokens, starts, block_size):
    return right_batch(tokens, np.arange(len(starts)) * block_size, block_size)


@shifted_batch.mistake(
    "Only the token after the whole window is a target. Every place of a window has one, so that "
    "a window of block_size tokens teaches block_size times."
)
def only_after_the_window(tokens, starts, block_size):
    inputs, targets = right_batch(tokens, starts, block_size)
    return inputs, targets[:, -1]


@shifted_batch.mistake("One short: inputs and targets have block_size tokens a row, both of them.")
def one_short(tokens, starts, block_size):
    inputs, targets = right_batch(tokens, starts, block_size)
    return inputs[:, :-1], targets[:, :-1]


@shifted_batch.mistake(
    "The targets are a whole window further on. Each is one token further than its input."
)
def the_next_window(tokens, starts, block_size):
    inputs, _ = right_batch(tokens, starts, block_size)
    places = starts[:, None] + block_size + np.arange(block_size)
    return inputs, tokens[np.minimum(places, len(tokens) - 1)]


@shifted_batch.mistake(
    "1 is added to the tokens themselves: that is another word of the vocabulary. Add it to the "
    "places, before you look the tokens up."
)
def one_more_than_the_token(tokens, starts, block_size):
    inputs, _ = right_batch(tokens, starts, block_size)
    return inputs, inputs + 1


@shifted_batch.swap
def a_table_learns(shifted_batch):
    train, held_out = real_text()
    rng = np.random.default_rng(0)
    table = mt.nn.Embedding(256, 256)
    optimizer = mt.optim.AdamW(table.parameters(), lr=0.1, weight_decay=0)
    for _ in range(150):
        starts = rng.integers(len(train) - 33, size=16)
        inputs, targets = shifted_batch(train, starts, 32)
        loss = mt.functional.cross_entropy(table(inputs).reshape(-1, 256), targets.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    rows = mt.functional.log_softmax(table.weight.detach()).numpy()
    loss = -rows[held_out[:-1], held_out[1:]].mean()
    assert loss < 3.5, f"A table of next bytes learns to {loss:.2f} only, from {np.log(256):.2f}."
    return f"A table of next bytes falls from {np.log(256):.2f} to {loss:.2f} on held-out text."


def pair_table(train, vocab_size):
    flat = np.bincount(train[:-1] * vocab_size + train[1:], minlength=vocab_size**2)
    return flat.reshape(vocab_size, vocab_size).astype(float)


def log_loss(probabilities, held_out):
    return -np.log(probabilities[held_out[:-1], held_out[1:]]).mean()


def smoothed(train, vocab_size):
    counts = pair_table(train, vocab_size) + 1
    return counts / counts.sum(axis=1)[:, None]


def skewed_text(seed, vocab_size, length, held):
    rng = np.random.default_rng(seed)
    likelihood = rng.dirichlet(np.ones(vocab_size))
    train, held_out = (rng.choice(vocab_size, size=n, p=likelihood) for n in (length, held))
    return train, held_out, vocab_size


bigram_loss = Function(
    name="bigram_loss",
    right=lambda train, held_out, vocab_size: log_loss(smoothed(train, vocab_size), held_out),
    example=lambda rng: skewed_text(rng.integers(99), 7, 101, 53),
    cases=st.builds(skewed_text, seeds, st.integers(1, 6), st.integers(2, 30), st.integers(2, 9)),
    hints=(
        "A table of V × V counts: a row for the token that is seen, a column for the next.",
        "The pairs of neighbours are train[:-1] with train[1:]. np.add.at counts pairs that "
        "repeat; counts[a, b] += 1 counts each but once.",
        "Begin with ones in place of zeros, then divide each row by its sum.",
        "The same two slices of held_out pick the probabilities. Then −log, and the mean.",
    ),
)


@bigram_loss.mistake(
    "counts[a, b] += 1 with arrays of indices adds 1 once, however often a pair repeats. "
    "np.add.at(counts, (a, b), 1) counts every one."
)
def each_pair_once(train, held_out, vocab_size):
    counts = np.minimum(pair_table(train, vocab_size), 1) + 1
    return log_loss(counts / counts.sum(axis=1, keepdims=True), held_out)


@bigram_loss.mistake(
    "Nothing is added to the counts: a pair that never occurred has probability 0 then, and a "
    "single one in the held-out text makes the loss infinite. Add 1 to every count."
)
def without_smoothing(train, held_out, vocab_size):
    counts = pair_table(train, vocab_size)
    return log_loss(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), held_out)


@bigram_loss.mistake(
    "The counts have 1 added, but the row's total does not: it grows by V, else a row's "
    "probabilities sum to more than 1."
)
def total_without_v(train, held_out, vocab_size):
    counts = pair_table(train, vocab_size)
    return log_loss((counts + 1) / np.maximum(counts.sum(axis=1, keepdims=True), 1), held_out)


@bigram_loss.mistake(
    "The sums of the rows are spread over the columns: a (V,) divides along the last axis. "
    "keepdims=True makes it (V, 1), one sum for each row."
)
def sums_along_the_columns(train, held_out, vocab_size):
    counts = pair_table(train, vocab_size) + 1
    return log_loss(counts / counts.sum(axis=1), held_out)


@bigram_loss.mistake(
    "The columns are made to sum to 1: that is how likely the token before is. Divide each row, "
    "all that follows one token, by its sum."
)
def the_token_before(train, held_out, vocab_size):
    counts = pair_table(train, vocab_size) + 1
    return log_loss(counts / counts.sum(axis=0, keepdims=True), held_out)


@bigram_loss.mistake(
    "The pairs of `held_out` are looked up the wrong way round: the rows are the tokens before, "
    "held_out[:-1], and the columns those after."
)
def looked_up_backwards(train, held_out, vocab_size):
    return log_loss(smoothed(train, vocab_size), held_out[::-1])


@bigram_loss.mistake(
    "These are pairs with a token between them: train[:-2] with train[2:]. Neighbours are one "
    "apart."
)
def two_apart(train, held_out, vocab_size):
    counts = np.ones((vocab_size, vocab_size))
    np.add.at(counts, (train[:-2], train[2:]), 1)
    probabilities = counts / counts.sum(axis=1, keepdims=True)
    return -np.log(probabilities[held_out[:-2], held_out[2:]]).mean()


@bigram_loss.mistake(
    "The counts are divided by their total: that is how likely the pair is, not what follows a "
    "token that is known. Each row has a sum of its own."
)
def joint(train, held_out, vocab_size):
    counts = pair_table(train, vocab_size) + 1
    return log_loss(counts / counts.sum(), held_out)


@bigram_loss.mistake(
    "The token before is not looked at: this is the loss of single tokens' frequencies."
)
def unigram(train, held_out, vocab_size):
    counts = np.bincount(train, minlength=vocab_size) + 1
    return -np.log(counts / counts.sum())[held_out[1:]].mean()


@bigram_loss.mistake("The loss is taken on `train`, where the pairs were counted; use `held_out`.")
def on_the_training_text(train, held_out, vocab_size):
    return log_loss(smoothed(train, vocab_size), train)


@bigram_loss.mistake("The pairs are counted in `held_out`: the model must not have seen that text.")
def counted_in_held_out(train, held_out, vocab_size):
    return log_loss(smoothed(held_out, vocab_size), held_out)


@bigram_loss.mistake("The minus is missing: a log-probability is below 0, and a loss above.")
def without_minus(train, held_out, vocab_size):
    return -log_loss(smoothed(train, vocab_size), held_out)


@bigram_loss.mistake("The sum over the pairs came back: the loss is their mean.")
def summed(train, held_out, vocab_size):
    return log_loss(smoothed(train, vocab_size), held_out) * (len(held_out) - 1)


@bigram_loss.mistake("This is in bits: take the natural logarithm, np.log.")
def in_bits(train, held_out, vocab_size):
    return log_loss(smoothed(train, vocab_size), held_out) / np.log(2)


@bigram_loss.mistake(
    "The probabilities are averaged before the logarithm; the loss is the mean of −log P."
)
def log_of_the_mean(train, held_out, vocab_size):
    return -np.log(smoothed(train, vocab_size)[held_out[:-1], held_out[1:]].mean())


@bigram_loss.swap
def reads_python(bigram_loss):
    loss = bigram_loss(*real_text(), 256)
    assert 2 < loss < 3.2, f"On Python's sources the loss should be about 2.6, but it is {loss:.2f}"
    return f"On Python's sources its loss is {loss:.2f}; knowing nothing costs {np.log(256):.2f}."


def descending(p):
    return sorted(range(len(p)), key=lambda token: -p[token])


def count_reaching(p, limit):
    """How many of the likeliest tokens it takes."""
    together, count = 0.0, 0
    for token in descending(p):
        together, count = together + p[token], count + 1
        if together >= limit:
            break
    return count


def only(p, tokens):
    kept = np.array([p[i] if i in set(tokens) else 0.0 for i in range(len(p))])
    return kept / kept.sum()


def distribution(seed, size):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(size, 0.6)), rng.uniform(0.4, 0.95)


top_p = Function(
    name="top_p",
    right=lambda probabilities, limit: only(
        probabilities, descending(probabilities)[: count_reaching(probabilities, limit)]
    ),
    example=lambda rng: distribution(rng.integers(999), 13),
    cases=st.builds(distribution, seeds, st.integers(1, 7)),
    hints=(
        "np.argsort(-probabilities) lists the tokens from the likeliest down.",
        "np.cumsum adds up along that list. Which token is the first to reach the limit?",
        "A token stays if the sum of those before it is less than the limit: subtract each "
        "token's own probability from the cumulative sum.",
        "Begin with zeros, and fill in the kept tokens at their own places, then scale.",
    ),
)


@top_p.mistake(
    "The token that reaches the limit is cut as well: what is kept should sum to at least "
    "`limit`. With a likeliest token above the limit, nothing at all would be left."
)
def without_the_last(probabilities, limit):
    return only(
        probabilities, descending(probabilities)[: count_reaching(probabilities, limit) - 1]
    )


@top_p.mistake("The kept probabilities are not scaled: they should sum to 1 again.")
def not_scaled(probabilities, limit):
    kept = descending(probabilities)[: count_reaching(probabilities, limit)]
    return only(probabilities, kept) * probabilities[kept].sum()


@top_p.mistake(
    "The tokens are added up in the order of their ids: begin with the likeliest, else some "
    "unlikely ones are kept for being early in the vocabulary."
)
def by_id(probabilities, limit):
    before = np.cumsum(probabilities) - probabilities
    return only(probabilities, np.flatnonzero(before < limit))


@top_p.mistake("It begins with the unlikeliest: argsort sorts upwards, so sort −probabilities.")
def unlikely_first(probabilities, limit):
    order = descending(probabilities)[::-1]
    before = np.cumsum(probabilities[order]) - probabilities[order]
    return only(probabilities, np.array(order)[before < limit])


@top_p.mistake(
    "The answer is in the order of the sorted tokens: put each probability back at the place of "
    "its token, else likely tokens are drawn under another's name."
)
def left_sorted(probabilities, limit):
    count = count_reaching(probabilities, limit)
    return np.sort(only(probabilities, descending(probabilities)[:count]))[::-1]


@top_p.mistake("One token too many is kept: the one that reaches the limit is the last.")
def one_too_many(probabilities, limit):
    count = count_reaching(probabilities, limit) + 1
    return only(probabilities, descending(probabilities)[:count])


@top_p.mistake(
    "Tokens are kept until the cut ones would sum to `limit`: it is the kept ones that must "
    "reach it. This one is top-(1 − p)."
)
def the_rest(probabilities, limit):
    count = count_reaching(probabilities, 1 - limit)
    return only(probabilities, descending(probabilities)[:count])


@top_p.mistake(
    "Tokens are kept for being above a share of the likeliest one (that is min-p); here the sum "
    "of the kept ones decides."
)
def share_of_the_likeliest(probabilities, limit):
    return only(probabilities, np.flatnonzero(probabilities >= limit * probabilities.max()))


def write(next_probabilities, length=400):
    """Bytes drawn one after another, each given the one before."""
    rng, written = np.random.default_rng(0), [ord("\n")]
    for _ in range(length):
        p = next_probabilities(written[-1])
        written.append(int(rng.choice(len(p), p=p)))
    return np.array(written)


@top_p.mistake(
    "The kept tokens are all equally likely now. They keep their own probabilities, each divided "
    "by the sum of the kept ones."
)
def equally_likely(probabilities, limit):
    kept = descending(probabilities)[: count_reaching(probabilities, limit)]
    return only(np.ones_like(probabilities), kept)


@top_p.mistake(
    "The exponential is taken once more. These are probabilities already, not logits: divide the "
    "kept ones by their sum."
)
def softmax_again(probabilities, limit):
    kept = descending(probabilities)[: count_reaching(probabilities, limit)]
    return only(np.exp(probabilities), kept)


@top_p.swap
def likelier_text(top_p):
    table = smoothed(real_text()[0], 256)
    all_of_it = log_loss(table, write(lambda last: table[last]))
    cut = log_loss(table, write(lambda last: top_p(table[last], 0.7)))
    assert cut < all_of_it - 0.3, (
        f"Text written with top-p 0.7 should be likelier, but −log P is {cut:.2f} a byte, and "
        f"{all_of_it:.2f} without."
    )
    return f"A bigram model writes with −log P of {cut:.2f} a byte, and {all_of_it:.2f} without."


def softmax(x):
    powers = np.exp(x - x.max())
    return powers / powers.sum()


def cut_to(scores, top_k):
    least = np.sort(scores)[-top_k]
    return np.where(scores >= least, scores, -np.inf)


def drawn(p, u):
    return np.array([int(np.argmax(np.cumsum(p) > number)) for number in u])


def sampling_case(seed, size, spread):
    rng = np.random.default_rng(seed)
    logits = spread * rng.permutation(size) + rng.uniform(size=size)
    return logits, rng.uniform(0.3, 2), int(rng.integers(1, size + 1)), rng.random(11)


def sampling_example(rng):
    """Logits around 0, or around 2000, which softmax must not mind."""
    logits = rng.normal(scale=1.5, size=11) + rng.choice([0, 2000])
    return logits, rng.uniform(1.3, 1.9), 5, rng.random(61)


sample = Function(
    name="sample",
    right=lambda logits, temperature, top_k, u: drawn(
        softmax(cut_to(logits / temperature, top_k)), u
    ),
    example=sampling_example,
    cases=st.builds(sampling_case, seeds, st.integers(1, 6), st.sampled_from([0.1, 1, 500])),
    hints=(
        "Divide the logits by the temperature. Softmax of that, but first cut the tokens.",
        "A token that is cut has the logit −∞: its exponential is 0. (0 would be a fair chance.)",
        "np.cumsum(p) has the right-hand ends of the stretches. The token is the number of ends "
        "that lie at or below u.",
        'np.searchsorted(np.cumsum(p), u, side="right") counts them for all u at once.',
    ),
)


@sample.mistake("The logits are multiplied by the temperature: a hot model must get less sure.")
def multiplied(logits, temperature, top_k, u):
    return drawn(softmax(cut_to(logits * temperature, top_k)), u)


@sample.mistake("The temperature has no effect: the logits are divided by it.")
def without_temperature(logits, temperature, top_k, u):
    return drawn(softmax(cut_to(logits, top_k)), u)


@sample.mistake(
    "The probabilities are divided by the temperature, which scaling to 1 undoes: divide the "
    "logits, before softmax."
)
def probabilities_divided(logits, temperature, top_k, u):
    p = softmax(cut_to(logits, top_k)) / temperature
    return np.minimum(np.searchsorted(np.cumsum(p), u, side="right"), len(p) - 1)


@sample.mistake(
    "exp overflows where logits are large, and infinity over infinity is NaN: subtract the "
    "largest logit first. It cancels."
)
def without_the_largest(logits, temperature, top_k, u):
    powers = np.exp(cut_to(logits / temperature, top_k))
    return np.searchsorted(np.cumsum(powers / powers.sum()), u, side="right")


@sample.mistake("top_k has no effect: all but the top_k likeliest tokens have probability 0.")
def without_top_k(logits, temperature, top_k, u):
    return drawn(softmax(logits / temperature), u)


@sample.mistake(
    "The tokens that are cut have the logit 0, which is a fair chance: exp(0) = 1. Give them −∞."
)
def cut_to_zero(logits, temperature, top_k, u):
    scores = logits / temperature
    return drawn(softmax(np.where(scores >= np.sort(scores)[-top_k], scores, 0.0)), u)


@sample.mistake("The least likely tokens are kept: argsort sorts upwards, so take its last ones.")
def least_likely(logits, temperature, top_k, u):
    return drawn(softmax(-cut_to(-logits / temperature, top_k)), u)


@sample.mistake(
    "The kept probabilities sum to less than 1, so a large u falls beyond them: scale them after "
    "the cut, or cut before softmax."
)
def not_scaled_again(logits, temperature, top_k, u):
    scores = logits / temperature
    p = np.where(np.isfinite(cut_to(scores, top_k)), softmax(scores), 0.0)
    return np.searchsorted(np.cumsum(p), u, side="right")


@sample.mistake(
    "It always answers with the likeliest token, whatever u is: that is greedy, not a draw."
)
def greedy(logits, temperature, top_k, u):
    return np.full(len(u), np.argmax(logits))


@sample.mistake(
    "This is the place among the sorted tokens. Which token stands there, the order of the "
    "sort tells; and the stretches should lie in the order of the ids."
)
def rank_for_token(logits, temperature, top_k, u):
    return drawn(np.sort(softmax(cut_to(logits / temperature, top_k)))[::-1], u)


@sample.mistake(
    "The stretches lie in the order of the sorted tokens: here they lie in the order of the ids. "
    "(As random draws both are right, but these u are given.)"
)
def sorted_stretches(logits, temperature, top_k, u):
    order = np.argsort(-logits)
    return order[drawn(softmax(cut_to(logits / temperature, top_k))[order], u)]


@sample.swap
def colder_is_likelier(sample):
    table, rng = smoothed(real_text()[0], 256), np.random.default_rng(0)

    def loss_at(temperature, top_k):
        written = [ord("\n")]
        for _ in range(400):
            u = rng.random(1)
            written.append(int(sample(np.log(table[written[-1]]), temperature, top_k, u)[0]))
        return log_loss(table, np.array(written))

    cold, hot = loss_at(0.5, 40), loss_at(1.0, 256)
    assert cold < hot - 0.3, (
        f"Text at temperature 0.5 should be likelier than at 1, but −log P is {cold:.2f} a byte "
        f"against {hot:.2f}."
    )
    return f"A bigram model writes with −log P of {cold:.2f} a byte at 0.5, and {hot:.2f} at 1."
