"""Sums over spellings: against adding up by hand, and against counting a text twice."""

from __future__ import annotations

import pytest
import torch

from coursekit.llm.choices import score_choices
from coursekit.llm.spellings import score_spellings

PROMPTS = ["Q: What is the capital of France?\nA:", "Q: And of Mongolia?\nA:"]
PARIS, LYON, ULAN = [" Paris", " paris", "Paris"], [" Lyon"], [" Ulaanbaatar", " Ulan Bator"]


def added_by_hand(lm, prompt, spellings):
    [scores] = score_choices(lm, [prompt], [spellings])
    return scores.exp().sum().log()


def test_disjoint_spellings_add_up(tiny_lm):
    first, second = score_spellings(tiny_lm, PROMPTS, [[PARIS, LYON], [ULAN]])
    expected = [added_by_hand(tiny_lm, PROMPTS[0], s) for s in (PARIS, LYON)]
    torch.testing.assert_close(first, torch.stack(expected), atol=1e-4, rtol=0)
    expected = added_by_hand(tiny_lm, PROMPTS[1], ULAN).reshape(1)
    torch.testing.assert_close(second, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "spellings",
    [
        [" Paris", " Paris."],  # the longer one is contained
        [" Paris. It is", " Paris", " Paris is large"],
        [" Paris", " Paris"],  # the same twice
    ],
)
def test_what_another_spelling_contains_is_not_counted_twice(tiny_lm, spellings):
    [[score]] = score_spellings(tiny_lm, PROMPTS[:1], [[spellings]])
    torch.testing.assert_close(score, added_by_hand(tiny_lm, PROMPTS[0], [" Paris"]))


def test_more_spellings_are_never_less_probable(tiny_lm):
    [few] = score_spellings(tiny_lm, PROMPTS[:1], [[[" Paris"], LYON]])
    [many] = score_spellings(tiny_lm, PROMPTS[:1], [[[" Paris", " PARIS", "Paris"], LYON]])
    assert many[0] > few[0]
    assert many[1] == pytest.approx(few[1].item(), abs=1e-5)


def test_an_end_tells_new_from_new_york(tiny_lm):
    open_ended = [[[" New"], [" New York"]]]
    with pytest.raises(ValueError, match=r"' New' and answers\[0\]\[1\] has ' New York': a text"):
        score_spellings(tiny_lm, PROMPTS[:1], open_ended)
    ended = [[[" New\n"], [" New York\n"]]]
    [found] = score_spellings(tiny_lm, PROMPTS[:1], ended)
    [expected] = score_choices(tiny_lm, PROMPTS[:1], [[" New\n", " New York\n"]])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_no_prompts_give_no_scores(tiny_lm):
    assert score_spellings(tiny_lm, [], []) == []


@pytest.mark.parametrize(
    ("answers", "error", "message"),
    [
        ([[" Paris", " Lyon"]], TypeError, r"answers\[0\]\[0\] must be a list of spellings"),
        ([[[" Paris"], []]], ValueError, r"answers\[0\]\[1\] must have at least one spelling"),
        ([[[" Paris"], [" Lyon", " Paris"]]], ValueError, "they are not two answers"),
        ([[[" Paris"], [" \n "]]], ValueError, "all whitespace"),
        ([], ValueError, "same length, found 1 and 0"),
    ],
)
def test_bad_input_is_named(tiny_lm, answers, error, message):
    with pytest.raises(error, match=message):
        score_spellings(tiny_lm, PROMPTS[:1], answers)
