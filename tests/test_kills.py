"""A run killed at any moment and resumed ends in the same bytes as one left alone."""

import argparse
import random
import signal
import subprocess
import sys
import time

import pytest

from minitransformer.training import Run, load_checkpoint

SIZES = "--preset micro --steps 40 --eval-every 4"
FLAGS = ["--text", argparse.__file__, *SIZES.split()]


def train(*flags):
    command = [sys.executable, "-m", "minitransformer", "train", *map(str, flags)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def bytes_of(folder):
    return Run(folder).last.read_bytes(), Run(folder).best.read_bytes()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    begin = time.monotonic()
    process = train(*FLAGS, "--out", folder)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    return bytes_of(folder), time.monotonic() - begin


def steps_saved(folder):
    last = Run(folder).last
    return load_checkpoint(last)[1]["steps_done"] if last.exists() else "no"


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


def kill_after(process, seconds):
    time.sleep(seconds)
    kill(process)


def kill_while_saving(process, run):
    """Kill as soon as a half-written checkpoint is seen, after the first whole one."""
    scratch = run.last.with_name(run.last.name + ".tmp")
    while process.poll() is None and not run.last.exists():
        time.sleep(0.01)
    while process.poll() is None and not scratch.exists():
        pass
    kill(process)
    return scratch.exists()


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(20))
def test_killed_and_resumed(tmp_path, uninterrupted, attempt):
    whole, seconds = uninterrupted
    folder = tmp_path / "run"
    process = train(*FLAGS, "--out", folder)
    if attempt == 0:
        assert kill_while_saving(process, Run(folder))
    else:
        kill_after(process, random.Random(attempt).uniform(0, seconds))
    flags = [[], FLAGS, [*FLAGS, "--out", folder]][attempt % 3 if folder.exists() else 2]
    at = steps_saved(folder)
    resumed = train("--resume", folder, *flags)
    output = resumed.communicate()[0]
    assert resumed.returncode == 0, output
    assert bytes_of(folder) == whole
    assert not list(folder.glob("*.tmp"))
    print(f"killed with {at} steps saved; same bytes")
