"""`python -m lessons`: what a learner types, and what comes of it; in a copy of the course."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from lessons.course.curriculum import CURRICULUM, LESSONS
from lessons.course.stubs import stub_of

pytestmark = pytest.mark.lessons  # each command is a process

FILE = "01_gradient_descent.py"


@pytest.fixture
def clone(tmp_path):
    """A copy of lessons/, without what this machine's learner has done."""
    ignore = shutil.ignore_patterns("__pycache__", "output", "progress.txt", "*.mine-*")
    shutil.copytree(LESSONS, tmp_path / "lessons", ignore=ignore)
    shutil.copy(stubs(tmp_path), tmp_path / "lessons/exercises" / FILE)
    return tmp_path


def stubs(folder):
    names = ("step", "descend", "line_backward")
    file = folder / "stubs.py"
    file.write_text(stub_of((LESSONS / "solutions" / FILE).read_text("utf-8"), names), "utf-8")
    return file


def environment(clone):
    own = {"PYTHONPATH": f"{clone}{os.pathsep}{LESSONS.parent}", "COLUMNS": "110"}
    return os.environ | own | {"MINITRANSFORMER_DATA": str(clone / "cache")}


def course(clone, *arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "lessons", *arguments],
        cwd=clone,
        env=environment(clone),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


def solve(clone):
    shutil.copy(clone / "lessons/solutions" / FILE, clone / "lessons/exercises" / FILE)


def test_the_overview_lists_every_lesson_and_what_is_done(clone):
    said = course(clone)
    for lesson in CURRICULUM:
        assert f"{lesson.number:02d}" in said and lesson.title in said
    assert "0 of 3" in said
    solve(clone)
    course(clone, "check", "01", "step")
    assert "1 of 3" in course(clone)
    course(clone, "check", "1")
    assert "✓ 3 of 3" in course(clone)


def test_unwritten_exercises_say_so_and_fail(clone):
    said = course(clone, "check", "01", code=1)
    assert said.count("not written yet") == 3


def test_progress_is_text_and_follows_what_is_true(clone):
    progress = clone / "lessons/exercises/progress.txt"
    solve(clone)
    course(clone, "check", "01", "step")
    assert "01 step solved" in progress.read_text("utf-8").splitlines()
    shutil.copy(stubs(clone), clone / "lessons/exercises" / FILE)
    course(clone, "check", "01", code=1)
    assert "solved" not in progress.read_text("utf-8").split("\n", 1)[1]


def test_hints_come_one_at_a_time(clone):
    first, second = course(clone, "hint", "01"), course(clone, "hint", "01")
    assert "step, hint 1 of 3" in first and "hint 2 of 3" in second and first != second
    assert "descend, hint 1 of" in course(clone, "hint", "01", "descend")
    course(clone, "hint", "01")
    assert "the last one" in course(clone, "hint", "01")


def test_solution_shows_ours(clone):
    assert "return x - rate * slope" in course(clone, "solution", "01")


def test_next_points_to_the_first_unsolved(clone):
    assert "write `step`" in course(clone, "next")
    solve(clone)
    course(clone, "check", "01", "step")
    assert "write `descend`" in course(clone, "next")


def test_reset_keeps_every_version(clone):
    exercises = clone / "lessons/exercises"
    for number in (1, 2):
        (exercises / FILE).write_text(f"mine = {number}\n")
        assert f"01_gradient_descent.mine-{number}.py" in course(clone, "reset", "01")
    for number in (1, 2):
        kept = exercises / f"01_gradient_descent.mine-{number}.py"
        assert kept.read_text() == f"mine = {number}\n"
    assert (exercises / FILE).read_bytes() == stubs(clone).read_bytes()
    course(clone, "reset", "01")
    assert len(list(exercises.glob("*.mine-*"))) == 2, "stubs are not kept"


def test_a_deleted_exercise_can_be_brought_back(clone):
    (clone / "lessons/exercises" / FILE).unlink()
    assert "python -m lessons reset 01" in course(clone, "check", "01", code=1)
    course(clone, "reset", "01")
    course(clone, "check", "01", code=1)


def test_unknown_lessons_and_exercises_are_one_line(clone):
    assert course(clone, "run", "28", code=1) == "error: no lesson '28': there are 01 to 27\n"
    assert "is still to come" in course(clone, "check", coming(), code=1)
    assert "there are step, descend" in course(clone, "check", "01", "stride", code=1)
    assert "no data set 'cats'" in course(clone, "data", "cats", code=1)


def coming():
    absent = [lesson for lesson in CURRICULUM if not lesson.is_here]
    if not absent:
        pytest.skip("every lesson is here")
    return absent[-1].name


def test_data_sets_are_listed(clone):
    said = course(clone, "data")
    assert "mnist" in said and "1.4 MB" in said and "gpt2_tokenizer" in said


def test_watch_checks_again_when_the_file_is_saved(clone):
    out = (clone / "out.txt").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "lessons", "watch", "01"],
        cwd=clone,
        env=environment(clone),
        stdout=out,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(clone / "out.txt", "line_backward: not written yet")
        solve(clone)
        wait_for(clone / "out.txt", "line_backward: right")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
        process.wait()
        out.close()
    assert "Traceback" not in (clone / "out.txt").read_text("utf-8")


def wait_for(file, words, seconds=60):
    end = time.monotonic() + seconds
    while words not in file.read_text("utf-8"):
        assert time.monotonic() < end, file.read_text("utf-8")
        time.sleep(0.05)
