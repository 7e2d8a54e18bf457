"""Training: it learns, it stops on NaN, and a resumed run is the uninterrupted one."""

import argparse
import json

import numpy as np
import pytest
from rich.console import Console

import minitransformer as mt
from minitransformer.training import (
    LanguageModelTraining,
    Run,
    Trainer,
    TrainingDiverged,
    load_checkpoint,
    make_settings,
)
from minitransformer.training.log import TrainingLog, read_log
from minitransformer.training.settings import resume_settings

SMALL = {"n_layer": 1, "n_head": 2, "n_embd": 16, "block_size": 16, "batch_size": 4}
TEXT = argparse.__file__  # real text that is on every machine
QUIET = Console(quiet=True)


def training(folder, resume=False, **given):
    settings = make_settings(**{**SMALL, "steps": 12, "eval_every": 4, "eval_batches": 4, **given})
    run = Run(folder)
    made = LanguageModelTraining(run, settings, TEXT, resume, console=QUIET)
    if not resume:
        run.create(settings.to_dict(), TEXT)
    return made


def bytes_of(folder):
    run = Run(folder)
    return run.last.read_bytes(), run.best.read_bytes()


def test_the_loss_falls_and_the_log_says_so(tmp_path):
    result = training(tmp_path, steps=150, eval_every=50, lr=1e-2, warmup=5).fit()
    log = read_log(tmp_path / "log.jsonl")
    held_out = [entry["validation_loss"] for entry in log if "validation_loss" in entry]
    assert [entry["step"] for entry in log] == list(range(151))
    assert held_out[0] == pytest.approx(np.log(256), abs=0.3)  # knows nothing yet
    assert result.validation_loss == held_out[-1] < held_out[0] - 2
    assert all(entry["lr"] > 0 and entry["tokens_per_second"] > 0 for entry in log[1:])


@pytest.mark.parametrize("given", [{}, {"dropout": 0.2}, {"accumulate": 2}, {"tokenizer": "bpe"}])
def test_an_interrupted_run_ends_in_the_same_bytes(tmp_path, given):
    if "tokenizer" in given:
        given = {**given, "vocab_size": 300}
    training(tmp_path / "whole", **given).fit()
    broken = training(tmp_path / "broken", **given)
    step = broken.trainer.step

    def stop_at_seven():
        if broken.trainer.steps_done == 7:
            raise KeyboardInterrupt
        return step()

    broken.trainer.step = stop_at_seven
    with pytest.raises(KeyboardInterrupt):
        broken.fit()
    assert load_checkpoint(Run(tmp_path / "broken").last)[1]["steps_done"] == 4
    mt.manual_seed(99)  # whatever happened in between
    training(tmp_path / "broken", resume=True, **given).fit()
    assert bytes_of(tmp_path / "broken") == bytes_of(tmp_path / "whole")
    steps = [entry["step"] for entry in read_log(tmp_path / "broken" / "log.jsonl")]
    assert steps == list(range(13))


def test_a_checkpoint_has_no_time_and_no_path(tmp_path):
    for name in ("a", "b"):
        training(tmp_path / name).fit()
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    assert str(tmp_path).encode() not in bytes_of(tmp_path / "a")[0]


def test_divergence_is_named_and_the_checkpoint_survives(tmp_path):
    made = training(tmp_path, eval_every=2, warmup=0)
    weight = dict(made.model.named_parameters())["transformer.h.0.mlp.c_fc.weight"]
    step = made.trainer.step

    def poison_at_five():
        if made.trainer.steps_done == 5:
            with mt.no_grad():
                weight[3, 2] = float("nan")
        return step()

    made.trainer.step = poison_at_five
    with pytest.raises(TrainingDiverged, match=r"step 6: .*parameter transformer\.h\.0\.mlp\.c_fc"):
        made.fit()
    arrays, facts = load_checkpoint(Run(tmp_path).last)
    assert facts["steps_done"] == 4
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_a_loss_that_is_not_finite_stops_before_the_update(tmp_path):
    made = training(tmp_path)
    before = {k: v.data.copy() for k, v in made.model.state_dict().items()}
    loss = made.trainer.loss
    made.trainer.loss = lambda model, batch: loss(model, batch) * float("inf")
    with pytest.raises(TrainingDiverged, match=r"step 1: the loss is inf; .*in the forward pass"):
        made.trainer.step()
    for name, value in made.model.state_dict().items():
        np.testing.assert_array_equal(value.data, before[name])


