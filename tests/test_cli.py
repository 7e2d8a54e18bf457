"""The commands, as a person runs them."""

import argparse

import pytest

from minitransformer.cli import main
from minitransformer.devices import why_no_cuda
from minitransformer.training import Run
from minitransformer.training.generation import printable
from minitransformer.training.log import read_log

TEXT = argparse.__file__
TINY = "--n-layer=1 --n-head=2 --n-embd=16 --block-size=16 --batch-size=4".split()  # noqa: SIM905
TRAIN = ["train", "--text", TEXT, *TINY, "--steps", "6", "--eval-every", "3"]


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
def trained(tmp_path, command):
    code, _, err = command(*TRAIN, "--out", tmp_path / "run")
    assert code == 0, err
    return tmp_path / "run"


def test_train_ends_with_loss_sample_picture_and_the_next_command(tmp_path, command):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "run"
    code, out, _ = command(*TRAIN, "--out", folder)
    assert code == 0
    assert "validation loss" in out and "a sample" in out
    assert f"minitransformer generate {folder}" in out.replace("\n", "")
    names = {file.name for file in folder.iterdir()}
    assert names == {"run.json", "log.jsonl", "loss.png", "last.safetensors", "best.safetensors"}


def test_resuming_a_finished_run_says_so(trained, command):
    before = Run(trained).last.read_bytes()
    for flags in ([], TRAIN[1:], [*TRAIN[1:], "--out", trained]):
        code, out, _ = command("train", "--resume", trained, *flags)
        assert code == 0 and "is finished: 6 steps done" in out.replace("\n", " ")
    assert Run(trained).last.read_bytes() == before


def test_a_finished_run_goes_on_with_more_steps_in_another_folder(trained, tmp_path, command):
    before = Run(trained).last.read_bytes()
    code, out, _ = command(
        "train", "--resume", trained, "--steps", "8", "--out", tmp_path / "longer"
    )
    assert code == 0 and "going on at step 6" in out
    assert Run(trained).last.read_bytes() == before
    log = read_log(tmp_path / "longer" / "log.jsonl")
    assert [entry["step"] for entry in log] == list(range(9))


def test_resume_without_a_checkpoint_starts_afresh_with_the_same_flags(tmp_path, command):
    whole, early = tmp_path / "whole", tmp_path / "early"
    command(*TRAIN, "--out", whole)
    early.mkdir()
    code, out, _ = command("train", "--resume", early, *TRAIN[1:])
    assert code == 0 and "no checkpoint yet" in out
    assert Run(early).last.read_bytes() == Run(whole).last.read_bytes()


def test_generate_streams_the_same_text_for_the_same_seed(trained, command):
    texts = {command("generate", trained, "def ", "--seed", "5", "--tokens", "30")[1] for _ in "ab"}
    assert len(texts) == 1 and texts.pop().startswith("def ")


def test_control_characters_do_not_reach_the_terminal():
    assert printable("a\tb\n\x1b[31m\x07é\x7f") == "a\tb\n\ufffd[31m\ufffdé\ufffd"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--temperature", "0"], "temperature"),
        (["--temperature", "-1"], "temperature"),
        (["--top-p", "0"], "top_p"),
        (["--top-p", "1.5"], "top_p"),
        (["--top-k", "0"], "top_k"),
        (["--checkpoint", "worst"], "checkpoint should be best or last"),
    ],
)
def test_generate_refuses_bad_sampling(trained, command, flags, words):
    code, out, err = command("generate", trained, "def ", *flags)
    assert code == 1 and err.startswith("error: ") and words in err
    assert "def " not in out


def test_generate_names_a_character_that_the_tokenizer_never_saw(tmp_path, command):
    command(*TRAIN, "--tokenizer", "chars", "--out", tmp_path)
    code, _, err = command("generate", tmp_path, "日本")
    assert code == 1 and "'日' (U+65E5) at position 0" in err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"too short", "tokens but block_size 16"),
        (b"\x00\x01\x02binary" * 100, "is binary, not text: byte 0 is NUL"),
        (b"caf\xe9 " * 100, "is not UTF-8: byte 3"),
        (None, "cannot read"),
    ],
)
def test_train_refuses_a_bad_text_and_leaves_nothing(tmp_path, command, content, words):
    text, out = tmp_path / "text.txt", tmp_path / "run"
    if content is not None:
        text.write_bytes(content)
    code, _, err = command("train", "--text", text, *TINY, "--out", out)
    assert code == 1 and err.startswith("error: ") and words in err
    assert not out.exists()


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign"])
def test_a_damaged_checkpoint_is_named(trained, command, damage):
    path = Run(trained).last
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[-100] ^= 4
    else:
        content = bytearray(b"PK\x03\x04 not a checkpoint")
    path.write_bytes(content)
    code, _, err = command("train", "--resume", trained)
    assert code == 1 and err.startswith("error: ") and "last.safetensors" in err
    assert path.read_bytes() == content


@pytest.mark.skipif(why_no_cuda() is None, reason="this machine has a GPU")
def test_cuda_without_a_gpu_says_why(command, tmp_path):
    code, _, err = command(*TRAIN, "--device", "cuda", "--out", tmp_path / "run")
    assert code == 1 and "cupy" in err.lower()
    assert not (tmp_path / "run").exists()


def test_an_unknown_folder(command, tmp_path):
    code, _, err = command("generate", tmp_path / "none", "def ")
    assert code == 1 and "there is no" in err
    code, _, err = command("train", "--resume", tmp_path / "none")
    assert code == 1 and "there is no run in" in err


def test_doctor_reports(command):
    code, out, _ = command("doctor")
    assert code == 0
    for part in ("machine", "BLAS", "CPU kernels", "GPU"):
        assert part in out
