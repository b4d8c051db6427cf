"""`expect` and `predict`: what they print, and what they refuse."""

from __future__ import annotations

import io
import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from coursekit.lesson import ExpectationFailed, expect, predict, prediction_record


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(tmp_path / "progress.json"))


@pytest.mark.parametrize(
    ("arguments", "keywords", "line"),
    [
        ((0.4432, 0.44), {"within": 0.03}, "0.443 (course: 0.44, agrees within 0.03)"),
        ((0.47, 0.44, 0.03), {}, "0.470 (course: 0.44, agrees within 0.03)"),
        ((0.41, 0.44, 0.03), {}, "0.410 (course: 0.44, agrees within 0.03)"),
        ((49152, 49152), {}, "49,152 (course: the same)"),
        ((1.5, 1.5), {"within": 0}, "1.50 (course: the same)"),
        ((True, True), {}, "True (course: the same)"),
        ((np.bool_(False), False), {}, "False (course: the same)"),
        ((torch.tensor([[0.5]]), 0.5), {}, "0.50 (course: the same)"),
        ((torch.tensor(True), True), {}, "True (course: the same)"),
        ((np.float32(0.25), 0.25), {}, "0.250 (course: the same)"),
        ((torch.tensor(1.0, requires_grad=True), 1), {}, "1.0 (course: the same)"),
        (
            (0.5, torch.tensor(0.5)),
            {"within": np.float64(0.25)},
            "0.500 (course: 0.5, agrees within 0.25)",
        ),
        ((0.021,), {"at_most": 0.03}, "0.021 (course: at most 0.03)"),
        ((0.03,), {"at_most": 0.03}, "0.030 (course: at most 0.03)"),
        ((4.2,), {"at_least": 3}, "4.2 (course: at least 3)"),
        ((-2.004, -1.5), {"within": 0.55}, "-2.004 (course: -1.5, agrees within 0.55)"),
        # Large numbers need no decimal, and tiny ones keep three digits instead of becoming 0.
        ((12345.6, 12000, 500), {}, "12,346 (course: 12,000, agrees within 500)"),
        ((3.21e-9,), {"at_most": 0.001}, "3.21e-09 (course: at most 0.001)"),
        ((0.0,), {"at_most": 0.001}, "0.0000 (course: at most 0.001)"),
    ],
)
def test_agreement_shows_the_learners_number_and_the_courses(capsys, arguments, keywords, line):
    assert expect("a number", *arguments, **keywords) is None
    assert capsys.readouterr().out == f"✓ a number: {line}\n"


@pytest.mark.parametrize(
    ("arguments", "keywords", "claim", "got"),
    [
        ((0.4701, 0.44, 0.03), {}, "0.44 within 0.03", "0.4701"),
        ((0.4099, 0.44, 0.03), {}, "0.44 within 0.03", "0.4099"),
        ((math.nan, 0.44, 0.03), {}, "0.44 within 0.03", "nan"),
        ((math.inf, 0.44, 1e300), {}, "0.44 within 1e+300", "inf"),
        ((math.nan,), {"at_most": 1}, "at most 1", "nan"),
        ((math.inf,), {"at_least": 1}, "at least 1", "inf"),
        ((-math.inf,), {"at_most": 1}, "at most 1", "-inf"),
        ((49153, 49152), {}, "49,152", "49,153"),
        ((False, True), {}, "True", "False"),
        ((0.031,), {"at_most": 0.03}, "at most 0.03", "0.031"),
        ((2,), {"at_least": 3}, "at least 3", "2"),
        ((0.1 + 0.2, 0.3), {}, "0.3", "0.3"),
    ],
)
def test_disagreement_says_what_and_why(capsys, arguments, keywords, claim, got):
    with pytest.raises(ExpectationFailed) as failure:
        expect("a number", *arguments, **keywords)
    message = str(failure.value)
    assert message.startswith(f"a number must be {claim}, found {got}")
    assert "cell above" in message
    assert "python -m coursekit doctor" in message
    assert isinstance(failure.value, AssertionError)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "words"),
    [
        ((1,), {}, ValueError, "one of target, at_least and at_most, found none"),
        ((1, 1), {"at_most": 1}, ValueError, "found target and at_most"),
        ((1,), {"at_least": 0, "at_most": 2}, ValueError, "found at_least and at_most"),
        ((1, 1, -0.1), {}, ValueError, "within must be a finite number, zero or more, found -0.1"),
        ((1, 1, math.nan), {}, ValueError, "within"),
        ((1, 1, math.inf), {}, ValueError, "within"),
        ((1, 1, True), {}, ValueError, "within"),
        ((1, 1, "a bit"), {}, TypeError, "within must be a number, found str: 'a bit'"),
        ((1,), {"at_most": 1, "within": 0.1}, ValueError, "within must be left out .* found 0.1"),
        ((True, True, 1), {}, ValueError, "within must be left out .* found 1"),
        ((1, math.nan), {}, ValueError, "target must be finite, found nan"),
        ((1,), {"at_most": math.inf}, ValueError, "at_most must be finite"),
        (("0.4", 0.4), {}, TypeError, "value must be a number, found str: '0.4'"),
        ((None, 0.4), {}, TypeError, "value must be a number, found NoneType"),
        ((1j, 0.4), {}, TypeError, "value must be a number, found complex"),
        ((torch.zeros(2), 0.4), {}, TypeError, r"one number, found Tensor of shape \(2,\)"),
        ((np.zeros((2, 1)), 0.4), {}, TypeError, r"one number, found ndarray of shape \(2, 1\)"),
        ((1, True), {}, TypeError, "value must be a bool where target is one"),
        ((True, 1), {}, TypeError, "value must be a bool where target is one"),
        ((1, "one"), {}, TypeError, "target must be a number"),
    ],
)
def test_bad_input(arguments, keywords, error, words):
    with pytest.raises(error, match=words):
        expect("a number", *arguments, **keywords)


