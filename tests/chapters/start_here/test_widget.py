"""The quiz without a browser: answers are set, the button is clicked, the result is read."""

from __future__ import annotations

import base64
import json
import re

import matplotlib.pyplot as plt
import pytest

from coursekit import progress
from coursekit.chapters.start_here.widget import ConfidenceQuiz, QuestionRounds, answered
from coursekit.data import capital_questions, question_bank, quiz

QUESTIONS = quiz(seed=0, n=10)


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    where = tmp_path / "progress.json"
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(where))
    return where


def answer(widget, number, percent, right=True):
    question = widget.questions[number]
    widget.options[number].value = question.options[question.correct ^ (not right)]
    widget.sliders[number].value = percent


def shown(widget):
    """The text of the result, without the picture."""
    return re.sub(r"<[^>]+>", " ", widget.result.value)


def test_ten_answers_give_score_diagram_and_right_answers():
    widget = ConfidenceQuiz(QUESTIONS)
    for number in range(10):
        answer(widget, number, percent=80, right=number < 6)
    widget.submit.click()

    # Six times 0.2 squared and four times 0.8 squared.
    assert "Your Brier score: 0.28" in shown(widget)
    assert "You answered 10 of 10 questions." in shown(widget)
    assert "left out" not in shown(widget)
    assert "You were 80% sure on average, and right 6 of 10 times." in shown(widget)
    # Wilson's interval of 4 wrong of 10 is 0.168 to 0.687; a score is 0.04 plus 0.6 times that.
    assert "95 % interval 0.14 to 0.45" in shown(widget)
    assert "contains 0.25" in shown(widget)
    assert all(question.answer in shown(widget) for question in QUESTIONS)


def test_the_diagram_is_a_picture_with_a_description():
    widget = ConfidenceQuiz(QUESTIONS)
    answer(widget, 0, percent=90)
    widget.submit.click()
    [(alt, data)] = re.findall(r'<img alt="([^"]+)".*?base64,([^"]+)"', widget.result.value)
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert "90% sure" in alt
    assert plt.get_fignums() == []


def test_unanswered_questions_are_left_out_and_it_is_said():
    widget = ConfidenceQuiz(QUESTIONS)
    for number in (2, 5, 7):
        answer(widget, number, percent=100, right=number != 7)
    widget.sliders[0].value = 95  # sure of nothing: no option was chosen
    widget.submit.click()
    assert "You answered 3 of 10 questions. The other 7 are left out" in shown(widget)
    assert "right 2 of 3 times" in shown(widget)
    assert "Your Brier score: 0.33" in shown(widget)
    assert QUESTIONS[0].question not in shown(widget)


def test_no_answer_at_all_is_said_and_not_saved(file):
    widget = ConfidenceQuiz(QUESTIONS)
    widget.submit.click()
    assert "No question is answered yet" in shown(widget)
    assert not file.exists()


def test_pressing_again_shows_and_saves_the_new_answers():
    widget = ConfidenceQuiz(QUESTIONS)
    answer(widget, 0, percent=100)
    widget.submit.click()
    assert "Your Brier score: 0.00" in shown(widget)
    answer(widget, 0, percent=100, right=False)
    widget.submit.click()
    assert "Your Brier score: 1.00" in shown(widget)
    assert widget.result.value.count("<img") == 1
    assert ConfidenceQuiz(QUESTIONS).answers() == widget.answers()


@pytest.mark.parametrize(
    ("percent", "n_right", "verdict"),
    [
        (50, 5, "exactly this score"),
        (90, 10, "below 0.25"),
        (100, 2, "above 0.25"),
    ],
)
def test_the_verdict_follows_the_interval(percent, n_right, verdict):
    widget = ConfidenceQuiz(QUESTIONS)
    for number in range(10):
        answer(widget, number, percent, right=number < n_right)
    widget.submit.click()
    assert verdict in shown(widget)


def test_a_slider_that_the_button_overtook_is_shown_and_saved():
    widget = ConfidenceQuiz(QUESTIONS)
    answer(widget, 0, percent=55)
    widget.submit.click()
    widget.sliders[0].value = 95
    assert "You were 95% sure on average" in shown(widget)
    saved = progress.read()["quiz"]
    assert saved[QUESTIONS[0].question]["confidence"] == 0.95


