"""What every kind of exercise shares: its texts, `check`, `hint`, `solution` and the record.

A kind of exercise overrides `_judge`, which turns an answer into a `Result`. It runs under a time
limit and, where that is safe, in a process of its own, so it may call and compare whatever the
learner hands in; but nothing that it notes outlives it.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from coursekit import progress
from coursekit._language import tr, wrapped
from coursekit.exercises._running import run_limited

__all__ = [
    "Exercise",
    "Mistake",
    "Result",
    "Status",
    "answer_name",
    "not_attempted",
    "not_yet",
    "print_wrapped",
]

SECONDS = 5.0
WIDTH = 80


class Status(Enum):
    """How an answer fared."""

    NOT_ATTEMPTED = "not attempted"
    CORRECT = "correct"
    MISTAKE = "a known mistake"
    WRONG = "wrong"
    FAILED = "raised an exception"
    TIMEOUT = "did not finish"


@dataclass(frozen=True)
class Result:
    """What `check` found: a status, the message shown, and the name of the mistake if known.

    Example:
        >>> Result(Status.MISTAKE, "Not yet: this is in bits.", "bits").status.value
        'a known mistake'
    """

    status: Status
    message: str
    mistake: str | None = None


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners really give, and the sentence that teaches.

    Attributes:
        name: A few words, unique in the exercise.
        wrong: For a function, a function with this mistake; for a value, the wrong value, or a
            function of no arguments that gives it.
        message: What went wrong and where to look, at most 400 characters.

    Example:
        >>> Mistake("bits", 1.585, "This is in bits: use the natural logarithm.").wrong
        1.585
    """

    name: str
    wrong: Any
    message: str


