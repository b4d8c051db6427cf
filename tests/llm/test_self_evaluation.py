"""P(True) against the model's own probabilities; the strict reader of stated confidence."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, strategies as st

from coursekit.calibration import binary_brier_score
from coursekit.llm.self_evaluation import p_true, parse_confidence, read_confidences

PROMPTS = ["Is Rome the capital of Italy?\nAnswer:", "Is Milan the capital of Italy?\nAnswer:"]


def test_p_true_is_what_the_model_gives_to_the_two_words(tiny_lm):
    found = p_true(tiny_lm, PROMPTS, "Yes", "No")
    words = [tiny_lm.tokenizer(word).input_ids for word in (" Yes", " No")]
    assert [len(word) for word in words] == [1, 1]
    for i, prompt in enumerate(PROMPTS):
        ids = tiny_lm.tokenizer(prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            probs = tiny_lm.model(ids).logits[0, -1].softmax(-1)
        yes, no = (probs[word[0]].item() for word in words)
        assert found.probs[i].item() == pytest.approx(yes / (yes + no), rel=1e-4)
        assert found.mass[i].item() == pytest.approx(yes + no, rel=1e-4)


def test_exchanged_words_give_the_rest(tiny_lm):
    one, other = p_true(tiny_lm, PROMPTS, "Yes", "No"), p_true(tiny_lm, PROMPTS, " No", " Yes ")
    assert (one.probs + other.probs).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert one.mass.tolist() == pytest.approx(other.mass.tolist())


def test_no_prompts_give_nothing():
    assert p_true(None, []).probs.shape == (0,)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("True", " True "), "two different words"),
        (("", "False"), "true must be a word"),
        (("True", " "), "false must be a word"),
        (("True", None), "false must be a word"),
    ],
)
def test_bad_words(tiny_lm, words, message):
    with pytest.raises(ValueError, match=message):
        p_true(tiny_lm, PROMPTS, *words)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90", 0.9),
        (" 90 % ", 0.9),
        ("90%.", 0.9),
        ("90 Percent", 0.9),
        ("99.5", 0.995),
        ("0", 0.0),
        ("0.0", 0.0),
        ("100", 1.0),
        ("1", 0.01),
        ("0.9 %", 0.009),
    ],
)
def test_what_can_be_read(text, value):
    assert parse_confidence(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    ["", " ", "ninety", "I am 90 % sure", "90-95", "90, 95", "-5", "+5", "120", "100.1", "0.9",
     "90 % sure", "9 0", "1e2", "½", "٩٠ %x", "nan", "inf", ".5", "90..", "High (95)"],
)  # fmt: skip
def test_what_leaves_a_doubt_is_not_read(text):
    assert parse_confidence(text) is None


def test_the_scale_is_the_one_asked_for():
    assert parse_confidence("0.9", scale=1) == 0.9
    assert parse_confidence("1", scale=1) == 1.0
    assert parse_confidence("90", scale=1) is None
    assert parse_confidence("90 %", scale=1) == pytest.approx(0.9)
    assert parse_confidence("7", scale=10) == pytest.approx(0.7)


@given(st.integers(0, 100))
def test_every_whole_percentage_is_read(number):
    for form in ("{}", "{} %", "{}%.", "{} percent"):
        assert parse_confidence(form.format(number)) == number / 100


@given(st.text())
def test_whatever_is_written_gives_a_probability_or_none(text):
    value = parse_confidence(text)
    assert value is None or 0 <= value <= 1


def test_nothing_is_dropped():
    found = read_confidences(["90", "no idea", "10 %", ""])
    assert found.parsed.tolist() == [True, False, True, False]
    assert found.unparsed == ("no idea", "")
    assert found.texts == ("90", "no idea", "10 %", "")
    assert found.filled(0.5).tolist() == pytest.approx([0.9, 0.5, 0.1, 0.5])
    assert found.filled(0).tolist() == pytest.approx([0.9, 0, 0.1, 0])


def test_unfilled_gaps_cannot_slip_into_a_score():
    found = read_confidences(["90", "no idea"])
    with pytest.raises(ValueError, match="confidence"):
        binary_brier_score(found.confidence, [True, False])
    assert binary_brier_score(found.filled(0.5), [True, False]) == pytest.approx(0.13)


def test_all_unreadable_is_still_all():
    found = read_confidences(["?"] * 3)
    assert found.parsed.sum() == 0
    assert found.filled(0.5).tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: read_confidences([]), ValueError, "texts must have what the model wrote"),
        (lambda: read_confidences("90"), TypeError, r"write \[text\]"),
        (lambda: read_confidences([90]), TypeError, "found int: take its .text"),
        (lambda: parse_confidence("90", scale=0), ValueError, "scale must be a positive"),
        (lambda: parse_confidence("90", scale=float("nan")), ValueError, "scale must be"),
        (lambda: read_confidences(["90"]).filled(1.5), ValueError, "value must be a probability"),
        (lambda: read_confidences(["90"]).filled(float("nan")), ValueError, "value must be"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
