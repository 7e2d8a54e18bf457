"""Generation: the cache changes nothing, and sampling is exact, seeded and checked."""

import numpy as np
import pytest
from small_gpt import CONFIG, lively

import minitransformer as mt
from minitransformer.models import GPT, GPTConfig
from minitransformer.models.generation import LayerCache
from minitransformer.models.sampling import sample


@pytest.fixture(scope="module")
def model():
    mt.manual_seed(0)
    return lively(GPT(GPTConfig(**{**CONFIG.to_dict(), "dropout": 0.1})))


def generate_without_cache(model, idx, count, seed, **options):
    """Each token from a fresh pass over the last block_size tokens."""
    generator = np.random.Generator(np.random.Philox(seed))
    model.eval()
    for _ in range(count):
        with mt.no_grad():
            logits = model(idx[:, -model.config.block_size :])[0].numpy()[:, -1]
        idx = np.concatenate([idx, sample(logits, generator, **options)[:, None]], axis=1)
    model.train()
    return idx


@pytest.mark.parametrize("length", [1, 5, 12, 20])
@pytest.mark.parametrize("options", [{}, {"temperature": 0.7, "top_k": 9, "top_p": 0.9}])
def test_cached_tokens_are_the_uncached_ones_also_past_block_size(model, length, options):
    idx = np.random.default_rng(length).integers(0, CONFIG.vocab_size, (2, length))
    found = model.generate(idx, 30, seed=5, **options)
    assert found.shape == (2, length + 30)
    assert found.dtype == np.int64
    assert np.array_equal(found, generate_without_cache(model, idx, 30, 5, **options))
    assert len(np.unique(found[:, length:])) > 5


def test_the_stream_is_what_generate_adds(model):
    idx = [[3, 1, 4]]
    whole = model.generate(idx, 20, seed=2)[0, 3:].tolist()
    for prompt in (idx, [3, 1, 4], np.array([3, 1, 4]), mt.tensor([3, 1, 4])):
        assert list(model.stream(prompt, 20, seed=2)) == whole
    assert all(type(token) is int for token in model.stream(idx, 2))


def test_seeds_decide(model):
    idx = np.array([[1, 2]])
    assert np.array_equal(model.generate(idx, 10, seed=1), model.generate(idx, 10, seed=1))
    assert not np.array_equal(model.generate(idx, 10, seed=1), model.generate(idx, 10, seed=2))
    mt.manual_seed(4)
    first = model.generate(idx, 10)
    assert not np.array_equal(model.generate(idx, 10), first)
    mt.manual_seed(4)
    assert np.array_equal(model.generate(idx, 10), first)
    assert np.array_equal(model.generate(idx, 0), idx)


def test_between_tokens_the_model_is_as_it_was(model):
    model.train()
    model.transformer.drop.eval()
    for _ in model.stream([1], 3):
        assert model.training
        assert not model.transformer.drop.training
        assert model.transformer.h[0].training
        assert model([[1]])[0].requires_grad
    model.train()


def test_generation_leaves_no_graph(model, monkeypatch):
    seen = []

    def noted(idx, caches):
        seen.append(GPT.next_logits(model, idx, caches))
        return seen[-1]

    monkeypatch.setattr(model, "next_logits", noted)
    model.generate([[1, 2]], 3)
    assert [logits.requires_grad for logits in seen] == [False] * 3


def test_a_cache_that_holds_something_takes_one_token_at_a_time(model):
    caches = [LayerCache(CONFIG.block_size) for _ in range(CONFIG.n_layer)]
    model.next_logits(np.array([[1, 2, 3]]), caches)
    assert caches[0].length == 3
    with pytest.raises(ValueError, match="a cache grows by one token at a time, got 2"):
        model.next_logits(np.array([[4, 5]]), caches)


def test_top_k_1_is_greedy(model):
    idx = np.array([[7]])
    found = model.generate(idx, 8, top_k=1)
    with mt.no_grad():
        model.eval()
        logits = model(found[:, :8])[0].numpy()
        model.train()
    assert np.array_equal(logits[0].argmax(axis=1), found[0, 1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, r"temperature should be positive, got 0\.0; use top_k=1 for greedy"),
        ({"temperature": float("nan")}, "temperature should be positive, got nan"),
        ({"top_k": 0}, "top_k should be an integer of at least 1, got 0"),
        ({"top_k": 2.5}, r"top_k should be an integer of at least 1, got 2\.5"),
        ({"top_p": 0.0}, r"top_p should be in \(0, 1\], got 0\.0"),
        ({"top_p": 1.1}, r"top_p should be in \(0, 1\], got 1\.1"),
        ({"max_new_tokens": -1}, "max_new_tokens should be 0 or more, got -1"),
        ({"idx": [[1], [2]]}, r"stream: expected one row of tokens, got shape \(2, 1\)"),
        ({"idx": []}, r"idx should be \(B, T\) with at least one token"),
    ],
)
def test_bad_options_are_refused_before_the_first_token(model, options, message):
    with pytest.raises(ValueError, match=message):
        model.stream(**{"idx": [1], "max_new_tokens": 3, **options})
    if "idx" not in options:
        with pytest.raises(ValueError, match=message):
            model.generate([[1]], **{"max_new_tokens": 3, **options})


LOGITS = np.log(np.array([0.1, 0.4, 0.05, 0.3, 0.15], np.float32))


def frequencies(count=20000, **options):
    rows = np.broadcast_to(LOGITS, (count, 5))
    tokens = sample(rows, np.random.Generator(np.random.Philox(0)), **options)
    return np.bincount(tokens, minlength=5) / count


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.1, 0.4, 0.05, 0.3, 0.15]),
        ({"temperature": 0.5}, np.array([1, 16, 0.25, 9, 2.25]) / 28.5),
        ({"top_k": 2}, [0, 4 / 7, 0, 3 / 7, 0]),
        ({"top_k": 99}, [0.1, 0.4, 0.05, 0.3, 0.15]),
        ({"top_p": 0.39}, [0, 1, 0, 0, 0]),
        ({"top_p": 0.41}, [0, 4 / 7, 0, 3 / 7, 0]),
        ({"top_p": 1.0}, [0.1, 0.4, 0.05, 0.3, 0.15]),
        ({"top_k": 2, "top_p": 0.5}, [0, 1, 0, 0, 0]),
    ],
)
def test_tokens_come_as_often_as_they_should(options, expected):
    np.testing.assert_allclose(frequencies(**options), expected, atol=0.011)


def test_impossible_tokens_never_come_and_large_logits_do_not_overflow():
    generator = np.random.Generator(np.random.Philox(0))
    logits = np.array([[1e4, -np.inf, 1e4]] * 1000)
    assert set(sample(logits, generator).tolist()) == {0, 2}
    assert set(sample(np.array([[1.0, 1.5]] * 9), generator, temperature=1e-310)) == {1}
    ties = np.tile([0.0, 1.0], 500)[None].repeat(20, axis=0)
    assert set(sample(ties, generator, top_k=2).tolist()) == {1, 3}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_numbers_are_refused(bad):
    with pytest.raises(FloatingPointError, match=f"largest logit should be finite, got {bad}"):
        sample(np.array([[0.0, bad]]), np.random.default_rng(0))
