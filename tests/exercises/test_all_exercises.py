"""Every exercise of every notebook: the right answer passes, each wrong one is told apart.

A proof takes an exercise and fails by assertion. The last part breaks an example exercise in every
way an author might, and shows that a proof notices.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from coursekit.chapters import exercises_of, modules, title_of
from coursekit.exercises import _running
from coursekit.exercises.engine import (
    ChoiceExercise,
    Exercise,
    FunctionExercise,
    Mistake,
    Result,
    Status,
    ValueExercise,
    answer_name,
)

SOURCES = Path(__file__).parents[2] / "notebooks" / "source"
MODULES = modules()
EXERCISES = [exercise for module in MODULES for exercise in exercises_of(module)]
MOST_CALLS = 250_000  # ten times the most that any makes: still under a second


def check(exercise: Exercise, answer: object, seconds: float = 600) -> Result:
    """Check an answer as a notebook does; what every check keeps is asserted here."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert exercise.check(answer, seconds=seconds) is None
    result = exercise.last_result
    start = {Status.CORRECT: "Correct.", Status.NOT_ATTEMPTED: "Not attempted yet."}
    assert out.getvalue().startswith(start.get(result.status, "Not yet:"))
    assert max(map(len, out.getvalue().splitlines())) <= 100
    assert err.getvalue() == ""
    return result


def answer_of(source: str) -> object:
    """What a stub or a solution binds, run as a cell of a notebook."""
    cell: dict[str, object] = {}
    exec("import math\nimport torch\n" + source, cell)
    return cell[answer_name(source)]


def right_answer(exercise: Exercise) -> object:
    if isinstance(exercise, ChoiceExercise):
        return exercise.correct
    return answer_of(exercise.solution_source)


def untouched(exercise: Exercise) -> object:
    if isinstance(exercise, ChoiceExercise):
        assert exercise.stub == f"exercises.{exercise.name}.check(...)"
        return ...
    assert answer_name(exercise.stub) == answer_name(exercise.solution_source)
    return answer_of(exercise.stub)


@contextlib.contextmanager
def counted_calls() -> Iterator[itertools.count]:
    """Count calls of functions in all threads: the work of a check, the same on every machine."""
    calls = itertools.count()

    def note(frame: object, event: str, argument: object) -> None:
        if event in ("call", "c_call"):
            next(calls)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_running, "_can_fork", lambda: False)  # another process counts for itself
            yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def solution_passes(exercise: Exercise) -> None:
    answer = right_answer(exercise)
    with counted_calls() as calls:
        result = check(exercise, answer)
    assert result.status is Status.CORRECT, result.message
    assert next(calls) < MOST_CALLS, f"{exercise.name}: a learner would wait for this check."


def mistakes_are_told_apart(exercise: Exercise) -> None:
    assert len(exercise.mistakes) >= 2, f"{exercise.name} needs two named mistakes."
    for mistake in exercise.mistakes:
        result = check(exercise, exercise.wrong_answer(mistake))
        assert (result.status, result.mistake) == (Status.MISTAKE, mistake.name), result.message
        assert mistake.message in result.message


def stub_is_not_attempted(exercise: Exercise) -> None:
    for answer in (untouched(exercise), ..., None):
        assert check(exercise, answer).status is Status.NOT_ATTEMPTED, exercise.last_result.message


def endless(*_: object) -> None:
    while True:
        pass


GARBAGE = (object(), lambda: 1 / 0, lambda *_: 1 / 0, lambda *_: float("nan"), lambda *_: object())


def garbage_is_harmless(exercise: Exercise) -> None:
    for answer in (3, "x", [], {}):  # one of these may even be right
        assert check(exercise, answer).message
    for answer in GARBAGE:
        assert check(exercise, answer).status in {Status.WRONG, Status.FAILED, Status.MISTAKE}
    if isinstance(exercise, FunctionExercise):
        assert check(exercise, endless, seconds=0.05).status is Status.TIMEOUT


def texts_are_sentences(exercise: Exercise) -> None:
    messages = [mistake.message for mistake in exercise.mistakes]
    names = [mistake.name for mistake in exercise.mistakes]
    texts = [*messages, *exercise.hints, *([exercise.insight] if exercise.insight else [])]
    assert exercise.title
    assert len(set(names)) == len(names), f"{exercise.name}: mistakes share a name."
    assert len(set(texts)) == len(texts), f"{exercise.name}: a text is there twice."
    for text in texts:
        assert text.strip() == text
        assert text[-1] in ".?!", f"{exercise.name}: not a sentence: {text!r}"
        assert 10 <= len(text) <= 400, f"{exercise.name}: {len(text)} characters: {text!r}"
    if isinstance(exercise, (FunctionExercise, ValueExercise)):
        assert exercise.hints, f"{exercise.name} has no hints."


def inputs_are_the_same_every_time(exercise: Exercise) -> None:
    if isinstance(exercise, FunctionExercise):
        first = repr(exercise.cases)
        del exercise.cases
        assert repr(exercise.cases) == first, f"{exercise.name}: inputs must draw from rng only."


PROOFS = (
    solution_passes,
    mistakes_are_told_apart,
    stub_is_not_attempted,
    garbage_is_harmless,
    texts_are_sentences,
    inputs_are_the_same_every_time,
)


