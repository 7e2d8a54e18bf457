"""What the exercises of lesson 15 are held against, the mistakes they know, and their hints."""

import re
from functools import cache

import numpy as np
from hypothesis import strategies as st

import minitransformer as mt
from lessons.course.exercise import Function
from minitransformer.models import BERT, BERTConfig, BERTMaskedLM

seeds = st.integers(0, 10_000)


def cut(word, vocab, longest=True, mark="##"):
    """(the pieces, the rest that no piece fits), by recursion."""
    sizes = range(len(word), 0, -1) if longest else range(1, len(word) + 1)

    def rest(word, prefix):
        if not word:
            return [], ""
        size = next((n for n in sizes if n <= len(word) and prefix + word[:n] in vocab), None)
        if size is None:
            return [], word
        pieces, left = rest(word[size:], mark)
        return [prefix + word[:size], *pieces], left

    return rest(word, "")


def right_pieces(word, vocab):
    pieces, left = cut(word, vocab)
    return ["[UNK]"] if left else pieces


VOCAB = ("un", "u", "play", "##play", "##p", "##able", "##a", "##b", "##le", "able", "##l", "##e")
VOCAB += ("p", "##lay", "##y", "unplay", "##ed", "##n", "##bl")
EXAMPLE = set(VOCAB)
words = st.text("abunply", min_size=1, max_size=8)
some_pieces = st.sets(st.sampled_from(VOCAB) | st.sampled_from([f"##{c}" for c in "abunply"]))

word_pieces = Function(
    name="word_pieces",
    right=right_pieces,
    example=lambda rng: (
        ["unplayableble", "unpun", "pablexa"][rng.integers(3)],
        EXAMPLE,
    ),
    cases=st.tuples(words, some_pieces.map(lambda chosen: chosen | {"a", "b", "un"})),
    hints=(
        "Keep `start`, where the next piece begins. For the piece, try every end from the end of "
        "the word down, and take the first that is in the vocabulary.",
        'The prefix is "" at start 0, and "##" everywhere else.',
        'If no end fits, nothing that was found so far counts: return ["[UNK]"].',
    ),
)


@word_pieces.mistake(
    'Pieces inside a word are looked up without "##": "able" begins a word, "##able" goes on with '
    "one, and they are different tokens."
)
def without_mark(word, vocab):
    pieces, left = cut(word, vocab, mark="")
    return ["[UNK]"] if left else pieces


@word_pieces.mistake(
    'The pieces are right, but returned without the "##" that belongs to those inside the word.'
)
def mark_taken_off(word, vocab):
    return [piece.removeprefix("##") for piece in right_pieces(word, vocab)]


@word_pieces.mistake("The shortest piece is taken each time: try the longest first.")
def shortest(word, vocab):
    pieces, left = cut(word, vocab, longest=False)
    return ["[UNK]"] if left else pieces


@word_pieces.mistake(
    "The pieces that were found are kept, and [UNK] stands for the rest. If any rest does not fit, "
    "the whole word is [UNK]."
)
def unknown_rest(word, vocab):
    pieces, left = cut(word, vocab)
    return [*pieces, "[UNK]"] if left else pieces


@word_pieces.mistake("A rest that no piece fits is dropped: then the whole word is [UNK].")
def dropped_rest(word, vocab):
    return cut(word, vocab)[0]


@word_pieces.mistake("It stops after the first piece: go on with the rest of the word.")
def first_piece(word, vocab):
    return (cut(word, vocab)[0] or ["[UNK]"])[:1]


@word_pieces.mistake(
    "A character that no piece fits is skipped. The whole word is [UNK] then, so that a rare word "
    "is not taken for another."
)
def skipping(word, vocab):
    pieces = []
    while word:
        found, word = cut(word, vocab) if not pieces else cut("\0" + word, {"\0"} | vocab)
        pieces += [piece for piece in found if piece != "\0"]
        word = word[1:]
    return pieces


@word_pieces.mistake("Only whole words are found: one that is not in `vocab` is cut into pieces.")
def whole_words(word, vocab):
    return [word] if word in vocab else ["[UNK]"]


