r'''Exercises that answer the learner in one clear sentence, and never with a crash.

A notebook NN_name has one module, `coursekit/chapters/name/exercises.py`. The first line of its
docstring is the notebook's number and title; every exercise is an attribute with its own name:

    """11 Next-token calibration."""

    import torch
    from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake, ValueExercise

    mean_confidence = FunctionExercise(
        name="mean_confidence",
        title="The mean confidence of the top label",
        reference=lambda probs: probs.max(dim=-1).values.mean(),
        inputs=lambda rng: (torch.tensor(rng.dirichlet([1.0, 1.0, 1.0], size=4)),),
        mistakes=[
            Mistake(
                name="over samples",
                wrong=lambda probs: probs.max(dim=0).values.mean(),
                message="You took the maximum over the samples; each sample has its own top label.",
            ),
            Mistake(...),
        ],
        hints=["Which axis of probs holds the classes?", "Maximum over it, then mean."],
        stub="def my_mean_confidence(probs):\n    ...",
        solution="def my_mean_confidence(probs):\n    return probs.max(dim=-1).values.mean()",
    )

The notebook has `from coursekit.chapters.next_token_calibration import exercises`, a cell with
the stub and `exercises.mean_confidence.check(my_mean_confidence)`, and offers `.hint()` and
`.solution()`. Stub and solution are source text that binds the same name and imports what the
notebook does not. `tests/exercises/test_all_exercises.py` finds every exercise and proves that the
solution passes, that each mistake gets its own message, that the untouched stub is "not attempted",
that the notebook has it, and that garbage does no harm. `tests/exercises/adversaries/` has more
wrong answers, of which none may pass, and right ones of another make, which must.

An answer is judged in a process of its own where one can be had (`_running`): neither what it
changes nor a figure that it shows is seen afterwards, nor what `close` and `diagnose` note.

A `ValueExercise` asks for a number, its stub is `my_<name> = ...`. A `ChoiceExercise` asks a
question: the cell is `exercises.<name>.ask()` and `exercises.<name>.check(...)`.
'''

from __future__ import annotations

import copy
import inspect
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

from coursekit._language import tr
from coursekit.exercises._base import (
    Exercise,
    Mistake,
    Result,
    Status,
    answer_name,
    not_attempted,
    not_yet,
    print_wrapped,
)
from coursekit.exercises._calling import Call, call, is_blank, misfit, shown, what_was_raised
from coursekit.exercises._comparing import (
    a_kind,
    difference,
    has_blank,
    kind,
    same,
    show,
)

__all__ = [
    "ChoiceExercise",
    "Exercise",
    "FunctionExercise",
    "Mistake",
    "Result",
    "Status",
    "ValueExercise",
    "answer_name",
]


