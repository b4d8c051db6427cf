"""What the learner reads for each answer, and what is recorded."""

from __future__ import annotations

import builtins
import functools
import os
import re
import sys

import numpy as np
import pytest
import torch

import coursekit.chapters as package
from coursekit import progress
from coursekit.exercises import _running
from coursekit.exercises.engine import (
    ChoiceExercise,
    FunctionExercise,
    Mistake,
    Status,
    ValueExercise,
    answer_name,
)


def result_of(exercise, answer, **options):
    exercise.check(answer, **options)
    return exercise.last_result


def function_exercise(**changes):
    parts = {
        "name": "double",
        "title": "Twice a tensor",
        "reference": lambda x: 2 * x,
        "inputs": lambda rng: (torch.tensor(rng.normal(size=3)),),
        "mistakes": [
            Mistake("square", lambda x: x**2, "You squared it."),
            Mistake("half", lambda x: x / 2, "You halved it."),
        ],
        "hints": ["Add it to itself."],
        "stub": "def my_double(x):\n    ...",
        "solution": "def my_double(x):\n    return x + x",
    }
    return FunctionExercise(**(parts | changes))


# Functions


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: 2 * x,
        lambda x: (2 * x).numpy(),
        lambda x: (2 * x).float(),
        lambda *args: args[0] * 2,
        functools.partial(torch.mul, 2),
        type("Doubler", (), {"__call__": lambda self, x: x + x})(),
    ],
)
def test_right_functions(answer):
    result = result_of(function_exercise(insight="Well seen."), answer)
    assert (result.status, result.message) == (Status.CORRECT, "Correct. Well seen.")


def test_a_known_mistake_gets_its_message(capsys):
    result = result_of(function_exercise(), lambda x: x * x)
    assert (result.status, result.mistake) == (Status.MISTAKE, "square")
    assert capsys.readouterr().out == "Not yet: You squared it.\n"


def test_a_mistake_that_is_right_on_some_inputs_needs_all_of_them():
    inputs = iter([0.0, 2.0, 3.0] * 2)  # 0 and 2 have the same square and double
    exercise = function_exercise(inputs=lambda rng: (next(inputs),))
    assert result_of(exercise, lambda x: 0.0 if x == 0 else 2 * x).status is Status.CORRECT
    assert result_of(exercise, lambda x: x * x).mistake == "square"
    assert result_of(exercise, lambda x: x * x if x else 1.0).mistake is None


def test_a_mistake_that_raises_is_known_by_its_error():
    def missing(x):
        return x @ torch.zeros(5, dtype=torch.float64)

    exercise = function_exercise(mistakes=[Mistake("shapes", missing, "The shapes do not fit.")])
    assert result_of(exercise, lambda x: torch.dot(x, x) / 0).status is Status.WRONG
    assert result_of(exercise, lambda y: y @ torch.zeros(5).double()).mistake == "shapes"


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (lambda x: 0.5, Status.WRONG, "expected a tensor of shape (3,), found a number"),
        (lambda x: x[:2], Status.WRONG, "expected the shape (3,), found (2,)"),
        (lambda x: x * np.nan, Status.WRONG, " found nan (and 2 more).\nThe input was x = ["),
        (lambda x: "x", Status.WRONG, "expected a tensor of shape (3,), found a str"),
        (lambda: 1, Status.WRONG, "must take 1 arguments: too many positional arguments"),
        (lambda x, y: 1, Status.WRONG, "missing a required argument: 'y'"),
        (3.5, Status.WRONG, "the function itself, as in check(my_double); found a number"),
        ("x", Status.WRONG, "found a str"),
        (lambda x: sys.exit(3), Status.FAILED, "raised SystemExit: 3"),
        (lambda x: [][1], Status.FAILED, "raised IndexError: list index out of range (line "),
    ],
)
def test_other_answers_get_a_message_that_fits(answer, status, words):
    result = result_of(function_exercise(), answer)
    assert result.status is status
    assert words in result.message
    assert len(result.message) < 400