finite = st.floats(-1e6, 1e6)


@given(target=finite, within=st.floats(1e-6, 1e3), share=st.floats(-3, 3))
def test_agrees_exactly_inside_the_tolerance(target, within, share):
    # A point at `share` of the tolerance from the target; the border itself is left to the table.
    if abs(abs(share) - 1) < 1e-3:
        return
    value = target + share * within
    if abs(share) < 1:
        expect("x", value, target, within=within)
    else:
        with pytest.raises(ExpectationFailed):
            expect("x", value, target, within=within)


def test_an_unanswered_prediction_is_friendly_and_records_nothing(capsys):
    guess = predict("code", "Code is easier.", ...)
    guess.resolve(True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Code is easier."
    assert lines[1].startswith("No guess yet")
    assert lines[2] == "True: Code is easier."
    assert len(lines) == 3
    assert prediction_record() == ([], [])


@pytest.mark.parametrize(
    ("probability", "outcome", "score"),
    [
        (0.7, True, "0.09"),
        (0.7, False, "0.49"),
        (0, True, "1"),
        (1, True, "0"),
        (0.5, False, "0.25"),
    ],
)
def test_an_answer_is_scored_by_brier(capsys, probability, outcome, score):
    predict("code", "Code is easier.", probability).resolve(outcome)
    out = capsys.readouterr().out
    assert f"{outcome}: Code is easier." in out
    assert f"Brier score: {score}." in out
    assert prediction_record() == ([probability], [outcome])


def test_the_record_replaces_by_name_and_keeps_the_rest():
    predict("a", "A.", 0.2).resolve(False)
    predict("b", "B.", torch.tensor(0.75)).resolve(torch.tensor(True))
    predict("a", "A.", 0.9).resolve(np.bool_(True))
    predict("b", "B.", ...).resolve(True)  # running the untouched notebook again loses nothing
    assert prediction_record() == ([0.9, 0.75], [True, True])


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (80, r"must be a number from 0 .* to 1 .*, found 80\. Write 0\.8\?"),
        (1.5, "0 .* to 1"),
        (-0.1, "0 .* to 1"),
        (1000, "0 .* to 1"),
        (math.nan, "0 .* to 1"),
        ("likely", "must be a number from 0 .* such as 0.8, found 'likely'"),
        ("80%", "0 .* to 1"),
        (True, "probability must be .*found True"),
        ([0.5], "0 .* to 1"),
    ],
)
def test_what_is_not_a_probability(probability, words):
    with pytest.raises(ValueError, match=words):
        predict("code", "Code is easier.", probability)


@pytest.mark.parametrize("outcome", [1, 0.0, "yes", None, torch.tensor([True, False])])
def test_an_outcome_is_true_or_false(outcome):
    with pytest.raises(TypeError, match="outcome must be"):
        predict("code", "Code is easier.", 0.5).resolve(outcome)
    assert prediction_record() == ([], [])


def test_an_output_of_plain_ascii_gets_codes_instead_of_an_error(monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    expect("accuracy", 0.45, 0.44, 0.03)
    output.flush()
    assert (
        output.buffer.getvalue() == b"\\u2713 accuracy: 0.450 (course: 0.44, agrees within 0.03)\n"
    )