class FunctionExercise(Exercise):
    """The learner writes a function; it is run on hidden inputs and compared with a reference.

    Args:
        name: Name of the attribute that holds this exercise.
        title: What the function computes, in a few words.
        reference: The right function, preferably not the one of `solution` but an independent one.
        inputs: Takes a `numpy.random.Generator`, gives the tuple of arguments for one call. Small
            ones (a few rows) make good messages. Each call gets its own copy.
        mistakes: Wrong functions that learners write. Recognised by what they return, so on the
            hidden inputs each must differ from the reference and from the others.
        edges: More inputs, the same in every check: what belongs to the subject and chance would
            seldom draw, such as zeros, a border, one element, another shape.
        hints: From a nudge to nearly the answer.
        stub: Source text the learner starts from. Running it untouched must return `...` or None,
            or fail because of a `...` in it.
        solution: Source text of a right function with the same name.
        insight: A sentence or two shown with "Correct."
        close: `close(expected, found) -> bool`, where a tolerance of 1e-4 does not fit.
        diagnose: `diagnose(function, args, output) -> str | None`: the message for a mistake that
            shows only in how the function behaves; called for every draw, on right outputs too.
        draws: How many hidden inputs.

    Example:
        >>> double = FunctionExercise(
        ...     name="double", title="Twice a number", reference=lambda x: 2 * x,
        ...     inputs=lambda rng: (int(rng.integers(3, 9)),),
        ...     mistakes=[Mistake("square", lambda x: x * x, "You squared it.")],
        ...     hints=["Add it to itself."],
        ...     stub="def my_double(x): ...", solution="def my_double(x): return x + x",
        ... )
        >>> double.check(lambda x: x + x)
        Correct.
        >>> double.check(lambda x: x ** 2)
        Not yet: You squared it.
    """

    def __init__(
        self,
        *,
        name: str,
        title: str,
        reference: Callable[..., Any],
        inputs: Callable[[Any], tuple[Any, ...]],
        mistakes: Sequence[Mistake],
        hints: Sequence[str],
        stub: str,
        solution: str,
        insight: str = "",
        close: Callable[[Any, Any], bool] = same,
        diagnose: Callable[[Callable[..., Any], tuple[Any, ...], Any], str | None] | None = None,
        draws: int = 3,
        edges: Sequence[tuple[Any, ...]] = (),
    ) -> None:
        super().__init__(
            name=name, title=title, stub=stub, solution=solution, hints=hints, insight=insight
        )
        self.reference = reference
        self.inputs = inputs
        self.mistakes = tuple(mistakes)
        self.close = close
        self.diagnose = diagnose
        self.draws = draws
        self.edges = tuple(edges)
        self._seed = [zlib.crc32(name.encode())]

    def with_other_inputs(self, seed: int) -> Self:
        """Return the exercise on other hidden inputs, for a grader who trusts nobody's memory."""
        other = copy.copy(self)
        other.__dict__.pop("cases", None)
        other._seed = [*self._seed, seed]
        return other

    @cached_property
    def cases(self) -> list[tuple[tuple[Any, ...], Any]]:
        """The hidden inputs, the same in every session, and what the reference makes of them."""
        import numpy as np

        drawn = [self.inputs(np.random.default_rng([*self._seed, i])) for i in range(self.draws)]
        given = (*drawn, *self.edges)
        return [(args, self.reference(*copy.deepcopy(args))) for args in given]

    def prepare(self) -> None:
        """Draw the hidden inputs, ask the reference, and load what a comparison needs."""
        import torch  # noqa: F401 (or each copy of this process would load it for itself)

        _ = self.cases

    def _judge(self, answer: Any) -> Result:
        if not callable(answer):
            return not_yet(
                tr(
                    "check needs the function itself, as in check({name}); found {kind}.",
                    name=answer_name(self.stub),
                    kind=a_kind(answer),
                )
            )
        if reason := misfit(answer, self.cases[0][0]):
            needed = len(self.cases[0][0])
            return not_yet(
                tr(
                    "your function must take {needed} arguments: {reason}.",
                    needed=needed,
                    reason=reason,
                )
            )
        calls: list[Call] = []
        for args, expected in self.cases:
            made = call(answer, args)
            if is_blank(made, expected):
                return not_attempted(returned_none=made.error is None and made.output is None)
            calls.append(made)
            if made.error is not None:
                break
        if diagnosed := self._diagnosed(answer, calls):
            return diagnosed
        if all(self._is_right(case, made) for case, made in zip(self.cases, calls, strict=False)):
            return self._correct()
        return self._recognised(calls) or self._explained(answer, calls)

    def _diagnosed(self, answer: Callable[..., Any], calls: list[Call]) -> Result | None:
        if self.diagnose is None:
            return None
        for (args, _), made in zip(self.cases, calls, strict=False):
            if made.error is not None:
                return None
            try:
                message = self.diagnose(answer, copy.deepcopy(args), made.output)
            except Exception:  # the output may be anything; then other messages fit better
                return None
            if message:
                return not_yet(message, Status.MISTAKE, "diagnosed")
        return None

    def _is_right(self, case: tuple[tuple[Any, ...], Any], made: Call) -> bool:
        return made.error is None and not made.changed and self._agree(case[1], made.output)

    def _recognised(self, calls: list[Call]) -> Result | None:
        """Return the known mistake that does what the learner's function did, on every input."""
        for mistake in self.mistakes:
            theirs = (call(mistake.wrong, args) for args, _ in self.cases)
            if all(self._alike(one, other) for one, other in zip(theirs, calls, strict=False)):
                return not_yet(mistake.message, Status.MISTAKE, mistake.name)
        return None

    def _alike(self, one: Call, other: Call) -> bool:
        if one.error is not None or other.error is not None:
            return repr(one.error) == repr(other.error)
        return one.changed == other.changed and self._agree(one.output, other.output)

    def _agree(self, expected: Any, found: Any) -> bool:
        try:
            return bool(self.close(expected, found))
        except Exception:  # an output of the wrong kind may be anything
            return False

    def _explained(self, answer: Callable[..., Any], calls: list[Call]) -> Result:
        """Return the message for a mistake that nobody foresaw."""
        if calls[-1].error is not None:
            raised = what_was_raised(answer, calls[-1].error)
            return not_yet(tr("your function raised {raised}.", raised=raised), Status.FAILED)
        wrong = [
            (shown(answer, args), difference(expected, made.output) or tr("the values are off"))
            for (args, expected), made in zip(self.cases, calls, strict=True)
            if not self._agree(expected, made.output)
        ]
        if wrong:
            where, reason = min(wrong, key=lambda case: len(case[0]))
            return not_yet(tr("{reason}.\nThe input was {where}.", reason=reason, where=where))
        return not_yet(
            tr(
                "the result is right, but your function changes its input, which the caller may "
                "still need. Work on a copy, and avoid in-place operations."
            )
        )


