"""Seq2Seq: equal to PyTorch's, blind to padding, and searched exactly."""

from itertools import product

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import nn, optim
from minitransformer.models import Seq2Seq, Seq2SeqConfig
from minitransformer.models.beam import Decoding, beam_search, greedy_search, until

CONFIG = Seq2SeqConfig(
    source_vocab_size=11, target_vocab_size=9, block_size=12, n_layer=2, n_head=2, n_embd=16
)
PAD, START, END = 0, 1, 2


def make(config=CONFIG):
    """A model whose random weights have opinions, with an output layer that is not tied.

    A random model that is tied to its input writes the same token again and again.
    """
    mt.manual_seed(0)
    model = Seq2Seq(config)
    model.head.weight = nn.Parameter(mt.randn(*model.head.weight.shape))
    with mt.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * mt.randn(*parameter.shape)
    return model


@pytest.fixture(scope="module")
def model():
    return make()


def sources(count=5, length=7):
    """Rows of several lengths, filled up with padding."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(2, length + 1, size=count)
    ids = rng.integers(3, CONFIG.source_vocab_size, size=(count, length))
    return np.where(np.arange(length) < lengths[:, None], ids, PAD)


def targets(count=5, length=6):
    rng = np.random.default_rng(2)
    ids = rng.integers(3, CONFIG.target_vocab_size, size=(count, length))
    lengths = rng.integers(2, length, size=count)
    place = np.arange(length)
    ids = np.where(place < lengths[:, None], ids, np.where(place == lengths[:, None], END, PAD))
    ids[:, 0] = START
    return ids


def search_without_cache(model, source, steps):
    """The likeliest token each time, from a fresh pass over all tokens so far."""
    target = np.full((len(source), 1), START)
    with mt.no_grad():
        for _ in range(steps):
            logits = model.decode(target, *model.encode(source)).numpy()
            target = np.concatenate([target, logits[:, -1].argmax(axis=1)[:, None]], axis=1)
    return [until(row[1:], END) for row in target.tolist()]


def test_cached_tokens_are_the_uncached_ones(model):
    source = sources()
    found = model.eval().generate(source)
    assert found == search_without_cache(model, source, CONFIG.block_size)
    assert len({tuple(row) for row in found}) > 1 and max(map(len, found)) > 3


def test_a_cached_pass_has_the_logits_of_the_whole_one(model):
    source, target = sources(2), targets(2)
    with mt.no_grad():
        whole = model.decode(target, *model.encode(source)).log_softmax().numpy()
    decoding = Decoding(model, np.repeat(source, 3, axis=0)[::3])
    for t in range(target.shape[1]):
        found = decoding.next(np.repeat(target[:, t], 3))  # three hypotheses for each source
        np.testing.assert_allclose(found[::3], whole[:, t], rtol=1e-4, atol=1e-5)
        assert np.array_equal(found[::3], found[1::3])


def test_a_beam_of_one_is_greedy(model):
    for length in (1, 4, 12):
        assert beam_search(model, sources(), 1, length) == greedy_search(model, sources(), length)


def every_target(vocab_size, longest):
    """All that may be written: what ends, and what is cut at `longest` tokens."""
    others = [token for token in range(vocab_size) if token != END]
    for length in range(1, longest + 1):
        for body in product(others, repeat=length - 1):
            yield (*body, END)
    yield from product(others, repeat=longest)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 2.0])
def test_a_wide_beam_finds_the_best_of_all(length_penalty):
    tiny = Seq2SeqConfig(5, 5, 8, n_layer=1, n_head=1, n_embd=8)
    model, source, longest = make(tiny), np.array([[3, 4, 3], [4, 0, 0], [3, 3, 0]]), 4
    memory, mask = model.eval().encode(source)
    for row in range(len(source)):
        worth = {}
        for target in every_target(5, longest):
            with mt.no_grad():
                inputs = np.array([(START, *target[:-1])])
                logits = model.decode(inputs, memory[row : row + 1], mask[row : row + 1])
            steps = logits.log_softmax().numpy()[0, np.arange(len(target)), list(target)]
            worth[target] = steps.sum() / len(target) ** length_penalty
        best = [token for token in max(worth, key=worth.get) if token != END]
        wide = beam_search(model, source[row : row + 1], 5**longest, longest, length_penalty)
        assert wide == [best]


def test_a_beam_finds_what_greedy_misses():
    """The likeliest first token may lead to an unlikely whole."""
    model, source = make(), sources(40)

    def log_probability(rows):
        found = []
        for i, row in enumerate(rows):
            ended = [*row, END][: CONFIG.block_size]
            inputs = np.array([[START, *ended[:-1]]])
            with mt.no_grad():
                logits = model.eval().decode(inputs, *model.encode(source[i : i + 1]))
            found.append(logits.log_softmax().numpy()[0, np.arange(len(ended)), ended].sum())
        return np.array(found)

    greedy, wide = (model.generate(source, beam=beam, length_penalty=0.0) for beam in (1, 5))
    gain = log_probability(wide) - log_probability(greedy)
    assert gain.mean() > 0 and (gain > 1e-3).sum() >= 10


def test_rows_do_not_see_each_other(model):
    source = sources()
    together = model.generate(source, beam=3)
    for i in range(len(source)):
        alone = source[i : i + 1, : (source[i] != PAD).sum()]
        assert model.generate(alone, beam=3) == together[i : i + 1]


def test_padding_changes_nothing(model):
    source, target = sources(), targets()
    model.eval()
    logits, loss = model(source, target)
    wider = np.pad(source, ((0, 0), (0, 4))), np.pad(target, ((0, 0), (0, 3)))
    more, same = model(*wider)
    np.testing.assert_allclose(more.data[:, : logits.shape[1]], logits.data, rtol=1e-4, atol=1e-5)
    assert same.item() == pytest.approx(loss.item(), rel=1e-5)


def test_the_loss_is_of_the_next_tokens_that_are_no_padding(model):
    source, target = sources(), targets()
    logits, loss = model.eval()(source, target)
    logp = logits.log_softmax().data
    picked = [
        -logp[i, t, target[i, t + 1]]
        for i, t in np.ndindex(logits.shape[:2])
        if target[i, t + 1] != PAD
    ]
    assert loss.item() == pytest.approx(np.mean(picked), rel=1e-5)


def test_a_token_does_not_see_those_after_it(model):
    source, target = sources(), targets()
    changed = target.copy()
    changed[:, 4:] = 5
    before, after = (model.eval()(source, t)[0].data for t in (target, changed))
    assert np.array_equal(before[:, :4], after[:, :4])
    assert not np.allclose(before[:, 4], after[:, 4])


def test_generation_leaves_the_model_in_training():
    model = make().train()
    model.encoder.norm.eval()
    model.generate(sources(), beam=2)
    assert model.training and not model.encoder.norm.training


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.generate([[3]], beam=0), "beam should be an integer of at least 1, got 0"),
        (lambda m: m.generate([[3]], beam=2.0), r"beam .* got 2\.0"),
        (lambda m: m.generate([[3]], max_new_tokens=13), r"from 1 to block_size \(12\), got 13"),
        (lambda m: m.generate([[3]], max_new_tokens=0), r"from 1 to block_size \(12\), got 0"),
        (lambda m: m.generate([[3]], beam=2, length_penalty=-1), "length_penalty .* got -1"),
        (lambda m: m.generate([[3] * 13]), r"source has 13 tokens a row, more than block_size"),
        (lambda m: m([[3]], [[START] * 14]), r"target has 13 tokens a row, more than block_size"),
        (lambda m: m.generate([[3], [PAD]]), "a token in every source, row 1 has none"),
        (lambda m: m([[3]], [[START]]), r"T at least 2, got \(1, 1\) for source \(1, 1\)"),
        (lambda m: m([[3]], [[1, 2], [1, 2]]), r"got \(2, 2\) for source \(1, 1\)"),
        (lambda m: Seq2SeqConfig(9, 2, 5, 1, 1, 4), r"three different tokens .* 2, got \(0, 1, 2"),
        (lambda m: Seq2SeqConfig(9, 9, 5, 1, 3, 4), r"n_embd \(4\) should be divisible by n_head"),
        (lambda m: Seq2SeqConfig(9, 9, 5, 1, 1, 4, 1.0), r"dropout should be in \[0, 1\), got 1.0"),
    ],
)
def test_what_is_refused(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


def test_a_token_beyond_the_vocabulary_is_refused(model):
    with pytest.raises(IndexError, match="from 0 to 10, got 11"):
        model.generate([[11]])


def test_the_training_curve_is_pytorch_s():
    torch = pytest.importorskip("torch")
    from seq2seq_in_torch import TorchSeq2Seq

    mt.manual_seed(0)
    ours, theirs = Seq2Seq(CONFIG), TorchSeq2Seq(CONFIG).double()
    ours.to("float64")
    state = {name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()}
    assert state.keys() == theirs.state_dict().keys()
    theirs.load_state_dict(state)
    adam = optim.AdamW(ours.parameters(), lr=3e-3, weight_decay=0.1)
    torch_adam = torch.optim.AdamW(theirs.parameters(), lr=3e-3, weight_decay=0.1)
    source, target = sources(), targets()
    losses = []
    for _ in range(30):
        adam.zero_grad(), torch_adam.zero_grad()
        (_, loss), (_, torch_loss) = (
            ours(source, target),
            theirs(*map(torch.tensor, (source, target))),
        )
        loss.backward(), torch_loss.backward()
        adam.step(), torch_adam.step()
        losses.append((loss.item(), torch_loss.item()))
    ours_curve, torch_curve = np.array(losses).T
    np.testing.assert_allclose(ours_curve, torch_curve, rtol=1e-8)
    assert ours_curve[-1] < 0.5 * ours_curve[0]


def test_it_learns_to_reverse():
    """A task that needs to look at the right place of the source."""
    config = Seq2SeqConfig(9, 9, 8, n_layer=1, n_head=2, n_embd=32)
    mt.manual_seed(0)
    model, rng = Seq2Seq(config), np.random.default_rng(0)
    adam = optim.AdamW(model.parameters(), lr=5e-3)

    def batch(count):
        ids = rng.integers(3, 9, size=(count, 5))
        ends = np.ones((count, 1), int)
        return ids, np.concatenate([START * ends, ids[:, ::-1], END * ends], axis=1)

    for _ in range(250):
        adam.zero_grad()
        model(*batch(64))[1].backward()
        adam.step()
    source, target = batch(100)
    wanted = target[:, 1:-1].tolist()
    right = [found == true for found, true in zip(model.generate(source), wanted, strict=True)]
    assert np.mean(right) > 0.9
