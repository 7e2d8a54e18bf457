"""What the exercises of lesson 13 are held against, the mistakes they know, and their hints."""

from collections import Counter

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minitransformer as mt
from lessons.course.exercise import Function, Gradient
from minitransformer import functional as F
from minitransformer import nn

TEXTS = ["the play within the play", "no zest , no fun", "A film of a film", "no film , no zest"]


def lines_of_python():
    """Lines of the standard library, and whether they raise something; in equal numbers."""
    lines = [line.strip() for line in mt.data.text_corpus()[:400_000].splitlines()]
    lines = [line for line in dict.fromkeys(lines) if 2 <= len(line.split()) <= 12]
    raising = [line for line in lines if line.startswith("raise ")][:150]
    others = [line for line in lines if not line.startswith("raise ")][: len(raising)]
    return raising + others, np.arange(2 * len(raising)) < len(raising)


def train_bag(ids, mask, labels, embed=None, steps=60):
    """Learn one vector a word, judge their mean; returns the share that is right."""
    mt.manual_seed(0)
    table, head = nn.Embedding(int(ids.max()) + 1, 8), nn.Linear(8, 1)
    optimizer = mt.optim.Adam([*table.parameters(), *head.parameters()], lr=0.05)
    mean = embed or F.masked_mean
    for _ in range(steps):
        logits = head(mean(table(ids), mask))[:, 0]
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(logits, labels.astype(np.float32)).backward()
        optimizer.step()
    return np.mean((logits.data > 0) == labels)


def right_vocabulary(texts, least):
    words = " ".join(texts).lower().split()
    common = {word for word in words if words.count(word) >= least}
    numbers = {"<pad>": 0, "<unk>": 1}
    for count in sorted({words.count(word) for word in common}, reverse=True):
        for word in sorted(word for word in common if words.count(word) == count):
            numbers[word] = len(numbers)
    return numbers


def vocabulary_with(texts, least, *, first=("<pad>", "<unk>"), key=None, lower=str.lower):
    counts = Counter(word for text in texts for word in lower(text).split())
    words = [word for word in counts if counts[word] >= least]
    words.sort(key=key and (lambda word: key(counts, word)))
    return {word: number for number, word in enumerate([*first, *words])}


def by_count(counts, word):
    return -counts[word], word


build_vocabulary = Function(
    name="build_vocabulary",
    right=right_vocabulary,
    example=lambda rng: (TEXTS, 2),
    cases=st.tuples(
        st.lists(st.text("aAbc  ", min_size=1, max_size=12), min_size=1, max_size=4),
        st.sampled_from([1, 2, 3]),
    ),
    hints=(
        "Count first: collections.Counter takes all words of all texts.",
        "text.lower().split() gives the words of a text.",
        "sorted(words, key=lambda word: (-counts[word], word)) sorts by two things at once.",
        'Put "<pad>" and "<unk>" in front, and enumerate.',
    ),
)


@build_vocabulary.mistake('"<pad>" and "<unk>" are missing: the words begin with number 2.')
def without_special(texts, least):
    return vocabulary_with(texts, least, first=(), key=by_count)


@build_vocabulary.mistake('"<pad>" and "<unk>" are exchanged: padding is 0.')
def special_exchanged(texts, least):
    return vocabulary_with(texts, least, first=("<unk>", "<pad>"), key=by_count)


@build_vocabulary.mistake('"<unk>" is missing: without it there is no number for a new word.')
def without_unknown(texts, least):
    return vocabulary_with(texts, least, first=("<pad>",), key=by_count)


@build_vocabulary.mistake("The words are in the order of the alphabet; the commonest come first.")
def alphabetical(texts, least):
    return vocabulary_with(texts, least, key=lambda counts, word: word)


@build_vocabulary.mistake(
    "Equally common words come in the order in which they were met. In that of the alphabet, the "
    "numbers do not depend on the order of the texts."
)
def as_met(texts, least):
    return vocabulary_with(texts, least, key=lambda counts, word: -counts[word])


@build_vocabulary.mistake("The rarest words come first: sort by minus the count.")
def rarest_first(texts, least):
    return vocabulary_with(texts, least, key=lambda counts, word: (counts[word], word))


