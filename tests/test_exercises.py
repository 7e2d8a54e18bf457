"""Every exercise there is: stubs are stubs, solutions pass, known mistakes are named."""

import ast

import pytest

from lessons.course.calling import NotWritten, Wrong
from lessons.course.curriculum import CURRICULUM, LESSONS
from lessons.course.exercise import Exercise, Gradient, exercises_in, exercises_of
from lessons.course.judge import examine, judge, learner_of
from lessons.course.loading import load_file
from lessons.course.runner import check
from lessons.course.stubs import stub_of
from lessons.course.verdict import LINES, Verdict
from minitransformer import use_kernels
from minitransformer.gradcheck import known_mistakes

HERE = [lesson for lesson in CURRICULUM if lesson.is_here]
EXERCISES = [(lesson, exercise) for lesson in HERE for exercise in exercises_of(lesson).values()]
MISTAKES = [(lesson, e, name) for lesson, e in EXERCISES for name in e.mistakes]


def named(lesson, exercise, *rest):
    return "-".join([f"{lesson.number:02d}", exercise.name, *rest])


every_lesson = pytest.mark.parametrize("lesson", HERE, ids=lambda lesson: lesson.name)
every_exercise = pytest.mark.parametrize(
    ("lesson", "exercise"), EXERCISES, ids=[named(*pair) for pair in EXERCISES]
)


@every_lesson
def test_a_lesson_has_its_exercises_and_solutions(lesson):
    assert 1 <= len(exercises_of(lesson)) <= 4
    source = lesson.solutions.read_text("utf-8")
    defined = [node.name for node in ast.parse(source).body if hasattr(node, "name")]
    assert [name for name in defined if name in exercises_of(lesson)] == list(exercises_of(lesson))


@pytest.mark.lessons  # a learner who has solved some may still run the rest
@every_lesson
def test_the_exercises_are_the_solutions_without_their_bodies(lesson):
    stub = stub_of(lesson.solutions.read_text("utf-8"), exercises_of(lesson))
    assert lesson.exercises.read_text("utf-8") == stub
    assert stub.count("raise NotImplementedError") >= len(exercises_of(lesson))


@every_exercise
def test_a_stub_is_not_written_yet(lesson, exercise, tmp_path):
    file = tmp_path / lesson.file_name
    file.write_text(stub_of(lesson.solutions.read_text("utf-8"), exercises_of(lesson)), "utf-8")
    with pytest.raises(NotWritten):
        judge(exercise, getattr(load_file(file), exercise.name), file)


@every_exercise
def test_the_solution_is_right(lesson, exercise):
    written = getattr(load_file(lesson.solutions), exercise.name)
    with use_kernels("reference"):
        said = judge(exercise, written, lesson.solutions)
    assert len(str(Verdict(exercise.name, "right", said)).splitlines()) <= LINES


@every_exercise
def test_the_exercise_helps(lesson, exercise: Exercise):
    assert 2 <= len(exercise.hints) <= 6
    assert len(exercise.mistakes) >= 3
    assert exercise.swaps, "it is never used in a model that learns"


@pytest.mark.parametrize(
    ("lesson", "exercise", "name"), MISTAKES, ids=[named(*triple) for triple in MISTAKES]
)
def test_a_known_mistake_is_rejected_and_named(lesson, exercise, name):
    wrong, message = exercise.mistakes[name]
    with pytest.raises(Wrong) as caught:
        examine(exercise, learner_of(exercise, wrong, lesson.checks))
    said = str(Verdict(exercise.name, "wrong", caught.value.message, caught.value.slug))
    assert len(said.splitlines()) <= LINES and "Traceback" not in said
    if caught.value.slug == "zero" and name.endswith("-zeros"):
        return  # the checker has words of its own for these
    alike = {n for n, (_, m) in exercise.mistakes.items() if m == message}
    assert caught.value.slug in {f"known:{n}" for n in alike}, said
    assert " ".join(message.split())[:60] in " ".join(said.split())


@every_exercise
def test_the_banks_mistakes_are_known(lesson, exercise):
    if isinstance(exercise, Gradient) and exercise.bank:
        assert known_mistakes(exercise.bank).keys() <= exercise.mistakes.keys()


def blocks_of_the_readme():
    """The complete exercise of lessons/README.md: (solution, checks)."""
    text = (LESSONS / "README.md").read_text("utf-8").split("### One complete exercise")[1]
    return [part.split("```")[0] for part in text.split("```python\n")[1:]]


def test_the_complete_exercise_of_the_readme_works(tmp_path):
    names = ("solution.py", "checks.py")
    solution, checks = (tmp_path / name for name in names)
    for file, source in zip((solution, checks), blocks_of_the_readme(), strict=True):
        file.write_text(source, "utf-8")
    exercises = exercises_in(checks)
    assert list(exercises) == ["center", "center_backward"]
    for verdict in check(checks, solution, list(exercises)):
        assert verdict.status == "right", verdict
    for exercise in exercises.values():
        for name, (wrong, _) in exercise.mistakes.items():
            with pytest.raises(Wrong) as caught:
                examine(exercise, learner_of(exercise, wrong, checks))
            assert caught.value.slug == f"known:{name}"
