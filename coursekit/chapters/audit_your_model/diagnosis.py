"""Five anonymous reports, what can be read in them, and the exercise that grades a diagnosis.

A number *shows* a damage if it sets the report apart: its 95 % interval overlaps that of none of
the other reports. Of the healthy model nothing does so against every damage, as some damages leave
some numbers as they are; its number must be apart from at least three.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

from coursekit._language import tr
from coursekit.audit import Report, Task, audit
from coursekit.calibration import Interval
from coursekit.chapters.audit_your_model import patients
from coursekit.chapters.audit_your_model.kept import KEPT
from coursekit.chapters.audit_your_model.patients import EXAM, FRESH, PUBLISHED
from coursekit.exercises._base import Exercise, Mistake, Result, Status, not_attempted, not_yet
from coursekit.exercises._comparing import has_blank
from coursekit.llm import LanguageModel

LIMITS = {"prose": 8, "exam": 48}  #: items of each report
TASKS: list[str | Task] = ["prose", EXAM]  # type: ignore[list-item]  # frozen, as in `run`
FACTOR, DEVIATION, BITS = 1.8, 1.5, 4  #: how much of each damage
#: What was done to a copy of the model; the seed is that of the items, and of the noise.
DAMAGES: dict[str, Callable[[LanguageModel, int], LanguageModel]] = {
    "healthy": lambda lm, seed: lm,
    "temperature": lambda lm, seed: patients.sharpened(lm, FACTOR),
    "noise": lambda lm, seed: patients.noisy(lm, DEVIATION, seed),
    "leak": lambda lm, seed: patients.leaked(lm, leaked_items(lm, seed)),
    "rounding": lambda lm, seed: patients.rounded(lm, BITS),
}
LETTERS = "ABCDE"
#: Task, edition and metric of everything that a diagnosis may rest on.
FIELDS: dict[str, tuple[str, str | None, str]] = {
    "prose accuracy": ("prose", None, "accuracy"),
    "prose gap": ("prose", None, "gap"),
    "prose nll": ("prose", None, "nll"),
    "prose temperature": ("prose", None, "temperature"),
    "exam accuracy": ("exam", None, "accuracy"),
    "exam gap": ("exam", None, "gap"),
    "exam accuracy, published": ("exam", PUBLISHED, "accuracy"),
    "exam accuracy, fresh": ("exam", FRESH, "accuracy"),
    "exam nll, published": ("exam", PUBLISHED, "nll"),
    "exam nll, fresh": ("exam", FRESH, "nll"),
}
Readings = dict[str, Interval]
FEWEST_APART = {"healthy": 3}  #: of the four others; all four for a damage
ROUNDED = 0.015  #: how far a number may be from the report's: two digits, or another machine


def leaked_items(lm: LanguageModel, seed: int = 0) -> list[Any]:
    """Return the published questions of the exam, as the reports ask them."""
    items = EXAM.items(lm, LIMITS["exam"], seed)
    return [item.content["question"] for item in items if item.labels["edition"] == PUBLISHED]


def letters_of(seed: int = 20) -> dict[str, str]:
    """Return which damage stands behind each letter, by lot.

    Example:
        >>> sorted(letters_of().values()) == sorted(DAMAGES)
        True
    """
    names = list(DAMAGES)
    random.Random(seed).shuffle(names)
    return dict(zip(LETTERS, names, strict=True))


def anonymous_reports(lm: LanguageModel, seed: int = 0) -> dict[str, Report]:
    """Damage copies of a model, audit each, and return the reports by their letters.

    Args:
        lm: The model, which stays as it is.
        seed: Of the items of the audit, of the noise, and of who belongs to which edition.
    """
    found = {}
    for letter, damage in letters_of().items():
        # One copy at a time, as each is as large as the model.
        report = audit(DAMAGES[damage](lm, seed), TASKS, LIMITS, seed=seed, progress=False)
        found[letter] = Report(report.data | {"model": report.data["model"] | {"name": letter}})
    return found


def readings(report: Report) -> Readings:
    """Return what a diagnosis may rest on, by the names of `FIELDS`.

    Raises:
        ValueError: If the report lacks prose or the exam.
    """
    found = {}
    for name, (task, edition, metric) in FIELDS.items():
        if metric == "temperature":
            found[name] = report.temperature(task)
        elif edition is None:
            found[name] = report.metrics(task)[metric]
        else:
            found[name] = report.metrics(task, "edition", edition)[metric]
    return found


def apart(one: Interval, other: Interval) -> bool:
    """Whether two intervals have nothing in common.

    Example:
        >>> one = Interval(1, 0, 2)
        >>> apart(one, Interval(3, 2.5, 4)), apart(one, Interval(2, 1, 3))
        (True, False)
    """
    return one.high < other.low or other.high < one.low


def not_apart(of_all: Mapping[str, Readings], which: str, field: str) -> list[str]:
    """Return the other reports whose interval of a field overlaps that of one report.

    Example:
        >>> reports = {"A": {"gap": Interval(0, -1, 1)}, "B": {"gap": Interval(0.5, 0.2, 0.8)}}
        >>> not_apart(reports, "A", "gap")
        ['B']
    """
    own = of_all[which][field]
    return [
        other for other, found in of_all.items() if other != which and not apart(own, found[field])
    ]


def showing(of_all: Mapping[str, Readings], which: str, damage: str) -> list[str]:
    """Return the fields that show a damage in one report: those that set it apart.

    Example:
        >>> reports = {"A": {"gap": Interval(0, -1, 1)}, "B": {"gap": Interval(4, 3, 5)}}
        >>> showing(reports, "A", "noise")
        ['gap']
    """
    most = len(of_all) - 1 - FEWEST_APART.get(damage, len(of_all) - 1)
    return [field for field in of_all[which] if len(not_apart(of_all, which, field)) <= most]


def kept_readings() -> dict[str, Readings]:
    """Return what the checker knows of the reports, as the course's machine made them.

    Example:
        >>> list(kept_readings())
        ['A', 'B', 'C', 'D', 'E']
    """
    return {
        letter: {field: Interval(*numbers) for field, numbers in fields.items()}
        for letter, fields in KEPT.items()
    }


def farthest(of_all: Mapping[str, Readings]) -> float:
    """Return the largest distance of a reading from the one that the checker knows.

    Example:
        >>> farthest(kept_readings())
        0.0
    """
    return max(
        abs(of_all[letter][field].estimate - known.estimate)
        for letter, fields in kept_readings().items()
        for field, known in fields.items()
    )


def table(of_all: Mapping[str, Readings]) -> str:
    """Return the readings of several reports, a line a field and a column a report.

    Example:
        >>> print(table({"A": {"prose gap": Interval(0.1, -0.02, 0.2)}}))
                   A
        prose gap  0.10 [-0.02, 0.20]
    """
    rows = [["", *of_all]]
    for field in next(iter(of_all.values())):
        rows.append([field, *(format(found[field], ".2f") for found in of_all.values())])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


# --- the exercise ---------------------------------------------------------------------------------

#: A confusion of two damages, and what tells them apart.
CONFUSED = {
    frozenset({"noise", "rounding"}): Mistake(
        "rounding taken for noise",
        None,
        "One of these two is noise, the other rounding. Both cost accuracy. Noise lifts wrong "
        "tokens to the top and leaves the model as sure as it was; rounding made this model less "
        "sure, too. Look at the sign of the gap on prose.",
    ),
    frozenset({"temperature", "noise"}): Mistake(
        "temperature taken for noise",
        None,
        "One of these two has a wrong temperature, the other noise. Both are surer than right on "
        "prose. A temperature moves no token past another, so it leaves the accuracy of the "
        "healthy model; noise does not.",
    ),
    frozenset({"healthy", "leak"}): Mistake(
        "leak taken for health",
        None,
        "One of these two saw items of the exam. On prose they look alike, and the whole exam says "
        "little. In which of the two is the published edition far easier than the fresh one?",
    ),
    frozenset({"healthy", "rounding"}): Mistake(
        "rounding taken for health",
        None,
        "One of these two is rounded. A small gap and a small ECE are no health: the coarse model "
        "knows less, and says so. Look at how often each is right on prose.",
    ),
}
SHOWS_NOTHING = Mistake(
    "a number that does not show it",
    None,
    "The damages are right, but a number that other reports have, too, shows none of them.",
)


class DiagnosisExercise(Exercise):
    """Name what was done to the model behind each report, with a number that shows it.

    An answer is a dictionary: for each letter the damage, the name of a field of `FIELDS`, and its
    number, read from the report.

    Args:
        name: Name of the attribute that holds this exercise.
        title: What is asked for, in a few words.
        readings: What the reports say, by their letters.
        damages: What is behind each letter.
        hints: From a nudge to nearly the answer.
        insight: A sentence or two shown with "Correct."
    """

    def __init__(
        self,
        *,
        name: str,
        title: str,
        readings: Mapping[str, Readings],
        damages: Mapping[str, str],
        hints: list[str],
        insight: str = "",
    ) -> None:
        self.readings = dict(readings)
        self.damages = dict(damages)
        blank = "\n".join(f'    "{letter}": (..., ..., ...),' for letter in damages)
        right = {letter: self._best(letter) for letter in damages}
        lines = "\n".join(f'    "{letter}": {entry},' for letter, entry in right.items())
        super().__init__(
            name=name,
            title=title,
            stub=f"my_{name} = {{  # damage, the field that shows it, its number\n{blank}\n}}",
            solution=f"my_{name} = {{\n{lines}\n}}".replace("'", '"'),
            hints=hints,
            insight=insight,
        )
        self.right = right
        self.mistakes = (
            *(
                Mistake(found.name, self._with_exchanged(*sorted(pair)), found.message)
                for pair, found in CONFUSED.items()
            ),
            Mistake(SHOWS_NOTHING.name, self._with_worst(), SHOWS_NOTHING.message),
        )

    def _entry(self, letter: str, field: str) -> tuple[str, str, float]:
        return self.damages[letter], field, round(self.readings[letter][field].estimate, 2)

    def _best(self, letter: str) -> tuple[str, str, float]:
        return self._entry(letter, showing(self.readings, letter, self.damages[letter])[0])

    def _with_exchanged(self, one: str, other: str) -> dict[str, tuple[str, str, float]]:
        """Return the right answer, but for two damages that stand in each other's place."""
        names = {one: other, other: one}
        return {
            letter: (names.get(damage, damage), field, value)
            for letter, (damage, field, value) in self.right.items()
        }

    def _with_worst(self) -> dict[str, tuple[str, str, float]]:
        """Return the right damages; for the first letter a number that others share."""
        letter = next(iter(self.damages))
        shown = showing(self.readings, letter, self.damages[letter])
        other = next(field for field in FIELDS if field not in shown)
        return self.right | {letter: self._entry(letter, other)}

    def _judge(self, answer: Any) -> Result:
        if has_blank(list(answer.values()) if isinstance(answer, dict) else answer):
            return not_attempted()
        if misfit := self._misfit(answer):
            return not_yet(misfit)
        for letter, (_, field, value) in answer.items():
            if misread := self._misread(letter, field, float(value)):
                return not_yet(misread)
        said = {letter: entry[0] for letter, entry in answer.items()}
        if said != self.damages:
            return self._confused(said)
        for letter, (damage, field, _) in answer.items():
            if field not in showing(self.readings, letter, damage):
                shared = ", ".join(not_apart(self.readings, letter, field))
                message = tr(
                    "{message} {field!r} of {letter} overlaps that of {shared}.",
                    message=tr(SHOWS_NOTHING.message),
                    field=field,
                    letter=letter,
                    shared=shared,
                )
                return not_yet(message, Status.MISTAKE, SHOWS_NOTHING.name)
        return self._correct()

    def _misfit(self, answer: Any) -> str | None:
        """Say what keeps an answer from being read."""
        if not isinstance(answer, dict) or set(answer) != set(self.damages):
            letters = ", ".join(self.damages)
            return tr(
                "the answer is a dictionary with an entry for each of {letters}.", letters=letters
            )
        for letter, entry in answer.items():
            if not isinstance(entry, (tuple, list)) or len(entry) != 3:
                return tr("{letter} must have three parts: damage, field, number.", letter=letter)
            damage, field, value = entry
            if damage not in self.damages.values():
                allowed = ", ".join(DAMAGES)
                return tr(
                    "the damage of {letter} must be one of {allowed}.",
                    letter=letter,
                    allowed=allowed,
                )
            if field not in FIELDS:
                allowed = "; ".join(FIELDS)
                return tr(
                    "the field of {letter} must be one of: {allowed}.",
                    letter=letter,
                    allowed=allowed,
                )
            try:
                number = float(value)
            except (TypeError, ValueError):
                number = math.nan
            if not math.isfinite(number):
                return tr("the third part of {letter} must be the number itself.", letter=letter)
        damages = [entry[0] for entry in answer.values()]
        if len(set(damages)) < len(damages):
            return tr("each of the five stands behind one letter, so no damage can be named twice.")
        return None

    def _misread(self, letter: str, field: str, value: float) -> str | None:
        """Say whose number it is, if it is not that of the report."""
        if abs(value - self.readings[letter][field].estimate) <= ROUNDED:
            return None
        own = self.readings[letter][field]
        if min(abs(value - own.low), abs(value - own.high)) <= ROUNDED:
            return tr(
                "{value} is an end of the interval of {field!r} in {letter}; read its middle.",
                value=f"{value:g}",
                field=field,
                letter=letter,
            )
        return tr(
            "{field!r} of {letter} is not {value}: read it once more in the table.",
            value=f"{value:g}",
            field=field,
            letter=letter,
        )

    def _confused(self, said: Mapping[str, str]) -> Result:
        wrong = frozenset(said[letter] for letter in said if said[letter] != self.damages[letter])
        if (found := CONFUSED.get(wrong)) is not None:
            return not_yet(found.message, Status.MISTAKE, found.name)
        right = [letter for letter in said if said[letter] == self.damages[letter]]
        so_far = tr("none is right so far")
        if right:
            so_far = tr("right so far: {letters}", letters=", ".join(right))
        return not_yet(
            tr(
                "{so_far}. Ask of each report: is it as accurate on prose as the best, is it surer "
                "than right there, and do its two editions of the exam agree?",
                so_far=so_far,
            )
        )