def test_an_answer_that_is_not_handed_in_yet_is_not_judged():
    widget = ConfidenceQuiz(QUESTIONS)
    answer(widget, 0, percent=55)
    assert widget.result.value == ""
    widget.submit.click()
    answer(widget, 1, percent=80)
    assert "You answered 1 of 10 questions." in shown(widget)
    assert QUESTIONS[1].question not in shown(widget)
    widget.submit.click()
    assert "You answered 2 of 10 questions." in shown(widget)


def test_answers_come_back_and_the_rest_of_the_file_stays(file):
    entry = {"probability": 0.7, "outcome": True}
    progress.update(lambda data: data["predictions"].update(chad=entry))
    widget = ConfidenceQuiz(QUESTIONS)
    answer(widget, 3, percent=85)
    answer(widget, 4, percent=55, right=False)
    widget.submit.click()

    again = ConfidenceQuiz(QUESTIONS)
    assert again.answers() == widget.answers()
    assert (again.sliders[3].value, again.sliders[4].value) == (85, 55)
    assert again.options[0].value is None
    assert again.result.value == widget.result.value
    assert progress.read()["predictions"] == {"chad": entry}
    assert len(json.loads(file.read_text(encoding="utf-8"))["quiz"]) == 2


def test_nothing_is_shown_or_saved_before_the_first_answer(file):
    assert ConfidenceQuiz(QUESTIONS).result.value == ""
    assert not file.exists()


FIRST = QUESTIONS[0].question


@pytest.mark.parametrize(
    "saved",
    [
        "nonsense",
        [1, 2],
        {FIRST: "Spain"},
        {FIRST: {"option": "Atlantis", "confidence": 0.7}},
        {FIRST: {"option": QUESTIONS[0].answer}},
        {FIRST: {"option": QUESTIONS[0].answer, "confidence": 7}},
        {FIRST: {"option": [], "confidence": 0.7}},
        {"another quiz": {"option": "a", "confidence": 0.7}},
    ],
    ids=str,
)
def test_what_does_not_fit_is_left_out(saved):
    progress.update(lambda data: data.update(quiz=saved))
    widget = ConfidenceQuiz(QUESTIONS)
    assert widget.answers() == {}
    answer(widget, 0, percent=75)
    widget.submit.click()
    assert ConfidenceQuiz(QUESTIONS).answers() == widget.answers()


def test_the_sliders_go_from_guessing_to_certain():
    for slider in ConfidenceQuiz(QUESTIONS).sliders:
        assert (slider.min, slider.value, slider.max) == (50, 50, 100)


def test_four_options_are_refused():
    with pytest.raises(ValueError, match="two options"):
        ConfidenceQuiz(capital_questions()[:3])


def test_rounds_are_pooled_over_sessions_until_they_decide():
    first = QuestionRounds()
    assert first.pooled.value == ""
    for number in range(10):
        answer(first.quiz, number, percent=95, right=number < 5)
    first.quiz.submit.click()
    assert "All 10 answers so far: confidence minus accuracy +45%" in first.pooled.value

    later = QuestionRounds()  # another session: the second round is next
    assert later.quiz.questions == tuple(question_bank()[10:20])
    assert "All 10 answers" in later.pooled.value
    for number in range(10):
        answer(later.quiz, number, percent=95, right=number < 5)
    later.quiz.submit.click()
    assert "All 20 answers so far" in later.pooled.value
    assert "Decided: you are overconfident" in later.pooled.value
    confidence, right = answered(question_bank())
    assert (sum(confidence), sum(right)) == (pytest.approx(19), 10)


def test_another_round_can_be_opened_and_the_first_comes_after_the_last():
    widget = QuestionRounds()
    for number in (*range(1, 10), 0):
        widget.next.click()
        assert widget.quiz.questions == tuple(question_bank()[10 * number : 10 * number + 10])


def test_a_spoilt_file_is_no_answer():
    progress.update(lambda data: data.update(quiz="nonsense"))
    assert answered(question_bank()) == ([], [])
    assert QuestionRounds().pooled.value == ""