@pytest.fixture(autouse=True)
def solutions_alone_get_processes(request, monkeypatch):
    """Two thousand wrong answers run in threads, as where no process can be had: that is faster."""
    parameters = getattr(request.node, "callspec", None)
    if parameters and parameters.params.get("proof") is not solution_passes:
        monkeypatch.setattr(_running, "_can_fork", lambda: False)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.__name__)
@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_exercise(exercise, proof):
    proof(exercise)


def module_is_in_order(module: ModuleType) -> None:
    exercises = exercises_of(module)
    assert title_of(module)[:2].isdigit(), "the docstring begins with the notebook's number"
    assert exercises
    names = [name for name, value in vars(module).items() if isinstance(value, Exercise)]
    assert names == [exercise.name for exercise in exercises]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_module(module):
    module_is_in_order(module)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_notebook_offers_every_exercise_with_its_stub(module):
    name = f"{title_of(module)[:2]}_{module.__name__.split('.')[2]}.py"
    source = (SOURCES / name).read_text(encoding="utf-8")
    for exercise in exercises_of(module):
        assert exercise.stub in source, f"{name} lacks the stub of {exercise.name}."
        assert f"exercises.{exercise.name}.check(" in source


# That the proofs can fail.


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.__name__)
@pytest.mark.parametrize("name", ["mean_confidence", "log_of_a_third", "proper"])
def test_example_passes(example, name, proof):
    proof(getattr(example, name))


def replace_mistake(exercise: Exercise, wrong: object, **other: str) -> None:
    last = exercise.mistakes[-1]
    changed = {"name": last.name, "wrong": wrong, "message": last.message} | other
    exercise.mistakes = (*exercise.mistakes[:-1], Mistake(**changed))


def slow(probs):
    for _ in range(MOST_CALLS // 3):  # for each of three inputs
        abs(0)
    return probs.max(dim=-1).values.mean()


BROKEN = {
    "solution is wrong": (
        solution_passes,
        lambda e: setattr(e, "solution_source", "def my_mean_confidence(p): return p.mean()"),
    ),
    "solution is not in source": (
        solution_passes,
        lambda e: setattr(e, "solution_source", "def my_mean_confidence(p): return helper(p)"),
    ),
    "check is slow": (
        solution_passes,
        lambda e: setattr(e, "reference", slow),
    ),
    "a mistake is right": (
        mistakes_are_told_apart,
        lambda e: replace_mistake(e, lambda probs: probs.max(dim=-1).values.mean()),
    ),
    "two mistakes are the same": (
        mistakes_are_told_apart,
        lambda e: replace_mistake(e, lambda probs: probs.max(dim=0).values.mean()),
    ),
    "one mistake only": (
        mistakes_are_told_apart,
        lambda e: setattr(e, "mistakes", e.mistakes[:1]),
    ),
    "the checker accepts anything": (
        mistakes_are_told_apart,
        lambda e: setattr(e, "close", lambda expected, found: True),
    ),
    "stub is half right": (
        stub_is_not_attempted,
        lambda e: setattr(e, "stub", "def my_mean_confidence(probs):\n    return probs[...]"),
    ),
    "stub has another name": (
        stub_is_not_attempted,
        lambda e: setattr(e, "stub", "def mine(probs): ..."),
    ),
    "stub is the solution": (
        stub_is_not_attempted,
        lambda e: setattr(e, "stub", e.solution_source),
    ),
    "message is no sentence": (
        texts_are_sentences,
        lambda e: replace_mistake(e, None, message="You forgot the mean"),
    ),
    "message is a page": (
        texts_are_sentences,
        lambda e: replace_mistake(e, None, message="You forgot. " * 40 + "Yes."),
    ),
    "message is there twice": (
        texts_are_sentences,
        lambda e: replace_mistake(e, None, message=e.mistakes[0].message),
    ),
    "name is there twice": (
        texts_are_sentences,
        lambda e: replace_mistake(e, None, name=e.mistakes[0].name),
    ),
    "no hints": (texts_are_sentences, lambda e: setattr(e, "hints", ())),
    "inputs draw from elsewhere": (
        inputs_are_the_same_every_time,
        lambda e: setattr(e, "inputs", lambda rng: (object(),)) or
        setattr(e, "reference", lambda x: x),
    ),
    "any answer passes": (
        garbage_is_harmless,
        lambda e: setattr(e, "_judge", lambda answer: Result(Status.CORRECT, "Correct.")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_exercise_fails_its_proof(example, name):
    proof, break_it = BROKEN[name]
    break_it(example.mean_confidence)
    with pytest.raises(AssertionError):
        proof(example.mean_confidence)


def test_a_module_out_of_order_fails(example):
    module_is_in_order(example)
    example.other_name = example.proper
    with pytest.raises(AssertionError):
        module_is_in_order(example)


def test_modules_are_found_and_sorted(example, monkeypatch, tmp_path):
    import coursekit.chapters as package

    for name, title in (("zebra", "01 First"), ("apple", "02 Second")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "exercises.py").write_text(f'"""{title}."""\n', encoding="utf-8")
        monkeypatch.delitem(sys.modules, f"coursekit.chapters.{name}", raising=False)
    monkeypatch.setattr(package, "__path__", [str(tmp_path)])
    assert [title_of(module) for module in modules()] == ["01 First", "02 Second"]