class Exercise:
    """One exercise of a notebook; what kinds there are is in `engine`.

    Attributes:
        last_result: What the last `check` found.

    Example:
        >>> from coursekit.chapters.start_here import exercises
        >>> exercises.calibrated_or_accurate.check(...)
        Not attempted yet. Put your answer in place of `...` and run this again.
    """

    def __init__(
        self,
        *,
        name: str,
        title: str,
        stub: str,
        solution: str,
        hints: Sequence[str] = (),
        insight: str = "",
    ) -> None:
        self.name = name
        self.title = title
        self.stub = textwrap.dedent(stub).strip()
        self.solution_source = textwrap.dedent(solution).strip()
        self.hints = tuple(hints)
        self.insight = insight
        self.last_result: Result | None = None
        self._hints_given = 0

    def check(self, answer: Any, seconds: float = SECONDS) -> None:
        """Say whether the answer is right, and if not, why. Never raises, whatever the answer."""
        self.last_result, printed = self._examine(answer, seconds)
        print_wrapped(self.last_result.message)
        if self.last_result.status is Status.NOT_ATTEMPTED:
            return
        done = self.last_result.status is Status.CORRECT
        if printed and not done:
            print_wrapped(tr("It printed: {text}", text=textwrap.shorten(printed, 120)))
        self._record(
            lambda entry: entry.update(tries=entry["tries"] + 1, done=entry["done"] or done)
        )

    def grade(self, answer: Any, seconds: float = SECONDS) -> None:
        """Say nothing if the answer is right: for a grader, where `check` speaks to a learner.

        Nothing is recorded.

        Raises:
            AssertionError: If the answer is not right, with the message that `check` prints.
        """
        result, _ = self._examine(answer, seconds)
        if result.status is not Status.CORRECT:
            raise AssertionError(result.message)

    def hint(self) -> None:
        """Print the next hint; after the last one, the last one again."""
        if not self.hints:
            print_wrapped(tr("There are no hints here: every answer you try is explained."))
            return
        number = min(self._hints_given + 1, len(self.hints))
        self._hints_given = number
        hint = tr(self.hints[number - 1])
        print_wrapped(
            tr("Hint {number} of {total}: {hint}", number=number, total=len(self.hints), hint=hint)
        )
        self._record(lambda entry: entry.update(hints=max(entry["hints"], number)))

    def solution(self) -> None:
        """Print the solution."""
        print(self._solution())
        self._record(lambda entry: entry.update(solution_seen=True))

    def wrong_answer(self, mistake: Mistake) -> Any:
        """Return what a learner who makes this mistake gives to `check`."""
        return mistake.wrong

    def _examine(self, answer: Any, seconds: float) -> tuple[Result, str]:
        """Judge the answer apart from all else: the result, and what was printed meanwhile."""
        if answer is None or answer is ...:
            return not_attempted(), ""
        self.prepare()
        run = run_limited(lambda: self._judge(answer), seconds)
        if not run.finished:
            message = tr(
                "your answer did not finish in {seconds:g} s. Does a loop never end?",
                seconds=seconds,
            )
            return not_yet(message, Status.TIMEOUT), run.printed
        if run.died:
            message = tr("your answer ended Python itself ({error}).", error=run.error)
            return not_yet(message, Status.FAILED), run.printed
        if run.error is not None:  # the answer broke the comparison: it cannot be printed, say
            message = tr("your answer could not be read: {error}.", error=run.error)
            return not_yet(message, Status.FAILED), run.printed
        return run.value, run.printed

    def prepare(self) -> None:
        """Compute what the learner's time limit should not pay for."""

    def _judge(self, answer: Any) -> Result:
        raise NotImplementedError

    def _solution(self) -> str:
        return self.solution_source

    def _correct(self) -> Result:
        return Result(Status.CORRECT, f"{tr('Correct.')} {tr(self.insight)}".strip())

    def _record(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Note a change in the learner's progress file, if the exercise belongs to a notebook."""
        notebook = _notebook_of(self)
        if notebook is None:
            return

        def in_file(data: dict[str, Any]) -> None:
            entries = data["exercises"].setdefault(notebook, {})
            change(entries.setdefault(self.name, dict(progress.NEW_EXERCISE)))

        progress.update(in_file)


def not_attempted(returned_none: bool = False) -> Result:
    """Return the result for an untouched stub.

    Example:
        >>> not_attempted().message
        'Not attempted yet. Put your answer in place of `...` and run this again.'
    """
    message = (
        tr("Not attempted yet. Your function returns None: fill it in, and `return` the result.")
        if returned_none
        else tr("Not attempted yet. Put your answer in place of `...` and run this again.")
    )
    return Result(Status.NOT_ATTEMPTED, message)


def not_yet(message: str, status: Status = Status.WRONG, mistake: str | None = None) -> Result:
    """Return the result for a wrong answer.

    Example:
        >>> not_yet("3 is too large.").message
        'Not yet: 3 is too large.'
    """
    return Result(status, tr("Not yet: {message}", message=tr(message)), mistake)


def _notebook_of(exercise: Exercise) -> str | None:
    """Return the name of the chapter that holds the exercise under its name."""
    for name, module in list(sys.modules.items()):
        place = name.split(".")
        is_chapter = place[:2] == ["coursekit", "chapters"] and place[3:] == ["exercises"]
        if is_chapter and getattr(module, exercise.name, None) is exercise:
            return place[2]
    return None


def print_wrapped(text: str, indent: str = "") -> None:
    """Print text wrapped at 80 characters; lines after the first are indented.

    Example:
        >>> print_wrapped("a) " + "calibrated " * 8, indent="   ")
        a) calibrated calibrated calibrated calibrated calibrated calibrated calibrated
           calibrated
    """
    text = text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate cannot be printed
    for paragraph in text.splitlines():
        print(wrapped(paragraph, WIDTH, indent))


def answer_name(source: str) -> str:
    """Return the name that a stub or a solution binds last, at top level.

    Raises:
        ValueError: If it binds none.

    Example:
        >>> answer_name("my_entropy = ...")
        'my_entropy'
    """
    for statement in reversed(ast.parse(source).body):
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                return name
            case ast.Assign(targets=[ast.Name(id=name)]):
                return name
    raise ValueError(f"source must define a function or assign a name, found {source!r:.80}.")
