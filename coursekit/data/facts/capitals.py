"""Questions of the form "What is the capital of France?"."""

from __future__ import annotations

from coursekit.data.facts.countries import (
    CONTINENTS,
    CountryKind,
    continent,
    members,
    without_capital,
)
from coursekit.data.facts.country_tables import CAPITAL_ALIASES
from coursekit.data.facts.options import check_n_options
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Question, choose_split

_KIND = CountryKind(
    "capital",
    "capitals",
    "What is the capital of {}?",
    "The capital of {} is",
    ("capital",),
)


def capitals_by_continent() -> dict[str, list[str]]:
    """Return the capitals that are asked, by the continent in words.

    Example:
        >>> capitals_by_continent()["South America"][:3]
        ['Buenos Aires', 'Santiago', 'Bogota']
    """
    capitals: dict[str, list[str]] = {name: [] for name in CONTINENTS.values()}
    for code, country in members().items():
        if code not in without_capital():
            capitals[continent(code)].append(country["capital"])
    return capitals


def check_capital_options(n_options: int) -> None:
    """Refuse more options than the smallest continent has capitals.

    Example:
        >>> check_capital_options(4)
    """
    most = min(len(names) for names in capitals_by_continent().values())
    check_n_options(
        n_options,
        most,
        "the countries asked about on the smallest continent, since all options are capitals of "
        "one continent",
    )


def capital_questions(n_options: int = 4, seed: int = 0, split: str = "all") -> list[Question]:
    """Return one question a country: "What is the capital of France?", sorted by ISO code.

    Asked are the members of the United Nations with one undisputed capital that their name does not
    give away (`countries_left_out` lists the others). The wrong options are capitals of the same
    continent that are answers of other questions. They and their order depend on the country and
    the seed only: the same in every split, and with more options the earlier wrong ones stay.
    Difficulty is minus log10 of the country's inhabitants: the smaller, the less known.

    Args:
        n_options: 2 to the number of countries on the smallest continent (10, South America).
        seed: Chooses options, their order, and the split.
        split: "all", "calibration" or "test": halves of the countries of each continent, as
            `split_questions(questions, seed=seed)` gives them.

    Raises:
        TypeError, ValueError: `n_options` is no whole number or out of range; an unknown split.

    Example:
        >>> france = next(question for question in capital_questions() if question.key == "FR")
        >>> france.question, france.options[france.correct]
        ('What is the capital of France?', 'Paris')
    """
    check_capital_options(n_options)
    capitals = capitals_by_continent()
    questions = []
    for code, country in members().items():
        if code in without_capital():
            continue
        answer, group = country["capital"], continent(code)
        others = [name for name in capitals[group] if name != answer]
        wrong = hash_order(others, "wrong capitals", seed, code)[: n_options - 1]
        questions.append(_KIND.ask(code, answer, wrong, CAPITAL_ALIASES.get(code, ()), seed))
    return choose_split(questions, split, seed)
