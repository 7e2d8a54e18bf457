"""`fit` and `predict`, as a person runs them, on small real data made on the spot."""

import json

import numpy as np
import pytest
from rich.console import Console

import minitransformer as mt
from minitransformer.cli import main
from minitransformer.models.checkpoint import load_checkpoint, save_checkpoint
from minitransformer.training.fit_command import fit_command
from minitransformer.training.log import read_log
from minitransformer.training.loop import Trainer
from minitransformer.training.run import Run
from minitransformer.training.tasks import FitSettings, Source, find_task

QUIET = Console(quiet=True)
GOOD = ["a lovely film", "what a fine story", "warm and funny", "the best of the year", "superb"]
BAD = ["a dull film", "what a poor story", "cold and stupid", "the worst of the year", "awful"]


@pytest.fixture
def command(capsys):
    def call(*arguments):
        """Exit code, standard output and standard error of a command."""
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return stop.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture
def reviews(tmp_path):
    """A CSV of 80 sentences whose class a few words decide."""
    file = tmp_path / "reviews.csv"
    rows = [
        (f"{text}, number {i}", name)
        for i in range(8)
        for name, texts in (("good", GOOD), ("bad", BAD))
        for text in texts
    ]
    file.write_text("text,label\n" + "".join(f'"{text}",{name}\n' for text, name in rows))
    return file