@word_pieces.mistake(
    "The longest piece is cut off at the end of the word: begin at its beginning. Both spell the "
    "word, but the tokens differ."
)
def from_the_end(word, vocab):
    pieces = []
    while word:
        ends = [word[k:] if k == 0 else f"##{word[k:]}" for k in range(len(word))]
        piece = next((end for end in ends if end in vocab), None)
        if piece is None:
            return ["[UNK]"]
        pieces.insert(0, piece)
        word = word.removesuffix(piece.removeprefix("##"))
    return pieces


@cache
def python_words():
    """Words of Python's standard library, and a vocabulary of their commonest beginnings."""
    found = re.findall("[a-z]+", mt.data.text_corpus()[:200_000].lower())
    names, counts = np.unique(found, return_counts=True)
    common = names[np.argsort(-counts)[:400]].tolist()
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocab = {*common, *(f"##{word}" for word in common), *letters, *(f"##{c}" for c in letters)}
    return names.tolist(), vocab


@word_pieces.swap
def spells_python(word_pieces):
    names, vocab = python_words()
    cuts = [word_pieces(name, vocab) for name in names]
    for name, pieces in zip(names, cuts, strict=True):
        spelled = "".join(piece.removeprefix("##") for piece in pieces)
        assert spelled == name, f"{name!r} should be spelled by its pieces, got {pieces}"
    mean = np.mean([len(pieces) for pieces in cuts])
    return f"{len(names):,} different words of Python's sources take {mean:.1f} pieces each."


def right_hide(ids, ordinary, draw, fate, random_ids, mask_id):
    inputs, targets = ids.copy(), np.full_like(ids, -100)
    for place in np.argwhere(ordinary & (draw < 0.15)):
        place = tuple(place)
        targets[place] = ids[place]
        if fate[place] < 0.8:
            inputs[place] = mask_id
        elif fate[place] < 0.9:
            inputs[place] = random_ids[place]
    return inputs, targets


def hiding_case(seed, rows, length):
    rng = np.random.default_rng(seed)
    ids, random_ids = rng.integers(5, 99, (2, rows, length))
    ordinary = rng.random(ids.shape) < 0.8
    draw = rng.random(ids.shape) * rng.choice([0.16, 1.0], ids.shape)  # many are chosen
    fate = rng.choice([0.0, 0.79, 0.8, 0.85, 0.9, 0.95], ids.shape)
    return ids, ordinary, draw, fate, random_ids, 4


hide = Function(
    name="hide",
    right=right_hide,
    example=lambda rng: hiding_case(rng.integers(99), 13, 17),
    cases=st.builds(hiding_case, seeds, st.integers(1, 4), st.integers(1, 7)),
    hints=(
        "First one boolean array: which places are chosen? The rest follows from it.",
        "np.where(condition, a, b) takes a where the condition holds, and b elsewhere.",
        "The inputs are two such steps: mask_id where chosen and fate < 0.8, then random_ids where "
        "chosen and 0.8 ≤ fate < 0.9.",
        "The targets know nothing of `fate`: np.where(chosen, ids, -100).",
    ),
)


@hide.mistake(
    "The targets are taken from the inputs after they were hidden: the model would learn to answer "
    "[MASK]. Take them from `ids`."
)
def targets_hidden(ids, ordinary, draw, fate, random_ids, mask_id):
    inputs, targets = right_hide(ids, ordinary, draw, fate, random_ids, mask_id)
    return inputs, np.where(targets == -100, -100, inputs)


@hide.mistake(
    "Every place has a target: then copying, which is right nearly everywhere, is what is learned. "
    "Give −100 to the places that are not chosen."
)
def targets_everywhere(ids, *others):
    return right_hide(ids, *others)[0], ids


@hide.mistake(
    "The answers leak: the tokens to guess are still in the inputs. Put mask_id or a random token "
    "in their place."
)
def leaking(ids, *others):
    return ids, right_hide(ids, *others)[1]


@hide.mistake("All chosen tokens become mask_id: a tenth should be random, and a tenth stay.")
def all_masked(ids, ordinary, draw, fate, random_ids, mask_id):
    return right_hide(ids, ordinary, draw, fate * 0, random_ids, mask_id)