def test_edges_are_tried_in_every_check_after_what_was_drawn():
    edge = (torch.tensor([0.0]),)
    exercise = function_exercise(edges=[edge])
    only_three = result_of(exercise, lambda x: 2 * x if len(x) == 3 else x + 1)
    assert only_three.status is Status.WRONG
    assert "at [0]: expected 0, found 1.\nThe input was x = [0]" in only_three.message
    assert result_of(exercise, lambda x: x.mul_(2)).status is Status.WRONG  # its copy, not the edge
    for one in (exercise, exercise.with_other_inputs(1)):
        assert len(one.cases) == 4
        assert one.cases[-1][0] == edge
        assert one.cases[-1][1].tolist() == [0.0]


def test_the_shortest_input_is_shown():
    sizes = iter([50, 2, 20])
    exercise = function_exercise(inputs=lambda rng: (list(range(next(sizes))),))
    assert "The input was x = [0, 1]." in result_of(exercise, lambda x: [1, 2, 3]).message


def test_the_learners_own_line_is_named():
    def answer(x):
        y = x.sum()
        return torch.cat([y, y], dim=7)

    line = answer.__code__.co_firstlineno + 2
    message = result_of(function_exercise(), answer).message
    assert f"(line {line}: `return torch.cat([y, y], dim=7)`)" in message


@pytest.mark.parametrize(
    "body",
    [
        "...",
        "pass",
        "return ...",
        "raise NotImplementedError",
        "raise NotImplementedError('later')",
        "return x * ...",
        "return x.softmax(dim=...)",
        "return torch.stack(...)",
        "return torch.nn.functional.cross_entropy(x, ...)",
        "return [x, ...]",
        "y = ...\n    return y.mean()",
        "for y in ...: return y",
        "return math.log(...)",
    ],
)
def test_every_kind_of_blank_is_not_attempted(body, capsys):
    cell = {"torch": torch, "math": __import__("math")}
    exec(f"def my_double(x):\n    {body}", cell)
    assert result_of(function_exercise(), cell["my_double"]).status is Status.NOT_ATTEMPTED
    assert capsys.readouterr().out.startswith("Not attempted yet. ")


def test_a_kernel_that_torch_has_not_implemented_is_an_error_of_the_answer():
    result = result_of(function_exercise(), lambda x: x.long().softmax(dim=0))
    assert result.status is Status.FAILED
    assert "not implemented for 'Long'" in result.message


def test_a_forgotten_return_is_mentioned():
    def answer(x):
        x = x + x

    assert "returns None" in result_of(function_exercise(), answer).message


def test_none_may_be_the_right_answer():
    exercise = function_exercise(reference=lambda x: None)
    assert result_of(exercise, lambda x: None).status is Status.CORRECT


def test_changing_the_input_is_reported_and_harms_nobody():
    def in_place(x):
        x *= 2
        return x

    exercise = function_exercise()
    before = repr(exercise.cases)
    result = result_of(exercise, in_place)
    assert result.status is Status.WRONG
    assert "changes its input" in result.message
    assert repr(exercise.cases) == before
    assert result_of(exercise, lambda x: x + x).status is Status.CORRECT


def test_generators_and_models_may_be_inputs():
    model = torch.nn.Linear(2, 1)
    exercise = function_exercise(
        inputs=lambda rng: (model, torch.Generator().manual_seed(int(rng.integers(9)))),
        reference=lambda m, g: m(torch.rand(1, 2, generator=g)),
        mistakes=[],
    )
    assert (
        result_of(exercise, lambda m, g: m(torch.rand(1, 2, generator=g))).status is Status.CORRECT
    )


class Hostile:
    def __repr__(self):
        raise RuntimeError("no repr")

    def __eq__(self, other):
        raise SystemExit

    __hash__ = None

    def __str__(self):
        while True:
            pass


class HostileCallable(Hostile):
    def __call__(self, *args):
        return self


class HostileError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def raise_hostile(x):
    raise HostileError


def raise_surrogate(x):
    raise ValueError("\ud800")


def recurse(x):
    return recurse(x)


