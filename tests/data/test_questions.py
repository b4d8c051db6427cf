from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from coursekit.data.facts import capital_questions
from coursekit.data.facts.country_tables import CAPITAL_ALIASES as ALIASES
from coursekit.data.questions import matches, normalise, split_questions

QUESTIONS = {question.key: question for question in capital_questions()}


@pytest.mark.parametrize(
    "code, answer",
    [
        ("AL", "Tirana"),
        ("AL", " tirana.\n"),
        ("AL", "Tirana, Albania"),
        ("AL", "TIRANA"),
        ("CM", "Yaoundé"),
        ("CM", "Yaounde"),
        ("TD", "Ndjamena"),
        ("TD", "N’Djaména"),
        ("TO", "Nukuʻalofa"),
        ("UA", "Kiev"),
        ("KZ", "Astana"),
        ("KZ", "Nur-Sultan"),
        ("GD", "Saint George's"),
        ("GD", "St Georges"),
        ("HT", "Port au Prince"),
        ("US", "Washington, D.C."),
        ("US", "Washington DC"),
        ("US", "Washington, D.C., United States"),
        ("CO", "Bogotá"),
        ("MM", "Naypyidaw"),
        ("IS", "Reykjavi\u0301k"),
        ("AL", "The capital of Albania is Tirana."),
        ("US", "the capital of the United States is Washington, D.C."),
    ],
)
def test_accepts(code, answer):
    assert matches(answer, QUESTIONS[code])


@pytest.mark.parametrize(
    "code, answer",
    [
        ("AL", "Tirano"),
        ("AL", "Tiran"),
        ("AL", "not Tirana"),
        ("AL", "Tirana or Durres"),
        ("AL", "Tirana, Italy"),
        ("AL", "Albania"),
        ("AL", ""),
        ("AL", "..."),
        ("IT", "Romeo"),
        ("AU", "Sydney"),
        ("IN", "Delhi"),
        ("JM", "Kingstown"),
        ("VC", "Kingston"),
        ("US", "New York"),
        ("CH", "Berne Zurich"),
        ("IT", "The capital of Italy isn't Rome"),
        ("IT", "The capital of Italy is not Rome"),
        ("IT", "The capital of Italy is"),
        ("IT", "The capital of France is Rome"),
    ],
)
def test_rejects(code, answer):
    assert not matches(answer, QUESTIONS[code])


@pytest.mark.parametrize("code", sorted(ALIASES))
def test_every_alias_belongs_to_a_question_adds_something_and_is_accepted(code):
    question = QUESTIONS[code]
    spellings = [normalise(name) for name in (question.answer, *ALIASES[code])]
    assert question.aliases == ALIASES[code]
    assert len(set(spellings)) == len(spellings), "an alias that normalise already takes care of"
    assert all(matches(alias, question) for alias in ALIASES[code])
    others = (q for q in QUESTIONS.values() if q.key != code)
    assert not any(matches(alias, q) for q in others for alias in ALIASES[code])


def test_no_answer_is_right_for_two_countries():
    for question in QUESTIONS.values():
        assert [q.key for q in QUESTIONS.values() if matches(question.answer, q)] == [question.key]


@given(st.text())
def test_normalise_is_idempotent_but_for_repeated_articles(text):
    once = normalise(text)
    assert normalise(once) == once or once.startswith("the")


@given(st.text())
def test_garbage_is_never_right(text):
    assert matches(text, QUESTIONS["AL"]) <= normalise(text).startswith("tirana")


def test_an_answer_that_is_no_text_is_an_error():
    with pytest.raises(TypeError, match="answer must be the text of one answer, found a NoneType"):
        matches(None, QUESTIONS["AL"])


def test_split_takes_the_fraction_of_every_group():
    everything = list(QUESTIONS.values())
    first, second = split_questions(everything, 0.25, seed=5)
    assert sorted([*first, *second], key=everything.index) == everything
    assert not {q.key for q in first} & {q.key for q in second}
    for group in {q.group for q in everything}:
        size = sum(q.group == group for q in everything)
        assert abs(sum(q.group == group for q in first) - size / 4) <= 0.5
    assert split_questions(everything, 0.25, seed=6)[0] != first


def test_split_refuses():
    everything = list(QUESTIONS.values())
    with pytest.raises(ValueError, match="questions must have distinct keys"):
        split_questions([*everything, replace(everything[0], options=("a", "b"))])
    with pytest.raises(ValueError, match=r"fraction must .*found 1\.5"):
        split_questions(everything, 1.5)


def test_a_split_of_some_is_the_split_of_all():
    everything = list(QUESTIONS.values())
    first, second = split_questions(everything, seed=7)
    few = everything[::3]
    assert split_questions(few, seed=7) == (
        [q for q in few if q in first],
        [q for q in few if q in second],
    )


def test_without_entities_a_key_is_the_entity_and_groups_are_divided_exactly():
    bare = [replace(q, entities=()) for q in QUESTIONS.values()]
    for size in (10, 20, 31):
        first, second = split_questions(bare[:size], seed=1)
        for group in {q.group for q in bare[:size]}:
            sizes = [sum(q.group == group for q in part) for part in (first, second)]
            assert abs(sizes[0] - sizes[1]) <= 1


def test_entities_without_peers_do_not_move_those_with_peers():
    everything = list(QUESTIONS.values())
    bare = [replace(q, kind="bare", key=f"{q.key}!", entities=()) for q in everything[:30]]
    mixed, alone = split_questions([*everything, *bare]), split_questions(everything)
    for part, expected in zip(mixed, alone, strict=True):
        assert [q for q in part if q.kind != "bare"] == expected


def test_kinds_may_share_keys():
    question = QUESTIONS["FR"]
    both = [question, replace(question, kind="currency")]
    assert sorted(map(len, split_questions(both))) == [0, 2]


def test_a_question_without_a_right_answer_accepts_nothing():
    for text in ("", " ", "Tirana", "the", "."):
        assert not matches(text, replace(QUESTIONS["AL"], answer="", aliases=()))