@hide.mistake("A fifth is random here: only fate from 0.8 to below 0.9 is; from 0.9 on they stay.")
def none_stay(ids, ordinary, draw, fate, random_ids, mask_id):
    return right_hide(ids, ordinary, draw, np.minimum(fate, 0.85), random_ids, mask_id)


@hide.mistake("A fifth stays here: from 0.8 to below 0.9 the tokens should become random ones.")
def none_random(ids, ordinary, draw, fate, random_ids, mask_id):
    return right_hide(ids, ordinary, draw, np.where(fate >= 0.8, 0.99, fate), random_ids, mask_id)


@hide.mistake("Random tokens and those that stay are exchanged: below 0.9 is random, above stays.")
def exchanged(ids, ordinary, draw, fate, random_ids, mask_id):
    other = np.where(fate >= 0.9, 0.85, np.where(fate >= 0.8, 0.95, fate))
    return right_hide(ids, ordinary, draw, other, random_ids, mask_id)


@hide.mistake(
    "Tokens that stay have no target. They are chosen as well: the model cannot see which ones, "
    "and that is the point of them."
)
def stayed_without_target(ids, ordinary, draw, fate, random_ids, mask_id):
    inputs, targets = right_hide(ids, ordinary, draw, fate, random_ids, mask_id)
    return inputs, np.where(fate >= 0.9, -100, targets)


@hide.mistake("Only places that became [MASK] have a target: all chosen ones should have theirs.")
def masked_alone(ids, ordinary, draw, fate, random_ids, mask_id):
    inputs, targets = right_hide(ids, ordinary, draw, fate, random_ids, mask_id)
    return inputs, np.where(fate >= 0.8, -100, targets)


@hide.mistake("Padding and special tokens are hidden too: only ordinary ones may be chosen.")
def special_too(ids, ordinary, *others):
    return right_hide(ids, ordinary | True, *others)


@hide.mistake("85% are chosen: draw < 0.15 chooses, not draw ≥ 0.15.")
def most_chosen(ids, ordinary, draw, *others):
    return right_hide(ids, ordinary, np.where(draw < 0.15, 1.0, 0.0), *others)


@hide.mistake(
    "Tokens that are not chosen become random: random_ids is for chosen places alone, so combine "
    "both conditions with &."
)
def random_anywhere(ids, ordinary, draw, fate, random_ids, mask_id):
    inputs, targets = right_hide(ids, ordinary, draw, fate, random_ids, mask_id)
    return np.where((fate >= 0.8) & (fate < 0.9), random_ids, inputs), targets


@hide.mistake("Tokens that are not chosen are masked: combine fate < 0.8 with the chosen places.")
def masked_anywhere(ids, ordinary, draw, fate, random_ids, mask_id):
    inputs, targets = right_hide(ids, ordinary, draw, fate, random_ids, mask_id)
    return np.where(fate < 0.8, mask_id, inputs), targets


@hide.mistake("Inputs and targets are exchanged: the inputs come first.")
def targets_first(*inputs):
    return right_hide(*inputs)[::-1]


@hide.mistake("Places that are not chosen have the target 0, a token like others: −100 is none.")
def zero_for_none(*given):
    inputs, targets = right_hide(*given)
    return inputs, np.where(targets == -100, 0, targets)


@hide.mistake("The targets say which places are chosen: they should be the tokens of `ids` there.")
def chosen_for_targets(*given):
    inputs, targets = right_hide(*given)
    return inputs, targets != -100


@hide.mistake("`ordinary` is upside down: it is True at tokens that may be chosen.")
def ordinary_upside_down(ids, ordinary, *others):
    return right_hide(ids, ~ordinary, *others)


ALPHABET = np.arange(5, 29).reshape(4, 6)  # four rows of six letters, each always in its place


def small_bert():
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 24, "max_position_embeddings": 6, "initializer_range": 0.2}
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return BERTMaskedLM(BERT(BERTConfig(29, **sizes, **off)))


def guesses(model):
    """(logits, targets) with each letter hidden in turn."""
    rows, places = np.divmod(np.arange(24), 6)
    inputs, targets = ALPHABET[rows].copy(), np.full((24, 6), -100)
    targets[np.arange(24), places] = inputs[np.arange(24), places]
    inputs[np.arange(24), places] = 4
    with mt.no_grad():
        return model(inputs)[0].numpy().astype(float), targets


