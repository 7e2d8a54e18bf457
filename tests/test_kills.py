"""A run killed at any moment and resumed ends in the same bytes as one left alone."""

import argparse
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from minitransformer.training import Run, load_checkpoint

SIZES = "--preset micro --steps 200 --eval-every 20"
FLAGS = ["--text", argparse.__file__, *SIZES.split()]


def train(*flags, **environment):
    command = [sys.executable, "-m", "minitransformer", "train", *map(str, flags)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, **options, env=os.environ | environment)


def bytes_of(folder):
    return Run(folder).last.read_bytes(), Run(folder).best.read_bytes()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The bytes of a whole run, and its seconds once its kernels are on disk."""
    results = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("uninterrupted") / "run"
        begin = time.monotonic()
        process = train(*FLAGS, "--out", folder)
        output = process.communicate()[0]
        assert process.returncode == 0, output
        results.append((bytes_of(folder), time.monotonic() - begin))
    assert results[0][0] == results[1][0]
    return results[1]


def steps_saved(folder):
    last = Run(folder).last
    return load_checkpoint(last)[1]["steps_done"] if last.exists() else "no"


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


def kill_after(process, seconds):
    time.sleep(seconds)
    kill(process)


def wait_for_checkpoint(process, run):
    while process.poll() is None and not run.last.exists():
        time.sleep(0.01)


def kill_while_saving(process, run):
    """Kill as soon as a half-written checkpoint is seen, after the first whole one."""
    scratch = run.last.with_name(run.last.name + ".tmp")
    wait_for_checkpoint(process, run)
    while process.poll() is None and not scratch.exists():
        pass
    kill(process)
    return scratch.exists()


def resume(folder, whole, *flags):
    """Take up the run in `folder` again; it must end in the bytes of the whole one."""
    at = steps_saved(folder)
    resumed = train("--resume", folder, *flags)
    output = resumed.communicate()[0]
    assert resumed.returncode == 0, output
    assert bytes_of(folder) == whole
    assert not list(folder.glob("*.tmp"))
    print(f"killed with {at} steps saved; same bytes")


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
    resume(folder, whole, *flags)


@pytest.mark.slow
@pytest.mark.parametrize("checkpoints", [0, 1])
def test_the_first_run_ever_killed_and_resumed(tmp_path, uninterrupted, checkpoints):
    """It computes with kernels that it compiled itself; what resumes it loads them from disk."""
    folder = tmp_path / "run"
    process = train(*FLAGS, "--out", folder, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    if checkpoints:
        wait_for_checkpoint(process, Run(folder))
        kill(process)
    else:
        kill_after(process, uninterrupted[1])  # still compiling
    resume(folder, uninterrupted[0], *FLAGS, "--out", folder)