@build_vocabulary.mistake("Equally common words come in the order of the alphabet, backwards.")
def alphabet_backwards(texts, least):
    numbers = vocabulary_with(texts, least, key=lambda counts, word: word, first=())
    counts = Counter(word for text in texts for word in text.lower().split())
    words = sorted(sorted(numbers, reverse=True), key=lambda word: -counts[word])
    return {word: number for number, word in enumerate(["<pad>", "<unk>", *words])}


@build_vocabulary.mistake("Upper case is kept, so that a word is counted twice: text.lower().")
def case_kept(texts, least):
    return vocabulary_with(texts, least, key=by_count, lower=str)


@build_vocabulary.mistake("Words that occur exactly `least` times are left out: use >=, not >.")
def more_than_least(texts, least):
    return vocabulary_with(texts, least + 1, key=by_count)


@build_vocabulary.mistake(
    "All words are there: leave out those that occur less than `least` times."
)
def rare_kept(texts, least):
    return vocabulary_with(texts, 1, key=by_count)


@build_vocabulary.mistake(
    "It counts in how many texts a word occurs; count every time that it does."
)
def texts_counted(texts, least):
    distinct = [" ".join(dict.fromkeys(text.lower().split())) for text in texts]
    return vocabulary_with(distinct, least, key=by_count)


@build_vocabulary.mistake("These are letters: split each text into words.")
def letters(texts, least):
    spaced = [" ".join(text) for text in texts]
    return vocabulary_with(spaced, least, key=by_count)


@build_vocabulary.mistake("The dict goes from number to word; it should go from word to number.")
def number_to_word(texts, least):
    return {number: word for word, number in right_vocabulary(texts, least).items()}


@build_vocabulary.mistake("These are the counts; a word's number is its place in the order.")
def the_counts(texts, least):
    counts = Counter(word for text in texts for word in text.lower().split())
    return {"<pad>": 0, "<unk>": 1} | {w: n for w, n in counts.items() if n >= least}


@build_vocabulary.mistake('The numbers begin with 1: "<pad>" is 0.')
def from_one(texts, least):
    return {word: number + 1 for word, number in right_vocabulary(texts, least).items()}


@build_vocabulary.mistake(
    "Signs are taken out. Words are what stands between white space, and a comma is one of them."
)
def without_signs(texts, least):
    return right_vocabulary([text.replace(",", " ") for text in texts], least)


@build_vocabulary.mistake("A word has to occur `least` times in all texts together, not in one.")
def often_in_one_text(texts, least):
    often = {word for text in texts for word in right_vocabulary([text], least)}
    words = [word for word in right_vocabulary(texts, 1) if word in often]
    return {word: number for number, word in enumerate(words)}


@build_vocabulary.swap
def read_lines(build_vocabulary):
    lines, labels = lines_of_python()
    numbers = build_vocabulary(lines, 2)
    rows = [[numbers.get(word, 1) for word in line.lower().split()] for line in lines]
    right = train_bag(*mt.data.pad_sequences(rows), labels)
    assert right > 0.9, f"With these numbers {right:.0%} of Python's lines are told apart, not all."
    return f"With {len(numbers)} words, {right:.0%} of {len(lines)} lines of Python are told apart."


def right_pad(sequences):
    longest = max(len(sequence) for sequence in sequences)
    ids = [[*sequence] + [0] * (longest - len(sequence)) for sequence in sequences]
    mask = [[t < len(sequence) for t in range(longest)] for sequence in sequences]
    return np.array(ids), np.array(mask)


def pad_example(rng):
    sequences = [rng.integers(2, 30, size=size) for size in (3, 5, 2)]
    sequences[0][1] = 0  # a word, not padding
    return (sequences,)


pad_and_mask = Function(
    name="pad_and_mask",
    right=right_pad,
    example=pad_example,
    cases=st.tuples(
        st.lists(
            st.lists(st.integers(0, 9), min_size=1, max_size=5).map(np.array),
            min_size=1,
            max_size=4,
        )
    ),
    hints=(
        "How long is the longest? Begin with zeros of (B, T).",
        "Row b gets its words from the left: ids[b, : len(sequence)] = sequence.",
        "The mask asks for lengths, not for ids: np.arange(T) < lengths[:, None].",
    ),
)


@pad_and_mask.mistake(
    "The mask is taken from the ids: a word whose number is 0 counts as padding. Take it from the "
    "lengths."
)
def mask_from_ids(sequences):
    ids, _ = right_pad(sequences)
    return ids, ids != 0