def learn(model, hide, steps=150):
    rng = np.random.default_rng(0)
    optimizer = mt.optim.AdamW(model.parameters(), lr=2e-2, weight_decay=0)
    rows = np.tile(ALPHABET, (4, 1))
    for _ in range(steps):
        draws = rng.random((2, *rows.shape))
        random_ids = rng.integers(5, 29, rows.shape)
        inputs, targets = hide(rows, np.ones_like(rows, bool), *draws, random_ids, 4)
        if (targets == -100).all():
            continue
        loss = model(inputs, None, targets)[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@hide.swap
def the_alphabet(hide):
    model = small_bert()
    before = right_loss(*guesses(model))
    learn(model, hide)
    after = right_loss(*guesses(model))
    assert after < 0.5 * before, (
        f"A small BERT should learn to fill in the alphabet, but its loss went from {before:.2f} "
        f"to {after:.2f} only."
    )
    return f"A small BERT learns to fill in the alphabet: loss {before:.2f} → {after:.2f}."


def log_softmax(logits):
    largest = logits.max(axis=-1, keepdims=True)
    return logits - largest - np.log(np.exp(logits - largest).sum(axis=-1, keepdims=True))


def losses(logits, targets):
    """(losses (B, T), which of them count)."""
    counts = targets != -100
    index = np.where(counts, targets, 0)[..., None]
    return -np.take_along_axis(log_softmax(logits), index, axis=-1)[..., 0], counts


def right_loss(logits, targets):
    loss, counts = losses(logits, targets)
    return loss[counts].sum() / counts.sum()


def loss_case(seed, rows, length, size, scale):
    rng = np.random.default_rng(seed)
    targets = rng.integers(size, size=(rows, length))
    targets[rng.random(targets.shape) < 0.6] = -100
    targets[0, 0] = rng.integers(size)
    return rng.normal(size=(rows, length, size)) * scale, targets


hidden_loss = Function(
    name="hidden_loss",
    right=right_loss,
    example=lambda rng: loss_case(rng.integers(99), 5, 11, 13, 2.0),
    cases=st.builds(
        loss_case, seeds, st.integers(1, 3), st.integers(1, 5), st.integers(1, 6),
        st.sampled_from([1.0, 900.0]),
    ),
    hints=(
        "counts = targets != -100 is (B, T): it picks rows of logits as well, logits[counts].",
        "What is left is a plain cross-entropy: N rows of logits, N targets.",
        "log softmax: subtract the largest of each row, then the logarithm of the sum of exp.",
        "Entry i, target i: shifted[np.arange(len(target)), target].",
    ),
)  # fmt: skip


@hidden_loss.mistake(
    "All places count here: −100 picks some logit from the end or is taken for token 0. Leave "
    "those places out, else the loss is mostly of copying."
)
def everywhere(logits, targets):
    return losses(logits, targets)[0].mean()


@hidden_loss.mistake(
    "The sum is divided by all B · T places: divide by the number of those that count, else the "
    "loss gets smaller with fewer hidden tokens."
)
def over_all_places(logits, targets):
    loss, counts = losses(logits, targets)
    return loss[counts].sum() / counts.size


@hidden_loss.mistake("The sum over the places came back: the loss is their mean.")
def summed(logits, targets):
    loss, counts = losses(logits, targets)
    return loss[counts].sum()


@hidden_loss.mistake("The sum is divided by the number of rows B, not by the hidden places.")
def over_rows(logits, targets):
    loss, counts = losses(logits, targets)
    return loss[counts].sum() / len(logits)


@hidden_loss.mistake(
    "Each row's mean is taken first: a row with one hidden token then weighs as much as one with "
    "ten. Take one mean over all hidden places."
)
def mean_of_means(logits, targets):
    loss, counts = losses(logits, targets)
    rows = counts.any(axis=1)
    return ((loss * counts)[rows].sum(axis=1) / counts[rows].sum(axis=1)).mean()


@hidden_loss.mistake("The places that do not count are averaged, and the hidden ones left out.")
def the_others(logits, targets):
    loss, counts = losses(logits, targets)
    return (loss * ~counts).sum() / max(1, (~counts).sum())


@hidden_loss.mistake("The minus is missing: a log-probability is below 0, and a loss above.")
def without_minus(logits, targets):
    return -right_loss(logits, targets)


@hidden_loss.mistake("This is the mean probability of the targets: take −log before the mean.")
def probability(logits, targets):
    loss, counts = losses(logits, targets)
    return np.exp(-loss[counts]).mean()


@hidden_loss.mistake("The logarithm is taken of the mean probability: take it of each one first.")
def log_of_the_mean(logits, targets):
    loss, counts = losses(logits, targets)
    return -np.log(np.exp(-loss[counts]).mean())


@hidden_loss.mistake("The logits themselves are averaged: they are no log-probabilities yet.")
def raw_logits(logits, targets):
    counts = targets != -100
    return -logits[counts][np.arange(counts.sum()), targets[counts]].mean()


@hidden_loss.mistake(
    "softmax runs over the places: each place's own V logits, the last axis, should sum to 1."
)
def over_the_places(logits, targets):
    swapped = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = np.log(np.maximum(swapped / swapped.sum(axis=1, keepdims=True), 1e-300))
    counts = targets != -100
    return -p[counts][np.arange(counts.sum()), targets[counts]].mean()


@hidden_loss.mistake("This is in bits: take the natural logarithm, np.log.")
def in_bits(logits, targets):
    return right_loss(logits, targets) / np.log(2)


@hidden_loss.mistake("The softmax is taken twice: of logits once, then the logarithm.")
def softmax_twice(logits, targets):
    return right_loss(np.exp(log_softmax(logits)), targets)


@hidden_loss.mistake("Token 0 does not count here: only −100 is no target.")
def token_zero_left_out(logits, targets):
    zero = targets == 0
    return right_loss(logits, np.where(zero, -100, targets)) if (targets > 0).any() else 0.0


@hidden_loss.mistake(
    "The largest logit is subtracted within the sum of exp, but not from the target's logit."
)
def shifted_once(logits, targets):
    loss, counts = losses(logits, targets)
    return (loss - logits.max(axis=-1))[counts].mean()


@hidden_loss.swap
def copying_does_not_help(hidden_loss):
    _, targets = guesses(small_bert())
    rows = np.arange(24) // 6
    copying = 9.0 * (ALPHABET[rows][..., None] == np.arange(29)) * (targets == -100)[..., None]
    loss = hidden_loss(copying, targets)
    assert abs(loss - np.log(29)) < 1e-6, (
        f"A model that copies what it sees knows nothing of the hidden: {np.log(29):.2f}, not "
        f"{loss:.2f}."
    )
    model = small_bert()
    before = hidden_loss(*guesses(model))
    learn(model, right_hide)
    after = hidden_loss(*guesses(model))
    assert after < before, f"A model learned, but its loss went from {before:.2f} to {after:.2f}."
    return f"Copying costs {loss:.2f}, as knowing nothing; learning {before:.2f} → {after:.2f}."


def unit(x):
    return x / np.sqrt((x * x).sum(axis=-1, keepdims=True))


def right_places(features, mask):
    rows = zip(features, mask, strict=True)
    return unit(np.stack([row[kept].sum(axis=0) / kept.sum() for row, kept in rows]))


def places_case(seed, rows, length, size):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, length + 1, size=rows)
    mask = np.arange(length) < lengths[:, None]
    return rng.normal(loc=0.5, size=(rows, length, size)), mask


