from __future__ import annotations

import difflib
from collections import Counter

import pytest
from babel import Locale
from hypothesis import given, strategies as st

from coursekit.data.facts import (
    capital_questions,
    control_questions,
    invented_countries,
)
from coursekit.data.questions import matches

# --- invented countries ---------------------------------------------------------------------------


def test_invented_countries_are_real_in_no_language_and_resemble_none_in_english():
    names = invented_countries(500, seed=1)
    assert len(set(names)) == 500
    real = {
        language: {name.casefold() for name in Locale(language).territories.values()}
        for language in ("en", "de", "es", "fr", "fi", "it", "pl", "tr")
    }
    for name in (name.casefold() for name in names):
        assert not any(name in territories for territories in real.values())
        assert not difflib.get_close_matches(name, real["en"], 1, 0.8)
    assert names[:10] == invented_countries(10, seed=1) != invented_countries(10, seed=2)


@pytest.mark.parametrize("n", [0, 501])
def test_invented_countries_refuses(n):
    with pytest.raises(ValueError, match=f"n must be at (least 1|most 500), found {n}"):
        invented_countries(n)


# --- questions about them -------------------------------------------------------------------------


@pytest.mark.parametrize("n_options", [2, 4, 10])
def test_control_questions_look_like_the_real_ones(n_options):
    controls, real = control_questions(100, n_options), capital_questions(n_options)
    asked = {q.question.replace(q.subject, "...") for q in controls}
    assert asked == {q.question.replace(q.subject, "...") for q in real}
    assert {q.stem.replace(q.subject, "...") for q in controls} == {"The capital of ... is"}
    capitals = {q.group: {p.answer for p in real if p.group == q.group} for q in real}
    assert len({q.key for q in controls}) == 100
    for q in controls:
        assert len(set(q.options)) == n_options
        assert any(set(q.options) <= names for names in capitals.values()), "one continent"
    assert {q.subject for q in controls}.isdisjoint(q.subject for q in real)


CONTROL = control_questions(1)[0]


@given(st.text())
def test_no_free_answer_to_a_control_question_is_right(text):
    question = CONTROL
    assert not matches(text, question)
    assert not any(matches(option, question) for option in question.options)
    assert not matches(question.stem, question) and not matches("", question)


def test_lots_are_even_and_know_nothing_of_the_options():
    questions = [q for seed in range(10) for q in control_questions(200, 4, seed)]
    lots = Counter(q.correct for q in questions)
    assert all(abs(lots[place] - 500) < 80 for place in range(4))  # standard deviation 19
    # Whoever answers by the alphabet is right one time in four.
    first = sum(q.correct == q.options.index(min(q.options)) for q in questions)
    assert abs(first - 500) < 80


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n": 0}, "n must be at least 1, found 0"),
        ({"n": 501}, "n must be at most 500, found 501"),
        ({"n": 5, "n_options": 11}, "n_options must be 2 to 10, .*found 11"),
    ],
)
def test_control_questions_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        control_questions(**arguments)
