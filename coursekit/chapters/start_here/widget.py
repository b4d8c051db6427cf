"""A quiz about how sure you are: two options and a slider a question, then your own diagram.

The answers stay in the learner's progress file. Nothing is sent anywhere, and a question that was
not answered counts neither for nor against anybody.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from coursekit import progress
from coursekit.calibration.brier import brier_interval
from coursekit.chapters.start_here.rounds import overconfidence, pooled
from coursekit.data import Question, question_bank
from coursekit.data.facts.bank import ROUND
from coursekit.plots.answers import answers_diagram
from coursekit.plots.describing import description
from coursekit.plots.style import image_html

LOOK = "<style>.coursekit-quiz { --jp-widgets-font-size: 16px; font-size: 16px; }</style>"


@dataclass(frozen=True)
class Answer:
    """The option somebody chose, and how sure they were of it, from 0.5 to 1."""

    option: str
    confidence: float


class ConfidenceQuiz(ipywidgets.VBox):
    """Two-choice questions with a slider of confidence each, and a button that shows the result.

    Everything works from the keyboard: Tab moves on, arrow keys choose and slide, Space presses.

    Attributes:
        options: The radio buttons, one group for each question; value None while unanswered.
        sliders: How sure, in percent, one for each question.
        submit: The button.
        result: What the learner sees after pressing it.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = tuple(questions)
        if any(len(question.options) != 2 for question in self.questions):
            raise ValueError("questions must have two options each, so that a guess is right half")
        self.options = [_radio(question) for question in self.questions]
        self.sliders = [_slider() for _ in self.questions]
        self.submit = ipywidgets.Button(
            description="Show how I did", button_style="primary", layout={"width": "14em"}
        )
        self.result = ipywidgets.HTML()
        self._shown: set[str] = set()
        self.submit.on_click(lambda _: self._submit())
        # While the kernel is busy, the button may overtake a slider: what is shown follows later.
        for control in (*self.options, *self.sliders):
            control.observe(lambda _: self._follow(), names="value")
        rows = [
            ipywidgets.VBox(
                [ipywidgets.HTML(f"<b>{i}. {escape(question.question)}</b>"), option, slider],
                layout={"margin": "0 0 1em 0"},
            )
            for i, (question, option, slider) in enumerate(
                zip(self.questions, self.options, self.sliders, strict=True), start=1
            )
        ]
        super().__init__([ipywidgets.HTML(LOOK), *rows, self.submit, self.result])
        self.add_class("coursekit-quiz")
        self._restore()

    def answers(self) -> dict[str, Answer]:
        """Return the answers given so far, by the text of their question."""
        return {
            question.question: Answer(option.value, slider.value / 100)
            for question, option, slider in zip(
                self.questions, self.options, self.sliders, strict=True
            )
            if option.value is not None
        }

    def _submit(self) -> None:
        answers = self.answers()
        if answers:
            record = {
                text: {"option": answer.option, "confidence": answer.confidence}
                for text, answer in answers.items()
            }
            progress.update(lambda data: data.update(quiz={**_saved(data), **record}))
        self._show(answers)

    def _show(self, answers: dict[str, Answer]) -> None:
        self._shown = set(answers)
        self.result.value = feedback(self.questions, answers)

    def _follow(self) -> None:
        """Bring what is shown up to date, but show no right answer before the button is pressed."""
        if self._shown and self._shown == set(self.answers()):
            self._submit()

    def _restore(self) -> None:
        """Show the answers of an earlier session; whatever does not fit is left out."""
        saved = _saved(progress.read())
        for question, option, slider in zip(
            self.questions, self.options, self.sliders, strict=True
        ):
            entry = saved.get(question.question)
            if entry is not None and _is_answer(entry, question):
                option.value = entry["option"]
                slider.value = round(100 * entry["confidence"])
        if self.answers():
            self._show(self.answers())


class QuestionRounds(ipywidgets.VBox):
    """A bank of questions in rounds of ten; what all rounds show together, over all sessions.

    It opens at the first round that is not answered in full.

    Attributes:
        quiz: The round that is shown.
        pooled: What all answers so far say together.
        next: The button for another round.
    """

    def __init__(self, bank: Sequence[Question] | None = None) -> None:
        bank = question_bank() if bank is None else list(bank)
        self.rounds = [bank[i : i + ROUND] for i in range(0, len(bank), ROUND)]
        self.pooled = ipywidgets.HTML()
        self.next = ipywidgets.Button(description="Another ten questions", layout={"width": "14em"})
        self.next.on_click(lambda _: self._open(self._number + 1))
        super().__init__()
        saved = _saved(progress.read())
        open_rounds = [
            number
            for number, asked in enumerate(self.rounds)
            if not all(_is_answer(saved.get(q.question), q) for q in asked)
        ]
        self._open(open_rounds[0] if open_rounds else 0)

    def _open(self, number: int) -> None:
        self._number = number % len(self.rounds)
        self.quiz = ConfidenceQuiz(self.rounds[self._number])
        self.quiz.result.observe(lambda _: self._pool(), names="value")
        title = f"<b>Round {self._number + 1} of {len(self.rounds)}</b>"
        self.children = [ipywidgets.HTML(title), self.quiz, self.pooled, self.next]
        self._pool()

    def _pool(self) -> None:
        confidence, right = answered([q for asked in self.rounds for q in asked])
        n = len(right)
        self.pooled.value = (
            f"<p>{escape(pooled(overconfidence(confidence, right), n))}</p>" if n else ""
        )