def rows_of_all_lengths(rng):
    """Every row has padding, so that a slip with it shows."""
    features, mask = places_case(rng.integers(99), 5, 13, 7)
    mask[:, -1], mask[:, :2] = False, True
    return features, mask


sentence_places = Function(
    name="sentence_places",
    right=right_places,
    example=rows_of_all_lengths,
    cases=st.builds(places_case, seeds, st.integers(1, 3), st.integers(1, 5), st.integers(2, 4)),
    hints=(
        "mask[:, :, None] is (B, T, 1): multiplied with the features, it makes padding 0.",
        "Sum over the tokens, axis 1. Divide by how many of the row's tokens are real, not by T.",
        "np.linalg.norm(mean, axis=1, keepdims=True) has each row's length.",
    ),
)


@sentence_places.mistake(
    "Padding is averaged in: a sentence's place then depends on the longest one beside it. "
    "Multiply by the mask, and divide by the number of real tokens."
)
def with_padding(features, mask):
    return unit(features.mean(axis=1))


@sentence_places.mistake("The means are right, but not scaled to length 1.")
def not_scaled(features, mask):
    kept = mask[:, :, None]
    return (features * kept).sum(axis=1) / kept.sum(axis=1)


@sentence_places.mistake("These are sums over the real tokens: neither divided nor scaled.")
def sums(features, mask):
    return (features * mask[:, :, None]).sum(axis=1)