def nest(x):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    "answer",
    [
        Hostile(),
        HostileCallable(),
        lambda x: Hostile(),
        lambda x: {"a": Hostile()},
        raise_hostile,
        raise_surrogate,
        recurse,
        nest,
        lambda x: torch.empty(3, device="meta"),
        lambda x: torch.eye(3).to_sparse(),
        lambda x: np.array(["a", "b", "c"]),
        lambda x: (i for i in range(3)),
        lambda x: int("9" * 4000),
        torch.nn.Linear(2, 2),
        len,
        Status,
        sys,
    ],
)
@pytest.mark.parametrize("kind", ["function", "value", "choice"])
def test_nothing_crashes_the_checker(answer, kind, example, capsys):
    exercise = {
        "function": function_exercise(),
        "value": example.log_of_a_third,
        "choice": example.proper,
    }[kind]
    assert exercise.check(answer, seconds=1) is None
    assert exercise.last_result.status not in {Status.CORRECT, Status.NOT_ATTEMPTED}
    captured = capsys.readouterr()
    assert captured.out.startswith("Not yet: ")
    assert len(captured.out) < 600
    assert captured.err == ""


def test_an_endless_answer_is_ended(capsys):
    def endless(x):
        while True:
            print("still here")

    result = result_of(function_exercise(), endless, seconds=0.2)
    assert result.status is Status.TIMEOUT
    assert "did not finish in 0.2 s" in result.message
    assert len(capsys.readouterr().out) < 400


def test_what_a_wrong_function_prints_is_shown_in_short_and_of_a_right_one_nothing(capsys):
    def debugging(x, factor=3):
        print("x is here\n" * 100)
        return factor * x

    function_exercise().check(debugging)
    out = capsys.readouterr().out
    assert "It printed: x is here x is here" in out
    assert len(out) < 500
    function_exercise().check(lambda x: debugging(x, 2))
    assert capsys.readouterr().out == "Correct.\n"


def test_the_random_state_is_kept():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    first = torch.rand(1)
    function_exercise().check(lambda x: torch.manual_seed(5) and torch.rand(3))
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


def test_own_comparison():
    def close(expected, found):
        return abs(expected - found) < 5

    exercise = function_exercise(reference=lambda x: 100.0, close=close)
    assert result_of(exercise, lambda x: 104.0).status is Status.CORRECT
    assert result_of(exercise, lambda x: 106.0).status is Status.WRONG
    assert result_of(exercise, lambda x: "x").status is Status.WRONG
    everything_wrong = function_exercise(close=lambda expected, found: False)
    assert "the values are off" in result_of(everything_wrong, lambda x: 2 * x).message


def test_diagnose_sees_the_function_its_input_and_its_output():
    def diagnose(function, args, output):
        if not torch.equal(function(args[0]), output):
            return "Your function gives another result each time."
        return None

    exercise = function_exercise(diagnose=diagnose)
    assert result_of(exercise, lambda x: 2 * x).status is Status.CORRECT
    result = result_of(exercise, lambda x: x + torch.rand(3))
    assert (result.status, result.mistake) == (Status.MISTAKE, "diagnosed")
    assert "another result each time" in result.message
    assert (
        "found a number" in result_of(exercise, lambda x: 3).message
    )  # diagnose itself fails here


# Values


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (1.0986, Status.CORRECT, "Correct."),
        (torch.tensor(1.0990), Status.CORRECT, "Correct."),
        (np.float32(1.0980), Status.CORRECT, "Correct."),
        (1.585, Status.MISTAKE, "in bits"),
        (-1.0986, Status.MISTAKE, "minus the logarithm"),
        (1.1, Status.WRONG, "1.1 is too large."),
        (1, Status.WRONG, "1 is too small."),
        (float("nan"), Status.WRONG, "NaN"),
        (float("inf"), Status.WRONG, "too large"),
        ("1.0986", Status.WRONG, "the answer is a number; this is a str."),
        (lambda: 1.0986, Status.WRONG, "this is a function"),
        (torch.ones(2), Status.WRONG, "this is a tensor of shape (2,)"),
        (..., Status.NOT_ATTEMPTED, "Not attempted yet."),
        (None, Status.NOT_ATTEMPTED, "Not attempted yet."),
    ],
)
def test_values(example, answer, status, words):
    result = result_of(example.log_of_a_third, answer)
    assert result.status is status
    assert words in result.message