def answered(questions: Sequence[Question]) -> tuple[list[float], list[bool]]:
    """Return how sure the learner was of each saved answer to these questions, and if it was right.

    Example:
        >>> answered([])
        ([], [])
    """
    saved = _saved(progress.read())
    entries = [(q, saved[q.question]) for q in questions if _is_answer(saved.get(q.question), q)]
    return (
        [entry["confidence"] for _, entry in entries],
        [entry["option"] == q.answer for q, entry in entries],
    )


def feedback(questions: Sequence[Question], answers: Mapping[str, Answer]) -> str:
    """Return what the learner is told, as HTML: score with interval, diagram, right answers.

    Args:
        questions: All questions of the quiz.
        answers: By the text of the question; those left out are counted as not answered.
    """
    answered = [question for question in questions if question.question in answers]
    if not answered:
        return "<p>No question is answered yet. Choose an option, then press the button again.</p>"
    given = [answers[question.question] for question in answered]
    confidence = [answer.confidence for answer in given]
    right = [answer.option == q.answer for answer, q in zip(given, answered, strict=True)]

    score = brier_interval(confidence, right)
    lines = [
        f"You answered {len(answered)} of {len(questions)} questions.{_left_out(questions, given)}",
        f"You were {sum(confidence) / len(given):.0%} sure on average, and right "
        f"{sum(right)} of {len(given)} times.",
        f"<b>Your Brier score: {score.estimate:.2f}</b>, 95 % interval {score.low:.2f} to "
        f"{score.high:.2f}. Lower is better; always saying 50 % gets 0.25.",
        _verdict(score.low, score.high),
    ]
    text = "".join(f"<p>{line}</p>" for line in lines)
    diagram = _image(answers_diagram(confidence, right, f"Your {len(given)} answers"))
    rows = [_row(q, a, r) for q, a, r in zip(answered, given, right, strict=True)]
    return f"{text}{diagram}<p>The right answers:</p><ul>{''.join(rows)}</ul>"


def _left_out(questions: Sequence[Question], given: Sequence[Answer]) -> str:
    missing = len(questions) - len(given)
    return f" The other {missing} are left out of everything below." if missing else ""


def _verdict(low: float, high: float) -> str:
    if low == high:
        return "Saying 50 % every time gives exactly this score, whatever you know."
    if high < 0.25:
        return "The whole interval is below 0.25: you know more than a coin, and you show it."
    if low > 0.25:
        return "The whole interval is above 0.25: you were surer than your answers deserve."
    return (
        "The interval contains 0.25: these few answers cannot tell you from somebody who always "
        "says 50 %. That is no failure, it is how little ten answers say."
    )


def _row(question: Question, answer: Answer, right: bool) -> str:
    said = f"you said {escape(answer.option)} at {answer.confidence:.0%}"
    mark = "right" if right else "wrong"
    return f"<li>{escape(question.question)} <b>{escape(question.answer)}</b>: {said}, {mark}</li>"


def _image(ax: Axes) -> str:
    """Return a figure as an HTML image, and close it."""
    buffer = io.BytesIO()
    figure = ax.get_figure(root=True)
    assert figure is not None  # new_axes made it
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return image_html(buffer.getvalue(), description(figure))


def _radio(question: Question) -> ipywidgets.RadioButtons:
    return ipywidgets.RadioButtons(
        options=question.options, value=None, layout={"width": "max-content"}
    )


def _slider() -> ipywidgets.IntSlider:
    return ipywidgets.IntSlider(
        value=50,
        min=50,
        max=100,
        step=5,
        continuous_update=False,
        description="how sure, in %",
        style={"description_width": "initial"},
        layout={"width": "26em"},
    )


def _saved(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers in a progress file, by question; none if they are no table."""
    saved = data.get("quiz")
    return saved if isinstance(saved, dict) else {}


def _is_answer(entry: Any, question: Question) -> bool:
    """Whether what the progress file holds is an answer to this question."""
    return (
        isinstance(entry, dict)
        and entry.get("option") in question.options
        and isinstance(entry.get("confidence"), (int, float))
        and 0.5 <= entry["confidence"] <= 1
    )