class ValueExercise(Exercise):
    """The learner gives a number (or text, a list, a tensor); it is compared with the answer.

    Args:
        name: Name of the attribute that holds this exercise.
        title: What is asked for, in a few words.
        answer: The right value, or a function of no arguments that computes it on first need.
        tolerance: How far a number may be off, as an absolute difference.
        mistakes: Wrong values that learners arrive at; further than `tolerance` from the answer.
        hints: From a nudge to nearly the answer.
        solution: Source text that binds `my_<name>` to the right value.
        stub: Source text the learner starts from; by default `my_<name> = ...`.
        insight: A sentence or two shown with "Correct."

    Example:
        >>> third = ValueExercise(
        ...     name="third", title="A third", answer=1 / 3, tolerance=0.001, hints=["Divide."],
        ...     mistakes=[Mistake("quarter", 0.25, "That is a quarter.")],
        ...     solution="my_third = 1 / 3",
        ... )
        >>> third.check(0.3)
        Not yet: 0.3 is too small.
    """

    def __init__(
        self,
        *,
        name: str,
        title: str,
        answer: Any,
        mistakes: Sequence[Mistake],
        hints: Sequence[str],
        solution: str,
        tolerance: float = 0.0,
        stub: str | None = None,
        insight: str = "",
    ) -> None:
        stub = stub or f"my_{name} = ..."
        super().__init__(
            name=name, title=title, stub=stub, solution=solution, hints=hints, insight=insight
        )
        self.answer = answer
        self.tolerance = tolerance
        self.mistakes = tuple(mistakes)

    def wrong_answer(self, mistake: Mistake) -> Any:
        """Return what a learner who makes this mistake gives to `check`."""
        return _value_of(mistake.wrong)

    @cached_property
    def target(self) -> Any:
        """The right value."""
        return _value_of(self.answer)

    def prepare(self) -> None:
        """Compute the right value."""
        _ = self.target

    def _judge(self, answer: Any) -> Result:
        if has_blank(answer):
            return not_attempted()
        if self._agree(self.target, answer):
            return self._correct()
        for mistake in self.mistakes:
            if self._agree(self.wrong_answer(mistake), answer):
                return not_yet(mistake.message, Status.MISTAKE, mistake.name)
        if kind(answer) != kind(self.target):
            return not_yet(
                tr(
                    "the answer is {wanted}; this is {found}.",
                    wanted=a_kind(self.target),
                    found=a_kind(answer),
                )
            )
        if kind(answer) == "number" and answer != answer:
            return not_yet(tr("your value is NaN. Find the division by zero or the log of zero."))
        if kind(answer) == "number":
            if answer > self.target:
                return not_yet(tr("{answer} is too large.", answer=show(answer)))
            return not_yet(tr("{answer} is too small.", answer=show(answer)))
        return not_yet(tr("{answer} is not the answer.", answer=show(answer)))

    def _agree(self, expected: Any, answer: Any) -> bool:
        return same(expected, answer, rtol=0, atol=self.tolerance)


class ChoiceExercise(Exercise):
    """A question with options; each option, right or wrong, has its explanation.

    Args:
        name: Name of the attribute that holds this exercise.
        question: The question, as plain text.
        options: The options by their letter; at least three, and all of them plausible.
        correct: The letter of the right option.
        explanations: For every letter, why it is right or wrong.
        hints: May be left out.

    Raises:
        ValueError: If letters of options, explanations and the right answer do not fit together.

    Example:
        >>> proper = ChoiceExercise(
        ...     name="proper", question="Which is a proper score?", correct="b",
        ...     options={"a": "accuracy", "b": "the Brier score", "c": "the ECE"},
        ...     explanations={"a": "It sees no probability.", "b": "Yes.", "c": "No."},
        ... )
        >>> proper.ask()
        Which is a proper score?
        a) accuracy
        b) the Brier score
        c) the ECE
        >>> proper.check("a")
        Not yet: It sees no probability.
    """

    def __init__(
        self,
        *,
        name: str,
        question: str,
        options: Mapping[str, str],
        correct: str,
        explanations: Mapping[str, str],
        hints: Sequence[str] = (),
    ) -> None:
        if correct not in options or set(options) != set(explanations):
            raise ValueError(
                f"correct of {name!r} must be one of the options {list(options)}, and explanations "
                f"must explain exactly these, found {correct!r} and {list(explanations)}."
            )
        super().__init__(
            name=name,
            title=question,
            stub=f"exercises.{name}.check(...)",
            solution=f"{correct}) {options[correct]}",
            hints=hints,
            insight=explanations[correct],
        )
        self.options = dict(options)
        self.correct = correct
        self.mistakes = tuple(
            Mistake(name=letter, wrong=letter, message=explanations[letter])
            for letter in options
            if letter != correct
        )

    def ask(self) -> None:
        """Print the question and its options."""
        print_wrapped(tr(self.title))
        for letter, text in self.options.items():
            print_wrapped(f"{letter}) {tr(text)}", indent="   ")

    def _solution(self) -> str:
        return f"{self.correct}) {tr(self.options[self.correct])}"

    def _judge(self, answer: Any) -> Result:
        letter = str(answer).strip(" ().").lower()
        if letter == self.correct.lower():
            return self._correct()
        for mistake in self.mistakes:
            if letter == mistake.wrong.lower():
                return not_yet(mistake.message, Status.MISTAKE, mistake.name)
        letters = ", ".join(self.options)
        return not_yet(tr("answer with one of the letters {letters}.", letters=letters))


def _value_of(value: Any) -> Any:
    return value() if inspect.isroutine(value) else value