def test_a_value_may_be_a_list_and_the_message_does_not_give_it_away():
    exercise = ValueExercise(
        name="order",
        title="From best to worst",
        answer=["b", "a"],
        mistakes=[Mistake("reversed", ["a", "b"], "This is from worst to best.")],
        hints=["Look at the scores."],
        solution="my_order = ['b', 'a']",
    )
    assert exercise.stub == "my_order = ..."
    assert result_of(exercise, ("b", "a")).status is Status.CORRECT
    assert result_of(exercise, ["a", "b"]).mistake == "reversed"
    assert result_of(exercise, ["b", "b"]).message == "Not yet: ['b', 'b'] is not the answer."
    assert result_of(exercise, ["b", ...]).status is Status.NOT_ATTEMPTED


def test_a_lazy_answer_is_computed_once_and_not_for_an_untouched_stub():
    computed = []
    exercise = ValueExercise(
        name="lazy",
        title="Lazy",
        answer=lambda: computed.append(1) or 3,
        mistakes=[],
        hints=[],
        solution="my_lazy = 3",
    )
    exercise.check(...)
    assert computed == []
    exercise.check(3)
    exercise.check(4)
    assert computed == [1]


# Choices


@pytest.mark.parametrize("answer", ["b", "B", " b) ", "(b)", "b."])
def test_right_choice(example, answer):
    result = result_of(example.proper, answer)
    assert result.status is Status.CORRECT
    assert result.message.startswith("Correct. Its expectation is best")


def test_wrong_choices(example):
    assert result_of(example.proper, "a").mistake == "a"
    assert "does not see" in example.proper.last_result.message
    for answer in ("d", "ab", "", 1, "the Brier score"):
        assert "one of the letters a, b, c" in result_of(example.proper, answer).message
    assert result_of(example.proper, ...).status is Status.NOT_ATTEMPTED


def test_ask(capsys):
    exercise = ChoiceExercise(
        name="q",
        question="Why " * 30,
        options={"a": "because " * 15, "b": "no"},
        correct="a",
        explanations={"a": "Yes.", "b": "No."},
    )
    exercise.ask()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line[:3] for line in lines] == ["Why", "Why", "a) ", "   ", "b) "]


@pytest.mark.parametrize(
    "changes", [{"correct": "z"}, {"explanations": {"a": "A."}}, {"options": {"a": "A"}}]
)
def test_a_choice_must_be_complete(changes):
    parts = {
        "name": "q",
        "question": "Why?",
        "options": {"a": "A", "b": "B"},
        "correct": "b",
        "explanations": {"a": "A.", "b": "B."},
    }
    with pytest.raises(ValueError, match=r"correct of 'q' must be one of .*, found"):
        ChoiceExercise(**(parts | changes))


# Grading


def test_grading_is_silent_about_right_answers_and_records_nothing(example, capsys):
    example.proper.grade("b")
    example.log_of_a_third.grade(1.0986)
    example.mean_confidence.grade(lambda probs: probs.max(dim=1).values.mean())
    assert capsys.readouterr().out == ""
    assert progress.read()["exercises"] == {}


@pytest.mark.parametrize("answer", ["a", ..., None, "z"])
def test_grading_a_wrong_or_missing_answer_fails_with_its_message(example, answer):
    example.proper.check(answer)
    with pytest.raises(AssertionError) as raised:
        example.proper.grade(answer)
    assert str(raised.value) == example.proper.last_result.message


def test_who_knows_the_hidden_inputs_by_heart_fails_on_other_inputs():
    exercise = function_exercise()
    known = {tuple(args[0].tolist()): expected for args, expected in exercise.cases}
    exercise.grade(lambda x: known[tuple(x.tolist())])
    other = exercise.with_other_inputs(1)
    with pytest.raises(AssertionError, match="KeyError"):
        other.grade(lambda x: known[tuple(x.tolist())])
    other.grade(lambda x: 2 * x)
    assert [args[0].tolist() for args, _ in exercise.cases] == [list(x) for x in known]


# Hints, solutions, progress


