"""The lessons themselves: each runs alone, from anywhere, and opens as a notebook."""

import ast
import json
import os
import re
import subprocess
import sys
import time

import pytest

from lessons.course.curriculum import CURRICULUM, LESSONS, PARTS, find_lesson, part_of

HERE = [lesson for lesson in CURRICULUM if lesson.is_here]
SECONDS = 90  # on two cores
every_lesson = pytest.mark.parametrize("lesson", HERE, ids=lambda lesson: lesson.file_name[:-3])


@pytest.mark.lessons
@every_lesson
def test_a_lesson_runs_from_another_folder_without_a_display(lesson, tmp_path, record_property):
    """With the package and the `lessons` extra alone; slower machines may stretch the limit."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["PYTHONPATH"] = str(LESSONS.parent)
    environment["PYTHONWARNINGS"] = "error::UserWarning"  # such as a letter that the font lacks
    limit = SECONDS * float(os.environ.get("MINITRANSFORMER_TEST_PATIENCE", "1"))
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(lesson.script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit,
    )
    seconds = time.monotonic() - begin
    record_property("seconds", seconds)
    print(f"{lesson.file_name}: {seconds:.1f} s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) >= 3, "a lesson prints what it teaches"
    drawn = re.findall(r"picture: lessons/output/(\S+)", done.stdout)
    assert drawn and all((LESSONS / "output" / name).stat().st_size > 5_000 for name in drawn)
    assert all(name.startswith(f"{lesson.number:02d}/") for name in drawn)
    assert not any(tmp_path.iterdir()), "it writes to lessons/output/ alone"


@pytest.mark.lessons
@every_lesson
def test_a_lesson_opens_as_a_notebook(lesson, tmp_path):
    jupytext = pytest.importorskip("jupytext", reason="jupytext is not installed")
    source = lesson.script.read_text("utf-8")
    notebook = jupytext.reads(source, fmt="py:percent")
    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    assert kinds[0] == "markdown" and kinds.count("code") >= 3
    assert notebook["cells"][0]["source"].startswith(f"# {lesson.number:02d} {lesson.title}")
    file = tmp_path / "lesson.ipynb"
    jupytext.write(notebook, file)
    assert len(json.loads(file.read_text("utf-8"))["cells"]) == len(kinds)
    cells = [c["source"] for c in notebook["cells"] if c["cell_type"] == "code"]
    assert ast.dump(ast.parse("\n".join(cells))) == ast.dump(ast.parse(source))


RUN_NOTEBOOK = """
import sys, jupytext, nbclient
nbclient.execute(jupytext.read(sys.argv[1]), cwd=sys.argv[2], kernel_name="python3", timeout=300)
"""


@pytest.mark.lessons
@pytest.mark.parametrize("number", ["01", "04", "06"])
def test_a_lesson_runs_as_a_notebook(number):
    for package in ("jupytext", "nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    script = find_lesson(number).script
    command = [sys.executable, "-c", RUN_NOTEBOOK, str(script), str(script.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr


@every_lesson
def test_a_lesson_is_short_and_asserts_what_it_claims(lesson):
    source = lesson.script.read_text("utf-8")
    assert len(source.splitlines()) < 200
    assert sum(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(source))) >= 3
    assert f"check {lesson.number:02d}" in source, "it ends by pointing to its exercises"


@every_lesson
def test_a_lesson_has_all_its_files(lesson):
    for file in (lesson.exercises, lesson.solutions, lesson.checks):
        assert file.is_file(), f"{file} is missing"


def test_every_file_belongs_to_the_curriculum():
    expected = {lesson.file_name for lesson in CURRICULUM}
    for folder in ("", "exercises", "solutions", "checks"):
        found = {f.name for f in (LESSONS / folder).glob("[0-9]*.py") if ".mine-" not in f.name}
        assert found <= expected


def test_the_curriculum_has_27_lessons_in_five_parts():
    assert [lesson.number for lesson in CURRICULUM] == list(range(1, 28))
    assert len({part_of(lesson) for lesson in CURRICULUM}) == len(PARTS) == 5
    for wanted in ("1", "01", "gradient_descent", "01_gradient_descent", "01_gradient_descent.py"):
        assert find_lesson(wanted) is CURRICULUM[0]
    with pytest.raises(ValueError, match="no lesson '28': there are 01 to 27"):
        find_lesson("28")
