"""Which country shares a land border with France? Several answers are right, one is an option.

That France borders on Spain and that Spain borders on France is one fact. If one half of the
countries calibrates and the other tests, the same fact must not be in both: so each border is the
right option of one question at most, and a country all of whose borders are taken is not asked.
Islands are neither asked nor offered.
"""

from __future__ import annotations

from functools import cache
from math import inf

from babel import Locale

from coursekit.data.facts.border_tables import DOUBTFUL_BORDERS
from coursekit.data.facts.countries import (
    CountryKind,
    continent,
    gives_away,
    members,
    outsiders,
    package,
    subject,
)
from coursekit.data.facts.country_tables import COUNTRY_ALIASES
from coursekit.data.facts.options import check_n_options, other_spellings
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Question, choose_split

_MOST_OPTIONS = 10

_KIND = CountryKind(
    "neighbour",
    "neighbours",
    "Which country shares a land border with {}?",
    "A country that shares a land border with {} is",
    ("neighbours",),
)


@cache
def _touching(code: str) -> tuple[str, ...]:
    """Give every ISO code that borders on a country, members or not, doubtful borders included."""
    doubtful = {c for pair in DOUBTFUL_BORDERS if code in pair for c in pair} - {code}
    certain = [c for c in members()[code]["neighbours"].split(",") if c]
    return tuple(sorted({*certain, *doubtful}))


@cache
def borders() -> dict[str, tuple[str, ...]]:
    """Return the members that certainly border on each member that borders on any."""
    certain = {
        code: tuple(
            other
            for other in _touching(code)
            if other in members() and tuple(sorted((code, other))) not in DOUBTFUL_BORDERS
        )
        for code in members()
    }
    return {code: others for code, others in certain.items() if others}


def _askable(code: str) -> list[str]:
    """Give the neighbours whose names do not resemble the country's own: not Niger for Nigeria."""
    return [o for o in borders()[code] if not gives_away(subject(code), subject(o))]


def _assigned(seed: int) -> dict[str, str]:
    """Choose a neighbour for each country such that no border is chosen twice.

    Countries with fewest borders left choose first. That serves as many as can be served: a country
    goes without only where its borders form a tree, as that between Ireland and the United Kingdom.
    """
    left = {code: set(_askable(code)) for code in borders()}
    waiting, chosen = set(left), {}
    while waiting:
        code = min(waiting, key=lambda c: (len(left[c]), c))
        waiting.remove(code)
        if left[code]:
            chosen[code] = hash_order(left[code], "border", seed, code)[0]
            left[code].remove(chosen[code])
            left[chosen[code]].remove(code)
    return chosen


@cache
def without_neighbour() -> dict[str, str]:
    """Return the reason for each ISO code of the package whose neighbours are not asked."""
    reasons = outsiders()
    asked = _assigned(0)  # which countries are asked does not depend on the seed
    for code in members():
        if code not in borders():
            reasons[code] = "no land border with a member of the United Nations"
        elif code not in asked:
            others = " and ".join(map(subject, _askable(code)))
            reasons[code] = (
                f"its border is asked about for {others}"
                if others
                else f"the name gives away the answer, {subject(borders()[code][0])}"
            )
    return reasons


@cache
def _steps(start: str) -> dict[str, int]:
    """Count the borders to cross from one country to every other that can be reached by land."""
    steps, edge = {start: 0}, [start]
    while edge:
        edge = [o for code in edge for o in borders()[code] if o not in steps]
        steps |= dict.fromkeys(edge, max(steps.values()) + 1)
    return steps


def _wrong_countries(code: str, n: int, seed: int) -> list[str]:
    """Choose countries that do not touch this one: the nearest by land, then of its continent."""
    others = [o for o in borders() if o != code and o not in _touching(code)]
    far = {o: (_steps(code).get(o, inf), continent(o) != continent(code)) for o in others}
    return sorted(hash_order(others, "wrong neighbours", seed, code), key=far.__getitem__)[:n]


def _names(code: str) -> tuple[str, ...]:
    """Give a country's or territory's names: ours, CLDR's and the customary ones."""
    ours = subject(code) if code in members() else package()[code]["name"].strip()
    return (ours, Locale("en").territories[code], *COUNTRY_ALIASES.get(code, ()))


def neighbour_questions(n_options: int = 4, seed: int = 0, split: str = "all") -> list[Question]:
    """Return one question a country: "Which country shares a land border with France?", by code.

    One option borders on the country, and which one depends on the seed; the wrong ones are the
    nearest countries that do not, by borders to cross. Free answers may name any neighbour, several
    of them, or a neighbouring territory. Borders that are disputed or overseas are never an option
    and always accepted (`border_tables`). Difficulty is minus log10 of the inhabitants.

    Args:
        n_options: 2 to 10.
        seed: Chooses the neighbour, the wrong options, their order, and the split.
        split: "all", "calibration" or "test": the same countries as in every other kind, and no
            border is the right option of two questions.

    Raises:
        ValueError: `n_options` out of range, or an unknown split.
    """
    check_n_options(n_options, _MOST_OPTIONS, "so that the wrong options stay near the country")
    questions = []
    for code, neighbour in sorted(_assigned(seed).items()):
        answer = subject(neighbour)
        wrong = [subject(other) for other in _wrong_countries(code, n_options - 1, seed)]
        names = [name for other in _touching(code) for name in _names(other)]
        questions.append(_KIND.ask(code, answer, wrong, other_spellings(answer, names), seed))
    return choose_split(questions, split, seed)
