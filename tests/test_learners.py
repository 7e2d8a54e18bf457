"""Whatever a learner writes gets a few helpful lines, never a traceback, and never ends the run."""

from textwrap import indent

import pytest

from lessons.course.curriculum import find_lesson
from lessons.course.exercise import exercises_of
from lessons.course.runner import check
from lessons.course.verdict import LINES

pytestmark = pytest.mark.lessons  # each case is a process

LESSON = find_lesson("01")
SOON = 1.5  # seconds that a loop is left running

# What is in the file, and what must be said of it.
FILES = {
    "not Python": ("def step(x)\n  return x", "is not valid Python", "line 1: def step(x)"),
    "bad indent": ("def step(x):\nreturn x", "is not valid Python", "line 2"),
    "a null byte": ("x = 1\0", "01_gradient_descent.py"),
    "fails when loaded": ("import math\nmath.nothing", "nothing", "line 2: math.nothing"),
    "missing": ("def stride(x): ...", "has no `step`", "reset 01"),
    "a number": ("step = 3", "should be a function", "type int"),
    "few arguments": ("def step(x, slope): ...", "should take 3 arguments: x, slope, rate"),
    "exit when loaded": ("raise SystemExit", "ends the whole program"),
    "loop when loaded": ("while True:\n    pass", "still running after 1.5 s", "line "),
}
# The body of `step(x, slope, rate)`, and what must be said of it.
BODIES = {
    "a stub": ("raise NotImplementedError", "not written yet"),
    "no return": ("x - rate * slope", "is there a `return`"),
    "text": ("return 'down'", "an array of shape (7,)", "a str"),
    "generator": ("yield x", "a generator"),
    "crash": ("return x[99]", "IndexError", "line 2: return x[99]"),
    "assertion": ("assert x.ndim == 2", "AssertionError", "line 2"),
    "StopIteration": ("return next(iter(()))", "StopIteration"),
    "exit": ("exit()", "ends the whole program", "line 2: exit()"),
    "hard exit": ("import os\nos._exit(0)", "ended the whole program"),
    "crash in C": ("import os\nos.kill(os.getpid(), 11)", "killed by the system"),
    "loop that prints": ("print('begun')\nwhile True: pass", "still running", "it printed: begun"),
    "loop": ("while True:\n    x = x + 0", "still running", "line "),
    "loop that cannot be interrupted": (
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        "still running after 1.5 s",
    ),
    "sleep": ("import time\ntime.sleep(99)", "line 3: time.sleep(99)"),
    "recursion": ("return step(x, slope, rate)", "calls itself without end"),
    "input": ("return input('x?')", "waits for input()", "line 2"),
    "float32": ("return (x - rate * slope).astype('float32')", "came back as float32"),
    "in place": ("x -= rate * slope\nreturn x", "changed its input `x`"),
    "random": ("import random\nreturn x * random.random()", "another answer each time"),
    "stale": (
        "step.calls = getattr(step, 'calls', 0) + 1\n"
        "return x - rate * slope if step.calls < 7 else x",
        "keeps something from one to the next",
    ),
    "cached": (
        "step.y = getattr(step, 'y', x - rate * slope)\nreturn step.y",
        "does not depend on `x` and `slope` and `rate`",
    ),
    "a rate of its own": ("return x - 0.1234 * slope", "does not depend on `rate`"),
    "one entry only": ("y = x.copy()\ny[0] -= rate * slope[0]\nreturn y", "Only some entries"),
    "warns": ("import warnings\nwarnings.warn('hm')\nreturn x - rate * slope", "right"),
}


def step_with(body):
    return "def step(x, slope, rate):\n" + indent(body, "    ")


BAD = FILES | {case: (step_with(body), *due) for case, (body, *due) in BODIES.items()}


def verdict_on(source, tmp_path, seconds=None):
    file = tmp_path / LESSON.file_name
    file.write_text(source, "utf-8")
    (verdict,) = check(LESSON.checks, file, ["step"], seconds)
    return verdict


@pytest.mark.parametrize("case", BAD)
def test_bad_files_get_a_helpful_answer(case, tmp_path):
    source, *due = BAD[case]
    stuck = case.startswith(("loop", "sleep"))
    said = str(verdict_on(source, tmp_path, SOON if stuck else None))
    words = " ".join(said.split())
    assert all(part in words for part in due), said
    assert len(said.splitlines()) <= LINES and "Traceback" not in said
    assert max(map(len, said.splitlines())) <= 100


def test_a_missing_file_and_the_others_are_told(tmp_path):
    (verdict,) = check(LESSON.checks, tmp_path / LESSON.file_name, ["step"])
    assert "No such file" in str(verdict)


def test_checks_that_cannot_be_loaded_are_not_the_learners_fault(tmp_path):
    checks = tmp_path / "checks.py"
    checks.write_text("import no_such_module\n")
    with pytest.raises(RuntimeError, match="could not be loaded"):
        list(check(checks, LESSON.solutions, ["step"]))


def test_a_flood_of_prints_is_cut(tmp_path):
    source = step_with("for k in range(3000): print('here', k)\nreturn x")
    said = str(verdict_on(source, tmp_path))
    assert "it printed: here 0" in said and "it printed: here 2" in said and "lines more" in said
    assert "is wrong" not in said.splitlines()[0] and len(said.splitlines()) <= LINES


def test_prints_are_shown_with_the_exercise_that_printed_them(tmp_path):
    solved = LESSON.solutions.read_text("utf-8")
    source = solved.replace("    path = [x]", "    print('in descend')\n    path = [x]")
    file = tmp_path / LESSON.file_name
    file.write_text(source, "utf-8")
    step, descend, line = check(LESSON.checks, file, list(exercises_of(LESSON)))
    assert "in descend" in str(descend) and not step.printed and not line.printed


def test_one_bad_exercise_does_not_stop_the_others(tmp_path):
    stub = LESSON.solutions.read_text("utf-8")
    source = stub.replace("    path = [x]\n", "    while True:\n        pass\n")
    assert source != stub
    file = tmp_path / LESSON.file_name
    file.write_text(source, "utf-8")
    verdicts = list(check(LESSON.checks, file, list(exercises_of(LESSON)), 3.0))
    assert [v.status for v in verdicts] == ["right", "wrong", "right"]
    assert verdicts[1].slug == "time"


def test_a_hidden_case_is_shown_as_small_as_it_gets(tmp_path):
    source = step_with("return x - rate * slope if abs(x).max() < 5 else x")
    said = str(verdict_on(source, tmp_path))
    assert "right for ordinary inputs, but not for all" in said
    assert "the smallest case that fails: x = [5.], slope = [1.]" in said


def test_a_function_that_fails_in_the_model_only(tmp_path):
    source = step_with("return x - rate * slope * (1 if hasattr(x, 'shape') else -1)")
    said = str(verdict_on(source, tmp_path))
    assert "wrong" in said and "On x² from 2 it should come near 0" in said