class InfiniteGradient(mt.Function):
    """The identity, with a backward pass that goes wrong."""

    @staticmethod
    def forward(ctx, x):
        return x.copy()

    @staticmethod
    def backward(ctx, dy):
        return (dy * np.inf,)


def test_a_gradient_that_is_not_finite_stops_before_the_update(tmp_path):
    made = training(tmp_path)
    before = {k: v.data.copy() for k, v in made.model.state_dict().items()}
    loss = made.trainer.loss
    made.trainer.loss = lambda model, batch: InfiniteGradient.apply(loss(model, batch))
    with pytest.raises(TrainingDiverged, match=r"step 1: the gradient's norm is .*wte\.weight"):
        made.trainer.step()
    for name, value in made.model.state_dict().items():
        np.testing.assert_array_equal(value.data, before[name])


def test_accumulated_batches_are_one_large_batch():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))

    def weight_after(batches, accumulate):
        mt.manual_seed(0)
        model = mt.nn.Linear(3, 1)
        for p in model.parameters():
            p.data = p.data.astype(np.float64)
        trainer = Trainer(
            model,
            mt.optim.SGD(model.parameters(), lr=0.1),
            iter(batches),
            loss=lambda model, batch: mt.functional.mse_loss(model(batch[0]), batch[1]),
            accumulate=accumulate,
        )
        trainer.step()
        return model.weight.data

    halves = weight_after([(x[:4], y[:4]), (x[4:], y[4:])], accumulate=2)
    np.testing.assert_allclose(halves, weight_after([(x, y)], accumulate=1), rtol=1e-12)


def test_resuming_refuses_another_model_and_another_text(tmp_path):
    made = training(tmp_path)
    made.fit()
    saved = load_checkpoint(made.run.last)[1]["settings"]
    with pytest.raises(ValueError, match=r"n_layer 1 \(given 3\), lr 0.001 \(given 0.1\)"):
        resume_settings(saved, n_layer=3, lr=0.1)
    assert resume_settings(saved, steps=99, n_layer=1).steps == 99
    with pytest.raises(ValueError, match="text is not the one"):
        LanguageModelTraining(made.run, made.settings, json.__file__, True, console=QUIET)


def test_a_folder_with_a_checkpoint_is_not_overwritten(tmp_path):
    training(tmp_path).fit()
    before = bytes_of(tmp_path)
    with pytest.raises(FileExistsError, match="--resume"):
        training(tmp_path)
    assert bytes_of(tmp_path) == before


def test_a_log_line_cut_off_by_a_kill_is_left_out(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert read_log(path) == [{"step": 1, "loss": 2.0}]
    log = TrainingLog(path, keep_until=1)
    log.write(step=2, loss=1.5)
    log.close()
    assert [entry["step"] for entry in read_log(path)] == [1, 2]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lr": float("nan")}, "lr should be a positive number, got nan"),
        ({"lr": 0.0}, "lr should be a positive number"),
        ({"steps": 0}, "steps should be at least 1, got 0"),
        ({"batch_size": -1}, "batch_size should be at least 1"),
        ({"tokenizer": "words"}, "tokenizer should be bytes, chars or bpe, got 'words'"),
        ({"n_embd": 30, "n_head": 4}, "n_embd"),
        ({"dropout": 1.5}, "dropout"),
        ({"preset": "huge"}, "preset should be one of micro, tiny, small, medium"),
        ({"block_size": 10**7}, "block_size 10000000"),
    ],
)
def test_bad_settings_are_refused(tmp_path, given, words):
    with pytest.raises(ValueError, match=words):
        training(tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()