@pytest.fixture
def digits_folder(tmp_path):
    """IDX files of 28 × 28 images: a bright half, above or below, on grey noise."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "idx"
    folder.mkdir()
    for part, count in (("train", 80), ("t10k", 40)):
        labels = (np.arange(count) % 2).astype(np.uint8)
        images = rng.integers(0, 100, size=(count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[14 * label : 14 * label + 14] += 120
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
    return folder


def write_idx(file, array):
    shape = b"".join(size.to_bytes(4, "big") for size in array.shape)
    file.write_bytes(bytes([0, 0, 8, array.ndim]) + shape + array.tobytes())


def fit_images(folder, out, model="mlp", resume=None, **given):
    given = {"epochs": 3, "batch_size": 16, "lr": 3e-3, **given}
    return fit_command(QUIET, "mnist", model, given, Source(folder), out, resume)


def test_fit_a_csv_and_predict(tmp_path, reviews, command):
    pytest.importorskip("matplotlib")
    out = tmp_path / "run"
    code, printed, err = command(
        "fit", reviews, "--epochs", 20, "--batch-size", 8, "--lr", 0.01, "--out", out
    )
    assert code == 0, err
    assert "64 train, 16 held out rows of 2 classes" in printed
    assert "accuracy" in printed and f"minitransformer predict {out}" in printed.replace("\n", "")
    names = {file.name for file in out.iterdir()}
    assert names == {"run.json", "log.jsonl", "last.safetensors", "metrics.json", "confusion.png"}
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["accuracy"] == 1 and metrics["roc_auc"] == 1 and metrics["rows"] == 16
    lines = tmp_path / "lines.txt"
    lines.write_text("the worst\n\na fine\tfilm\n")
    code, printed, _ = command("predict", out, "superb and warm", lines)
    assert code == 0
    answers = [line.split("\t") for line in printed.splitlines()]
    assert [(a[0], a[2]) for a in answers] == [
        ("good", "superb and warm"),
        ("bad", "the worst"),
        ("good", "a fine film"),
    ]
    assert all(0.5 <= float(a[1]) <= 1 for a in answers)


@pytest.mark.parametrize("model", ["mlp", "cnn", "vit"])
def test_fit_images_and_predict_files(tmp_path, digits_folder, command, model):
    out = tmp_path / "run"
    assert fit_images(digits_folder, out, model, epochs=8)["accuracy"] == 1
    image = np.full((28, 28), 20, np.uint8)
    image[14:] = 200
    np.save(tmp_path / "below.npy", image)
    np.save(tmp_path / "two.npy", np.stack([image[::-1], image]) / 255)
    write_idx(tmp_path / "one.idx", image[None])
    files = [tmp_path / name for name in ("below.npy", "two.npy", "one.idx")]
    _, printed, _ = command("predict", out, *files)
    assert [line.split("\t")[0] for line in printed.splitlines()] == ["1", "0", "1", "1"]
    assert "two.npy[1]" in printed


def test_a_picture_is_read_as_its_pixels(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    from minitransformer.training.tasks.image_files import read_images

    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    image.imsave(tmp_path / "grey.png", np.stack([pixels] * 3, axis=2))
    np.testing.assert_array_equal(read_images(tmp_path / "grey.png"), pixels[None])


def test_an_interrupted_fit_ends_in_the_same_bytes(tmp_path, digits_folder, monkeypatch):
    given = {"augment": True, "patience": 5}
    fit_images(digits_folder, tmp_path / "whole", **given)
    step = Trainer.step

    def stop_at_seven(self):
        if self.steps_done == 7:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Trainer, "step", stop_at_seven)
    with pytest.raises(KeyboardInterrupt):
        fit_images(digits_folder, tmp_path / "broken", **given)
    monkeypatch.undo()
    mt.manual_seed(99)  # whatever happened in between
    fit_images(digits_folder, None, resume=tmp_path / "broken", **given)
    whole, broken = (arrays_of(tmp_path / name) for name in ("whole", "broken"))
    assert whole.keys() == broken.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(broken[name], array, err_msg=name)
    steps = [entry["step"] for entry in read_log(tmp_path / "broken" / "log.jsonl")]
    assert steps == list(range(1, 16))


def arrays_of(folder):
    return load_checkpoint(Run(folder).last)[0]


def test_patience_stops_and_keeps_the_best_epoch(tmp_path, digits_folder):
    metrics = fit_images(digits_folder, tmp_path, epochs=30, lr=1.0, patience=2)
    facts = load_checkpoint(Run(tmp_path).best)[1]
    best = facts["progress"]["best_epoch"]
    assert metrics["epochs"] == best + 2 < 30
    losses = [e["validation"]["loss"] for e in read_log(Run(tmp_path).log) if "validation" in e]
    assert losses.index(min(losses)) == best - 1


def test_l1_makes_weights_smaller(tmp_path, digits_folder):
    sums = []
    for l1 in (0.0, 0.01):
        fit_images(digits_folder, tmp_path / str(l1), l1=l1, epochs=10)
        sums.append(sum(np.abs(a).sum() for n, a in weights(tmp_path / str(l1)) if a.ndim == 2))
    assert sums[1] < 0.7 * sums[0]


def weights(folder):
    return [(n, a) for n, a in arrays_of(folder).items() if not n.startswith("optimizer.")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mnits"], "expected one of imdb, rotten-tomatoes, mnist, fashion-mnist, pinyin"),
        (["mnist", "--model", "lstm"], "mnist: model should be one of mlp, cnn, vit"),
        (["imdb", "--model", "cnn"], "imdb: model should be one of transformer, lstm"),
        (["mnist", "--epochs", "0"], "epochs should be at least 1, got 0"),
        (["mnist", "--lr", "nan"], "lr should be a positive number"),
        (["mnist", "--schedule", "linear"], "schedule should be one of cosine, step, constant"),
        (["mnist", "--l1", "-1"], "l1 should not be negative"),
        (["mnist", "--label-smoothing", "2"], "label_smoothing"),
        (["mnist", "--limit", "3"], "limit should be at least 10 rows"),
        (["none.csv"], "none.csv"),
        (["fashion-mnist"], "--root"),
    ],
)
def test_bad_flags_are_refused_and_leave_nothing(tmp_path, command, arguments, words):
    code, _, err = command("fit", *arguments, "--out", tmp_path / "run")
    assert code == 1 and err.startswith("error: ") and words in err
    assert not (tmp_path / "run").exists()


def test_one_class_only_is_refused(tmp_path, command):
    file = tmp_path / "one.csv"
    file.write_text("text,label\n" + "".join(f"film {i},good\n" for i in range(20)))
    code, _, err = command("fit", file, "--out", tmp_path / "run")
    assert code == 1 and "'good'" in err
    file.write_text("text,label\n" + "".join(f"film {i},good\n" for i in range(40)) + "bad,bad\n")
    code, _, err = command("fit", file, "--out", tmp_path / "run")
    assert code == 1 and "rows: expected rows of at least two classes" in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "big.npy",
            np.zeros((9, 8), np.uint8),
            "expected images of 28 × 28 pixels, as the model has learned, got 9 × 8 in",
        ),
        ("colour.npy", np.zeros((1, 28, 28, 3), np.uint8), "should hold grey images"),
        ("large.npy", np.full((28, 28), 1.5), "bytes, or floats from 0 to 1"),
        ("broken.npy", b"\x93NUMPY\x01", "is not an array of NumPy"),
        ("text.png", b"hello", "is not a picture"),
        ("none.png", None, "there is no image"),
    ],
)
def test_images_that_do_not_fit_are_named(tmp_path, digits_folder, command, name, content, words):
    fit_images(digits_folder, tmp_path / "run", epochs=1)
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        np.save(tmp_path / name, content)
    code, printed, err = command("predict", tmp_path / "run", tmp_path / name)
    assert code == 1 and name in err and words in err and printed == ""


def test_a_vocabulary_that_does_not_fit_the_weights(tmp_path, reviews, command):
    out = tmp_path / "run"
    command("fit", reviews, "--epochs", 1, "--out", out)
    arrays, facts = load_checkpoint(Run(out).last)
    known = len(facts["tokenizer"]["words"]) + 2
    facts["tokenizer"]["words"].append("another")
    save_checkpoint(Run(out).last, arrays, facts)
    code, _, err = command("predict", out, "a film")
    assert code == 1
    assert f"the vocabulary has {known + 1} words, but the weights are for {known}" in err
    facts["tokenizer"]["words"].pop()
    facts["classes"].append("another")
    save_checkpoint(Run(out).last, arrays, facts)
    code, _, err = command("predict", out, "a film")
    assert code == 1 and "names 3 classes, but the weights are for 2" in err
    del facts["config"]
    save_checkpoint(Run(out).last, arrays, facts)
    code, _, err = command("predict", out, "a film")
    assert code == 1 and "is damaged: it has no config" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [(" ", "expected a text with words in it"), ("lines.txt", "there is no file lines.txt")],
)
def test_texts_that_are_none(tmp_path, reviews, command, text, words):
    command("fit", reviews, "--epochs", 1, "--out", tmp_path / "run")
    code, printed, err = command("predict", tmp_path / "run", text)
    assert code == 1 and words in err and printed == ""


def test_predict_needs_a_checkpoint_of_a_task(tmp_path, command):
    code, _, err = command("predict", tmp_path, "a film")
    assert code == 1 and "there is no" in err
    save_checkpoint(tmp_path / "last.safetensors", {"w": np.zeros(1, np.float32)}, {})
    code, _, err = command("predict", tmp_path, "a film")
    assert code == 1 and "should be of one of the tasks" in err


@pytest.mark.parametrize("flags", [("--resume", "a", "--out", "b"), ("--root", "other.csv")])
def test_flags_that_contradict_each_other(reviews, command, flags):
    code, _, err = command("fit", reviews, *flags)
    assert code == 1 and err.startswith("error: fit: expected") and flags[1] in err


def test_resuming_refuses_other_flags(tmp_path, digits_folder):
    fit_images(digits_folder, tmp_path / "run", epochs=1)
    with pytest.raises(ValueError, match=r"epochs 1 \(given 2\)"):
        fit_images(digits_folder, None, resume=tmp_path / "run", epochs=2)
    with pytest.raises(ValueError, match=r"model mlp \(given cnn\)"):
        fit_images(digits_folder, None, "cnn", resume=tmp_path / "run", epochs=1)
    with pytest.raises(FileExistsError, match="--resume"):
        fit_images(digits_folder, tmp_path / "run", epochs=1)


def test_every_recipe_is_restored_from_its_config():
    for name in ("imdb", "mnist", "fashion-mnist", "rotten-tomatoes"):
        task, _ = find_task(name)
        for recipe in task.recipes.values():
            facts = ((1, 28, 28), 10) if "mnist" in name else (50, 20, 2)
            model = recipe.build(*facts)
            again = recipe.restore(json.loads(json.dumps(model.config.to_dict())))
            assert again.config == model.config
            again.load_state_dict(model.state_dict())
    assert FitSettings(**FitSettings().to_dict()) == FitSettings()