@pad_and_mask.mistake("The mask is upside down: True stands at words, False at the padding.")
def mask_upside_down(sequences):
    ids, mask = right_pad(sequences)
    return ids, ~mask


@pad_and_mask.mistake("The padding is on the left; words begin at place 0.")
def padded_left(sequences):
    ids, mask = right_pad(sequences)
    shifts = ids.shape[1] - mask.sum(axis=1)
    rolled = [[np.roll(row, k) for row, k in zip(a, shifts, strict=True)] for a in (ids, mask)]
    return np.array(rolled[0]), np.array(rolled[1])


@pad_and_mask.mistake("The rows are cut to the shortest; fill up to the longest.")
def cut_to_shortest(sequences):
    shortest = min(map(len, sequences))
    ids = np.array([sequence[:shortest] for sequence in sequences])
    return ids, np.ones(ids.shape, bool)


@pad_and_mask.mistake("The last word of each row is masked: compare with <, and the whole length.")
def one_too_few(sequences):
    ids, mask = right_pad(sequences)
    lengths = mask.sum(axis=1, keepdims=True)
    return ids, np.arange(ids.shape[1]) < lengths - 1


@pad_and_mask.mistake("One place after each row counts as a word: compare with <, not <=.")
def one_too_many(sequences):
    ids, mask = right_pad(sequences)
    return ids, np.arange(ids.shape[1]) <= mask.sum(axis=1, keepdims=True)


@pad_and_mask.mistake("It is filled up with −1; padding is number 0.")
def filled_with_minus_one(sequences):
    ids, mask = right_pad(sequences)
    return np.where(mask, ids, -1), mask


@pad_and_mask.mistake("It is filled up with 1, the number of unknown words; padding is 0.")
def filled_with_unknown(sequences):
    ids, mask = right_pad(sequences)
    return np.where(mask, ids, 1), mask


@pad_and_mask.mistake("Each row is filled up with its last word; padding is number 0.")
def last_word_repeated(sequences):
    ids, mask = right_pad(sequences)
    last = np.array([sequence[-1] for sequence in sequences])[:, None]
    return np.where(mask, ids, last), mask


@pad_and_mask.mistake("Everything is a word in this mask: it should be False at the padding.")
def mask_of_ones(sequences):
    ids, mask = right_pad(sequences)
    return ids, np.ones_like(mask)


@pad_and_mask.mistake("There is one place too many: T is the length of the longest.")
def one_place_more(sequences):
    return tuple(np.pad(a, ((0, 0), (0, 1))) for a in right_pad(sequences))


@pad_and_mask.mistake("The order is (ids, mask): ids first.")
def other_way_round(sequences):
    return right_pad(sequences)[::-1]


@pad_and_mask.mistake("These are lengths (B,); the mask has an entry a place, (B, T).")
def lengths_for_mask(sequences):
    return right_pad(sequences)[0], np.array([len(sequence) for sequence in sequences])


@pad_and_mask.mistake("The words of each row are backwards.")
def backwards(sequences):
    return right_pad([sequence[::-1] for sequence in sequences])


@pad_and_mask.mistake("The rows are sorted by length: leave them in their order, as labels are.")
def sorted_by_length(sequences):
    return right_pad(sorted(sequences, key=len, reverse=True))


@pad_and_mask.swap
def read_padded(pad_and_mask):
    lines, labels = lines_of_python()
    numbers = right_vocabulary(lines, 2)
    rows = [[numbers.get(word, 1) for word in line.lower().split()] for line in lines]
    right = train_bag(*pad_and_mask([np.array(row) for row in rows]), labels)
    assert right > 0.9, f"Padded so, {right:.0%} of Python's lines are told apart, not nearly all."
    return f"Padded so, {right:.0%} of {len(lines)} lines of Python are told apart."


def right_mean(x, mask):
    return np.array([row[words].mean(axis=0) for row, words in zip(x, mask, strict=True)])


def mean_example(rng):
    return rng.normal(size=(3, 5, 7)), np.arange(5) < np.array([[2], [5], [1]])


masked_mean_backward = Gradient(
    name="masked_mean_backward",
    forward=right_mean,
    bank="masked_mean",
    example=mean_example,
    cases=st.tuples(
        arrays(float, (2, 3, 2), elements=st.floats(-5, 5)),
        st.sampled_from([[[1, 0, 0], [1, 1, 1]], [[1, 1, 0], [0, 1, 1]]]).map(
            lambda rows: np.array(rows, bool)
        ),
    ),
    hints=(
        "Each of n words is a share of 1 / n in the mean of its row; padding has no share.",
        "mask / mask.sum(axis=1, keepdims=True) are the shares, (B, T).",
        "dx[b, t] is share[b, t] times dy[b]: give both the axes that they lack, with None.",
    ),
)