@sentence_places.mistake("This is the first token alone, [CLS]: take the mean of all real tokens.")
def first_token(features, mask):
    return unit(features[:, 0])


@sentence_places.mistake("The largest value of each feature is taken: take the mean.")
def largest(features, mask):
    return unit(np.where(mask[:, :, None], features, -np.inf).max(axis=1))


@sentence_places.mistake(
    "Each token is scaled to length 1 before the mean, and the mean is not: take the mean first."
)
def scaled_tokens(features, mask):
    kept = mask[:, :, None]
    return (unit(features) * kept).sum(axis=1) / kept.sum(axis=1)


@sentence_places.mistake("Each token is scaled before the mean: only the mean should be scaled.")
def scaled_twice(features, mask):
    return unit((unit(features) * mask[:, :, None]).sum(axis=1))


@sentence_places.mistake(
    "Each feature is scaled over the sentences: the length of a row, axis 1, should be 1."
)
def scaled_columns(features, mask):
    mean = not_scaled(features, mask)
    return mean / np.linalg.norm(mean, axis=0)


@sentence_places.mistake(
    "All sentences are divided by one length, that of the whole array: give `norm` axis=1."
)
def one_length(features, mask):
    mean = not_scaled(features, mask)
    return mean / np.linalg.norm(mean)


@sentence_places.mistake(
    "The values of a row sum to 1, but its length is not 1: divide by the root of the sum of "
    "their squares."
)
def sum_to_one(features, mask):
    mean = not_scaled(features, mask)
    return mean / np.abs(mean).sum(axis=1, keepdims=True)


@sentence_places.mistake("It is divided by the squared length: a root is missing.")
def squared_length(features, mask):
    mean = not_scaled(features, mask)
    return mean / (mean * mean).sum(axis=1, keepdims=True)


@sentence_places.mistake("The mask is the wrong way round: the padding is averaged, True is real.")
def only_padding(features, mask):
    return unit((features * ~mask[:, :, None]).sum(axis=1))


@sentence_places.mistake("The last real token's features: take the mean of all real tokens.")
def last_token(features, mask):
    return unit(features[np.arange(len(mask)), mask.sum(axis=1) - 1])


@sentence_places.mistake("The first token is left out: [CLS] is real, and belongs to the mean.")
def without_first(features, mask):
    later = mask & (np.arange(mask.shape[1]) > 0)
    return unit((features * later[:, :, None]).sum(axis=1))


@sentence_places.mistake("Each row is divided by its largest value: divide by its length.")
def largest_is_one(features, mask):
    mean = not_scaled(features, mask)
    return mean / np.abs(mean).max(axis=1, keepdims=True)


@sentence_places.swap
def padding_changes_nothing(sentence_places):
    bert = small_bert().bert
    longer = np.pad(ALPHABET[:, :3], ((0, 0), (0, 3)))
    with mt.no_grad():
        short = bert(ALPHABET[:, :3]).numpy().astype(float)
        padded = bert(longer, longer > 0).numpy().astype(float)
    alone = sentence_places(short, np.ones((4, 3), bool))
    cosines = (alone * sentence_places(padded, longer > 0)).sum(axis=1)
    assert np.abs(cosines - 1).max() < 1e-4, (
        f"Padding should not move a sentence, but the cosine of both places is {cosines.min():.3f}."
    )
    return "A sentence has the same place in a BERT, alone or padded to twice its length."
