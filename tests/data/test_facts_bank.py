"""The bank of questions: a hundred, two answers each, in rounds that are alike."""

from __future__ import annotations

from collections import Counter

from coursekit.data import question_bank
from coursekit.data.facts.bank import GENERAL, N_ROUNDS, ROUND


def test_a_hundred_different_questions_with_two_answers():
    bank = question_bank()
    assert len(bank) == len({q.question for q in bank}) == 100
    for q in bank:
        assert len(set(q.options)) == 2 and q.options[q.correct] == q.answer
    assert bank == question_bank()


def test_rounds_are_alike():
    bank = question_bank()
    for number in range(N_ROUNDS):
        asked = bank[number * ROUND : (number + 1) * ROUND]
        kinds = Counter(q.kind for q in asked)
        assert kinds["general"] == 4 and len(kinds) == 5
        assert len({q.difficulty for q in asked if q.kind == "general"}) == 3


def test_the_right_answer_stands_first_about_as_often_as_second():
    first = sum(q.correct == 0 for q in question_bank())
    assert 35 <= first <= 65


def test_general_questions_have_answers_of_their_own():
    for _, question, right, wrong in GENERAL:
        assert question.endswith("?") and right != wrong