@masked_mean_backward.mistake(
    "The whole gradient goes to the first word: a mean hears all of them, each 1 / n."
)
def first_word(dy, x, mask):
    dx = np.zeros_like(x)
    dx[:, 0] = dy
    return dx


@masked_mean_backward.mistake(
    "It is divided by the number of texts: the mean runs over the words of each."
)
def divided_by_texts(dy, x, mask):
    return (dy / len(x))[:, None] * mask[..., None]


@masked_mean_backward.mistake(
    "It is divided by the number of features: the mean runs over the words of each text."
)
def divided_by_features(dy, x, mask):
    return (dy / x.shape[2])[:, None] * mask[..., None]


@masked_mean_backward.mistake(
    "x is in it: the mean is linear in x, so that its gradient does not depend on x."
)
def times_x(dy, x, mask):
    return x * (mask / mask.sum(axis=1, keepdims=True))[..., None] * dy[:, None]


@masked_mean_backward.mistake(
    "It is divided by the number of words twice: each word's share is 1 / n."
)
def divided_twice(dy, x, mask):
    return (mask / mask.sum(axis=1, keepdims=True) ** 2)[..., None] * dy[:, None]


@masked_mean_backward.mistake(
    "The whole gradient goes to the last word: a mean hears all of them, each 1 / n."
)
def last_word(dy, x, mask):
    dx = np.zeros_like(x)
    dx[np.arange(len(x)), mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)] = dy
    return dx


@masked_mean_backward.mistake("It is divided by the root of the number of words: each has 1 / n.")
def root_of_words(dy, x, mask):
    return (mask / np.sqrt(mask.sum(axis=1, keepdims=True)))[..., None] * dy[:, None]


class LearnersMean(mt.Function):
    """The masked mean with the backward pass of `through`."""

    through = None

    @staticmethod
    def forward(ctx, x, mask):
        ctx.save(x, mask)
        return right_mean(x, mask).astype(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, mask = ctx.saved
        dx = LearnersMean.through(dy.astype(float), x.astype(float), mask)
        return np.asarray(dx, x.dtype), None


@masked_mean_backward.swap
def learn_through_a_mean(masked_mean_backward):
    LearnersMean.through = staticmethod(masked_mean_backward)
    lines, labels = lines_of_python()
    numbers = right_vocabulary(lines, 2)
    rows = [[numbers.get(word, 1) for word in line.lower().split()] for line in lines]
    ids, mask = mt.data.pad_sequences(rows)
    right = train_bag(ids, mask, labels, embed=LearnersMean.apply)
    assert right > 0.9, f"Through this mean, {right:.0%} of Python's lines are told apart."
    return f"Through this mean, {right:.0%} of {len(lines)} lines of Python are told apart."


def rates(target, predicted):
    """tp, fp, fn, tn"""
    target, predicted = np.asarray(target) == 1, np.asarray(predicted) == 1
    pairs = (target & predicted, ~target & predicted, target & ~predicted, ~target & ~predicted)
    return [int(pair.sum()) for pair in pairs]


def right_f1(target, predicted):
    tp, fp, fn, _ = rates(target, predicted)
    return 2 * tp / (2 * tp + fp + fn) if tp else 0.0


def ratio(above, below):
    return above / below if below else 0.0


zeros_and_ones = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=8)

f1_score = Function(
    name="f1_score",
    right=right_f1,
    # 5 found, 2 false alarms, 3 missed, 11 rightly left alone
    example=lambda rng: tuple(
        np.array(rng.permutation([(1, 1)] * 5 + [(0, 1)] * 2 + [(1, 0)] * 3 + [(0, 0)] * 11)).T
    ),
    cases=zeros_and_ones.map(lambda rows: tuple(np.array(rows).T)),
    hints=(
        "tp counts the rows where both are 1: np.sum((target == 1) & (predicted == 1)).",
        "fp: taken for 1, but 0. fn: 1, but taken for 0. Rows that are 0 for both count nowhere.",
        "2 tp / (2 tp + fp + fn) needs no precision and no recall.",
        "Where nothing was found, tp is 0: return 0.0 before you divide.",
    ),
)