def test_hints_come_one_by_one_and_the_last_stays(example, capsys):
    for _ in range(3):
        example.mean_confidence.hint()
    assert capsys.readouterr().out.splitlines() == [
        "Hint 1 of 2: Which axis of probs holds the classes?",
        "Hint 2 of 2: Take the maximum over it, then the mean.",
        "Hint 2 of 2: Take the maximum over it, then the mean.",
    ]
    example.proper.hint()
    assert "no hints" in capsys.readouterr().out


def test_solution_prints_source_that_can_be_pasted(example, capsys):
    example.mean_confidence.solution()
    cell = {}
    exec(capsys.readouterr().out, cell)
    assert cell["my_mean_confidence"](torch.tensor([[0.25, 0.75], [0.5, 0.5]])) == 0.625
    example.proper.solution()
    assert capsys.readouterr().out == "b) the Brier score\n"


def test_everything_is_recorded(example):
    example.proper.check(...)
    assert progress.read()["exercises"] == {}
    example.proper.check("a")
    example.proper.check("b")
    example.proper.check("c")  # trying again after success takes nothing away
    example.mean_confidence.hint()
    example.mean_confidence.solution()
    assert progress.read()["exercises"] == {
        "example": {
            "proper": {"tries": 3, "done": True, "hints": 0, "solution_seen": False},
            "mean_confidence": {"tries": 0, "done": False, "hints": 1, "solution_seen": True},
        }
    }


def test_an_exercise_outside_the_package_is_checked_but_not_recorded():
    exercise = function_exercise()
    assert result_of(exercise, lambda x: 2 * x).status is Status.CORRECT
    assert progress.read()["exercises"] == {}


def test_progress_table(example, monkeypatch, capsys):
    example.__doc__ = "99 Example: the subtitle is left out."
    monkeypatch.setattr(package, "modules", lambda: [example])
    package.progress()
    assert capsys.readouterr().out.splitlines() == [
        "                done  tried  total",
        "99 Example         0      0      3",
        "All notebooks      0      0      3",
    ]
    example.proper.check("b")
    example.log_of_a_third.check(7)
    example.mean_confidence.hint()
    capsys.readouterr()
    package.progress()
    assert capsys.readouterr().out.splitlines()[1:] == [
        "99 Example         1      2      3",
        "All notebooks      1      2      3",
    ]


def test_exercises_keep_the_order_of_definition(example):
    names = [exercise.name for exercise in package.exercises_of(example)]
    assert names == ["mean_confidence", "log_of_a_third", "proper"]
    assert package.title_of(example) == "99 Example"


def test_all_exercises_by_module(example, monkeypatch):
    monkeypatch.setattr(package, "modules", lambda: [example])
    found = package.all_exercises()
    assert list(found) == ["example"]
    assert found["example"][2] is example.proper


def test_answer_name():
    assert answer_name("import torch\ndef f(x):\n    y = 1\n    return y") == "f"
    assert answer_name("a = 1\nb = ...") == "b"
    with pytest.raises(ValueError, match="must define a function or assign a name, found"):
        answer_name("print(1)")


@pytest.mark.skipif(not _running._can_fork(), reason="a process of its own is to be had on Linux")
@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (lambda x: 10**10**8, Status.TIMEOUT, "did not finish in 0.3 s"),
        (lambda x: re.match(r"(a|aa)+$", "a" * 60 + "b"), Status.TIMEOUT, "did not finish"),
        (lambda x: os._exit(1), Status.FAILED, "your answer ended Python itself (exit code 1)."),
        (lambda x: os.kill(os.getpid(), 9), Status.FAILED, "ended Python itself (signal SIGKILL)."),
    ],
)
def test_an_answer_that_only_a_process_survives_gets_a_message(answer, status, words):
    seconds = 0.3 if status is Status.TIMEOUT else 600
    result = result_of(function_exercise(), answer, seconds=seconds)
    assert result.status is status
    assert words in result.message


def test_nothing_that_an_answer_changes_stays():
    def answer(x):
        torch.set_default_dtype(torch.float64)
        os.environ["COURSEKIT_CHANGED"] = "yes"
        vars(builtins).pop("len")
        return x

    assert result_of(function_exercise(), answer).status is not Status.CORRECT
    assert torch.get_default_dtype() is torch.float32
    assert "COURSEKIT_CHANGED" not in os.environ
    assert len("abc") == 3
