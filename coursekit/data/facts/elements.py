"""Chemical symbols and atomic numbers: facts that no treaty and no coup has ever changed."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import periodictable

from coursekit.data.facts.options import check_n_options, mixed_options, near_numbers
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Entity, Question, choose_split

SOURCE = f"periodictable {version('periodictable')}"

_MOST_OPTIONS = 6


@cache
def elements() -> dict[str, Any]:
    """Return the 118 elements by symbol, in order of their numbers.

    Example:
        >>> elements()["Au"].name
        'gold'
    """
    return {e.symbol: e for e in periodictable.elements if e.number >= 1}


_LANTHANIDES_AND_ACTINIDES = ((57, 71), (89, 103))
_TRANSITION_METALS = ((21, 30), (39, 48), (72, 80), (104, 112))


def part(symbol: str) -> str:
    """Return the part of the periodic table: its parts differ in how well they are known.

    Three parts, as a table on the wall shows them; they are not the blocks s, p, d, f of chemists.

    Example:
        >>> part("Fe")
        'transition metals'
    """
    number = elements()[symbol].number
    if any(first <= number <= last for first, last in _LANTHANIDES_AND_ACTINIDES):
        return "lanthanides and actinides"
    if any(first <= number <= last for first, last in _TRANSITION_METALS):
        return "transition metals"
    return "main groups"


@cache
def element_entity(symbol: str) -> Entity:
    """Return the element as an entity, whose peers are those of its part of the table.

    Example:
        >>> element_entity("Fe").name, "Au" in element_entity("Fe").peers
        ('Fe', True)
    """
    return Entity(symbol, tuple(s for s in elements() if part(s) == part(symbol)))


def surprise(name: str, symbol: str) -> int:
    """Return how little the symbol follows from the name: 0, 1 or 2.

    0: the beginning of the name (He, helium); 1: its first letter and a later one (Mg, magnesium);
    2: another word (Fe, iron, from ferrum).

    Example:
        >>> surprise("helium", "He"), surprise("magnesium", "Mg"), surprise("iron", "Fe")
        (0, 1, 2)
    """
    if name.startswith(symbol.lower()):
        return 0
    return 1 if name[0] == symbol[0].lower() and symbol[-1] in name[1:] else 2


def _symbols_alike(symbol: str, seed: int) -> list[str]:
    """Give other symbols, first those with the first letter of the name or of the symbol."""
    letters = {symbol[0], elements()[symbol].name[0].upper()}
    others = hash_order((s for s in elements() if s != symbol), "wrong symbols", seed, symbol)
    return sorted(others, key=lambda other: other[0] not in letters)


_SLIPS = (1, 2, 8, 18)  # a place or two in the row, or a row of the table


def element_questions(
    kind: str = "symbol", n_options: int = 4, seed: int = 0, split: str = "all"
) -> list[Question]:
    """Return one question an element, in order of atomic number.

    "What is the chemical symbol of gold?" with other elements' symbols that begin like the name or
    like the right symbol; or "What is the atomic number of gold?" with numbers a place or a row
    away. Difficulty of a symbol: 0 if the name begins with it (He), 1 if it shares the first letter
    and a later one (Mg), 2 if it comes from another word (Fe); of a number: the number itself.

    Args:
        kind: "symbol" or "atomic number".
        n_options: 2 to 6.
        seed: Chooses options, their order, and the split.
        split: "all", "calibration" or "test": halves of the elements of each part of the periodic
            table, the same in both kinds and in comparisons of mass.

    Raises:
        TypeError, ValueError: Unknown kind or split; `n_options` no whole number or out of range.

    Example:
        >>> gold = next(question for question in element_questions() if question.key == "Au")
        >>> gold.question, gold.difficulty
        ('What is the chemical symbol of gold?', 2.0)
    """
    if kind not in ("symbol", "atomic number"):
        raise ValueError(f"kind must be 'symbol' or 'atomic number', found {kind!r}")
    check_n_options(n_options, _MOST_OPTIONS, "as many as are plausible for every element")
    questions = []
    for symbol, element in elements().items():
        if kind == "symbol":
            asked, answer = "chemical symbol", symbol
            difficulty = surprise(element.name, symbol)
            wrong = _symbols_alike(symbol, seed)[: n_options - 1]
        else:
            asked, answer, difficulty = kind, str(element.number), element.number
            wrong = near_numbers(element.number, _SLIPS, n_options, (seed, symbol), len(elements()))
        options, correct = mixed_options(kind, answer, wrong, seed, symbol)
        questions.append(
            Question(
                kind=kind,
                key=symbol,
                subject=element.name,
                question=f"What is the {asked} of {element.name}?",
                answer=answer,
                options=options,
                correct=correct,
                group=part(symbol),
                source=SOURCE,
                difficulty=float(difficulty),
                stem=f"The {asked} of {element.name} is",
                entities=(element_entity(symbol),),
            )
        )
    return choose_split(questions, split, seed)