@f1_score.mistake(
    "This is the accuracy: it counts the zeros that were left alone too. Of 1,000 rows with ten "
    "ones, a model that finds none of them has 99% of it, and an F1 of 0."
)
def the_accuracy(target, predicted):
    tp, fp, fn, tn = rates(target, predicted)
    return (tp + tn) / (tp + fp + fn + tn)


@f1_score.mistake("This is the precision alone; ones that were missed do not lower it.")
def precision(target, predicted):
    tp, fp, _, _ = rates(target, predicted)
    return ratio(tp, tp + fp)


@f1_score.mistake("This is the recall alone; false alarms do not lower it.")
def recall(target, predicted):
    tp, _, fn, _ = rates(target, predicted)
    return ratio(tp, tp + fn)


@f1_score.mistake(
    "This is the plain mean of precision and recall; the harmonic one, 2 / (1/p + 1/r), is near 0 "
    "if either is."
)
def plain_mean(target, predicted):
    return (precision(target, predicted) + recall(target, predicted)) / 2


@f1_score.mistake("The 2 is missing: 2 · precision · recall / (precision + recall).")
def half(target, predicted):
    return right_f1(target, predicted) / 2


@f1_score.mistake("This is their geometric mean, √(precision · recall); F1 is the harmonic one.")
def geometric(target, predicted):
    return float(np.sqrt(precision(target, predicted) * recall(target, predicted)))


@f1_score.mistake(
    "tp counts once below: it is 2 tp / (2 tp + fp + fn); this is tp / (tp + fp + fn)."
)
def jaccard(target, predicted):
    tp, fp, fn, _ = rates(target, predicted)
    return ratio(tp, tp + fp + fn)


@f1_score.mistake("This is the F1 of class 0; count the ones.")
def of_class_zero(target, predicted):
    return right_f1(1 - np.asarray(target), 1 - np.asarray(predicted))


@f1_score.mistake("This is the mean of both classes' F1; only class 1 is asked for.")
def macro(target, predicted):
    return (right_f1(target, predicted) + of_class_zero(target, predicted)) / 2


@f1_score.mistake("The product of precision and recall is not divided by their mean.")
def product(target, predicted):
    return precision(target, predicted) * recall(target, predicted)


@f1_score.mistake("The rows where both are 0 are counted below as well; F1 does not know them.")
def zeros_counted(target, predicted):
    tp, fp, fn, tn = rates(target, predicted)
    return ratio(2 * tp, 2 * tp + fp + fn + tn)


@f1_score.mistake("Ones that were missed are not counted: fn is missing below.")
def without_missed(target, predicted):
    tp, fp, _, _ = rates(target, predicted)
    return ratio(2 * tp, 2 * tp + fp)


@f1_score.mistake("The 2 is missing below, so that it goes beyond 1: 2 tp / (2 tp + fp + fn).")
def without_two_below(target, predicted):
    tp, fp, fn, _ = rates(target, predicted)
    return ratio(2 * tp, tp + fp + fn)


@f1_score.swap
def choose_a_threshold(f1_score):
    """Few ones among many zeros: where should one cut?"""
    rng = np.random.default_rng(0)
    target = (rng.random(2000) < 0.1).astype(int)
    scores = rng.normal(size=2000) + 1.8 * target
    weight, bias = 0.0, 0.0
    for _ in range(300):
        p = 1 / (1 + np.exp(-(weight * scores + bias)))
        weight -= 2.0 * np.mean((p - target) * scores)
        bias -= 2.0 * np.mean(p - target)
    p = 1 / (1 + np.exp(-(weight * scores + bias)))
    cuts = np.linspace(0.05, 0.95, 19)
    best = max(cuts, key=lambda cut: f1_score(target, (p > cut).astype(int)))
    found = [np.mean(p[target == 1] > cut) for cut in (best, 0.5)]
    assert best < 0.5 and found[0] > found[1], (
        f"The best cut by your F1 is {best:.2f}, and finds {found[0]:.0%} of rare ones; by F1 it "
        "should lie below 0.5, and find more of them."
    )
    return (
        f"By F1 a logistic regression is best cut at {best:.2f}: it finds {found[0]:.0%} of rare "
        f"ones, at 0.5 {found[1]:.0%}."
    )
