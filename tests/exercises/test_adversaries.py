"""No wrong function passes a check, and a right one of another make does, or is told why not.

`adversaries/` has a module for each chapter. Its `WRONG` are faults that a learner might make and
no author has named; its `RIGHT` are correct answers in another style. A pair (function, words) in
`RIGHT` is refused with these words, because the kind of what it returns is not what was asked for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from pathlib import Path
from types import ModuleType

import pytest

from coursekit.chapters import exercises_of, modules
from coursekit.exercises import _running
from coursekit.exercises.engine import FunctionExercise, Result, Status

HERE = Path(__file__).parent / "adversaries"


def adversaries_of(chapter: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"adversaries_{chapter}", HERE / f"{chapter}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLES = {path.stem: adversaries_of(path.stem) for path in sorted(HERE.glob("*.py"))}
EXERCISES = {
    (module.__name__.split(".")[2], exercise.name): exercise
    for module in modules()
    for exercise in exercises_of(module)
    if isinstance(exercise, FunctionExercise)
}


def rows(table: str) -> list[object]:
    return [
        pytest.param(EXERCISES[chapter, name], answer, id=f"{name}-{what}")
        for chapter, module in TABLES.items()
        for name, answers in getattr(module, table).items()
        for what, answer in answers.items()
    ]


@pytest.fixture(autouse=True)
def threads_are_fast(monkeypatch):
    monkeypatch.setattr(_running, "_can_fork", lambda: False)


def check(exercise: FunctionExercise, answer: object) -> Result:
    with contextlib.redirect_stdout(io.StringIO()):
        exercise.check(answer, seconds=600)
    return exercise.last_result


@pytest.mark.parametrize(("exercise", "wrong"), rows("WRONG"))
def test_a_wrong_function_is_refused_and_not_taken_for_a_mistake_that_it_is_not(exercise, wrong):
    result = check(exercise, wrong)
    assert result.status in {Status.WRONG, Status.FAILED}, (result.status, result.message)


@pytest.mark.parametrize(("exercise", "right"), rows("RIGHT"))
def test_a_right_function_passes_or_is_told_why_not(exercise, right):
    if isinstance(right, tuple):
        right, words = right
        result = check(exercise, right)
        assert result.status is Status.WRONG
        assert words in result.message
    else:
        result = check(exercise, right)
        assert result.status is Status.CORRECT, result.message


@pytest.mark.parametrize(("chapter", "name"), EXERCISES, ids="-".join)
def test_every_exercise_has_four_wrong_functions_and_three_right_ones(chapter, name):
    assert len(TABLES[chapter].WRONG[name]) >= 4
    assert len(TABLES[chapter].RIGHT[name]) >= 3


# Exercises whose answer is no function


def other_rows(table: str) -> list[object]:
    exercises = {
        exercise.name: exercise for module in modules() for exercise in exercises_of(module)
    }
    return [
        pytest.param(exercises[name], answer, id=f"{name}-{what}")
        for module in TABLES.values()
        for name, answers in getattr(module, table, {}).items()
        for what, answer in answers.items()
    ]


@pytest.mark.parametrize(("exercise", "wrong"), other_rows("WRONG_ANSWERS"))
def test_a_wrong_answer_is_refused(exercise, wrong):
    result = check(exercise, wrong())
    assert result.status is Status.WRONG, (result.status, result.message)


@pytest.mark.parametrize(("exercise", "mistaken"), other_rows("MISTAKEN_ANSWERS"))
def test_a_mistake_by_another_way_is_known(exercise, mistaken):
    result = check(exercise, mistaken())
    assert result.status is Status.MISTAKE, (result.status, result.message)


@pytest.mark.parametrize(("exercise", "right"), other_rows("RIGHT_ANSWERS"))
def test_a_right_answer_of_another_form_passes(exercise, right):
    result = check(exercise, right())
    assert result.status is Status.CORRECT, result.message
