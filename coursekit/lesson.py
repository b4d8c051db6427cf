"""Two sentences a lesson says to its reader: "this is the number" and "what do you think?".

`expect` states a headline number and checks it, on every machine that runs the notebook. `predict`
asks the learner for the probability p of a statement before its truth y (0 or 1) is shown, and
scores the answer by the Brier score, (p - y)^2: 0 is perfect, 0.25 is what p = 0.5 always gets.
"""

from __future__ import annotations

import math
from decimal import Decimal
from types import EllipsisType
from typing import Any

from coursekit import progress
from coursekit._console import say
from coursekit._language import tr, tr_filled

__all__ = ["ExpectationFailed", "Guess", "expect", "predict", "prediction_record"]


class ExpectationFailed(AssertionError):
    """A number in the course is not what the text says it is."""


def expect(
    what: str,
    value: Any,
    target: float | bool | None = None,
    within: float = 0,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> None:
    """State a number that this machine measured, and check that it agrees with the course.

    The printed line shows the learner's own number first, then the course's: "the gap: 0.108
    (course: 0.11, agrees within 0.03)". A tolerance says how far another machine may be from the
    course; how far to trust the number itself is what an interval says.

    Exactly one of `target`, `at_least` and `at_most` is given.

    Args:
        what: What the number is, in a few words.
        value: A number, a bool, or a tensor or array of one element.
        target: What it should be, up to `within` either way (exactly, by default).
        within: How far the value may be from the target.
        at_least: The smallest value that agrees.
        at_most: The largest value that agrees.

    Raises:
        ExpectationFailed: The value disagrees, or is NaN or infinite.
        TypeError: An argument is not a number.
        ValueError: None or several of the three forms, or a tolerance that cannot be met.

    Example:
        >>> expect("the gap", 0.1082, 0.11, within=0.03)
        ✓ the gap: 0.108 (course: 0.11, agrees within 0.03)
    """
    forms = {"target": target, "at_least": at_least, "at_most": at_most}
    given = {name: _number(bound, name) for name, bound in forms.items() if bound is not None}
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        raise ValueError(f"expect must have one of target, at_least and at_most, found {found}.")
    ((form, bound),) = given.items()
    within = _tolerance(within, form, bound)
    value = _number(value, "value")
    if isinstance(bound, bool) != isinstance(value, bool):
        raise TypeError(f"value must be a bool where {form} is one, found {value!r} for {bound!r}.")

    # A hair of slack, so that 0.47 is within 0.03 of 0.44 although floats cannot write either.
    reach = within * (1 + 1e-9)
    agrees = math.isfinite(value) and {
        "target": abs(value - bound) <= reach,
        "at_least": value >= bound,
        "at_most": value <= bound,
    }.get(form, False)
    if not agrees:
        raise ExpectationFailed(
            tr(
                "{what} must be {demand}, found {value}. Did a cell above change? If not, other "
                "versions of the packages may be installed: run `python -m coursekit doctor`.",
                what=tr_filled(what),
                demand=_demand(form, bound, within),
                value=_written(value),
            )
        )
    measured, claim = _measured(value, bound, within), _claim(form, bound, within)
    say(
        tr("✓ {what}: {value} (course: {claim})", what=tr_filled(what), value=measured, claim=claim)
    )


def _tolerance(within: Any, form: str, bound: float | bool) -> float:
    within = _number(within, "within")
    if isinstance(within, bool) or within < 0 or not math.isfinite(within):
        raise ValueError(f"within must be a finite number, zero or more, found {within!r}.")
    if within and (form != "target" or isinstance(bound, bool)):
        raise ValueError(f"within must be left out without a numeric target, found {within!r}.")
    if not math.isfinite(bound):
        raise ValueError(f"{form} must be finite, found {bound!r}.")
    return within


def _claim(form: str, bound: float | bool, within: float) -> str:
    """Return what the course has, as it stands behind the learner's own number."""
    if form == "target" and not within:
        return tr("the same")
    if not within:
        return _demand(form, bound, within)
    return tr("{target}, agrees within {within}", target=_written(bound), within=_written(within))


def _demand(form: str, bound: float | bool, within: float) -> str:
    """Return what the number must be, for the message when it is not."""
    if form == "at_least":
        return tr("at least {bound}", bound=_written(bound))
    if form == "at_most":
        return tr("at most {bound}", bound=_written(bound))
    if not within:
        return _written(bound)
    return tr("{target} within {within}", target=_written(bound), within=_written(within))


def _measured(value: float | bool, bound: float | bool, within: float) -> str:
    """Write a number with one decimal more than the course gives, or three digits if it is tiny."""
    if isinstance(value, int):  # a bool, too
        return _written(value)
    decimals = max(_decimals(bound), _decimals(within)) + 1
    if abs(value) >= 1000 and decimals == 1:
        decimals = 0
    rounded = f"{value:,.{decimals}f}"
    return rounded if value == 0 or float(rounded.replace(",", "")) else f"{value:.3g}"


def _decimals(number: float) -> int:
    """Count the decimals with which a number is written: 2 for 0.44, 0 for 3."""
    return max(0, -int(Decimal(repr(float(number))).normalize().as_tuple().exponent))


def _written(number: float | bool) -> str:
    if isinstance(number, bool):
        return str(number)
    return f"{number:,}" if isinstance(number, int) else f"{number:.6g}"


def _number(value: Any, name: str) -> float | int | bool:
    """`value` as a plain Python number, whatever library it comes from."""
    if hasattr(value, "item"):
        try:
            value = value.item()
        except (ValueError, RuntimeError) as error:
            raise TypeError(f"{name} must be one number, found {_kind(value)}.") from error
    if not isinstance(value, (bool, int, float)):
        raise TypeError(f"{name} must be a number, found {_kind(value)}: {value!r:.80}.")
    return value


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")


class Guess:
    """What the learner said about a statement, waiting for the outcome.

    Example:
        >>> Guess("coin", "It shows heads.", None).resolve(True)
        True: It shows heads.
    """

    def __init__(self, name: str, statement: str, probability: float | None) -> None:
        self.name = name
        self.statement = statement
        self.probability = probability

    def resolve(self, outcome: bool) -> None:
        """Print whether the statement is true; score and record the guess, if there was one.

        Raises:
            TypeError: `outcome` is not a single bool.
        """
        truth = _number(outcome, "outcome")
        if not isinstance(truth, bool):
            raise TypeError(f"outcome must be True or False, found {truth!r}.")
        say(tr("{truth}: {statement}", truth=truth, statement=tr_filled(self.statement)))
        if self.probability is None:
            return
        score = (self.probability - truth) ** 2
        values = {"said": f"{self.probability:g}", "score": f"{score:.4g}"}
        say(tr("You said {said}. Brier score: {score}.", **values))
        entry = {"probability": self.probability, "outcome": truth}
        progress.update(lambda data: data["predictions"].update({self.name: entry}))


def predict(name: str, statement: str, probability: float | EllipsisType | None) -> Guess:
    """Commit to the probability that `statement` is true, before the result is shown.

    Args:
        name: Identifies the guess in the progress file; the same name replaces the earlier guess.
        statement: A sentence that will turn out true or false.
        probability: Between 0 and 1; `...` means no answer, which is fine.

    Returns:
        The guess: Call its `resolve(outcome)` when the result is known.

    Raises:
        ValueError: The probability is not a number from 0 to 1.

    Example:
        >>> guess = predict("rain", "It rains tomorrow.", 0.8)
        It rains tomorrow.
        You say it is true with probability 0.8.
    """
    if probability is ... or probability is None:
        say(tr_filled(statement))
        say(tr("No guess yet: put a probability in place of `...` and run this again."))
        return Guess(name, statement, None)
    probability = _probability(probability)
    say(tr_filled(statement))
    say(tr("You say it is true with probability {said}.", said=f"{probability:g}"))
    return Guess(name, statement, probability)


def prediction_record() -> tuple[list[float], list[bool]]:
    """All guesses of the learner so far, ready for a reliability diagram.

    Returns:
        `(probabilities, outcomes)`, two lists of the same length.
    """
    guesses = progress.read()["predictions"].values()
    return [guess["probability"] for guess in guesses], [guess["outcome"] for guess in guesses]


def _probability(value: Any) -> float:
    wanted = "probability must be a number from 0 (surely false) to 1 (surely true), such as 0.8"
    try:
        number = _number(value, "probability")
    except TypeError:
        number = True
    if isinstance(number, bool):
        raise ValueError(f"{wanted}, found {value!r:.40}.")
    if 1 < number <= 100:
        raise ValueError(f"{wanted}, found {value!r}. Write {number / 100:g}?")
    if not 0 <= number <= 1:
        raise ValueError(f"{wanted}, found {value!r}.")
    return number
