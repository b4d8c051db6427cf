"""What is the currency of Japan? The yen: asked for is the word, without the adjective.

"Cuban peso" would give the answer away, so options are words: peso, dollar, franc. Many countries
share one, which makes guessing cheap: the dollar is right for 31 countries, the euro for 25. Wrong
options are drawn country by country, so that a common word is often a wrong option too; still,
whoever always picks the commonest word offered is right in nearly half of the questions with four
options. That, not a quarter, is what knowledge of a single country must beat.
"""

from __future__ import annotations

from functools import cache

from babel import Locale
from babel.numbers import get_currency_name

from coursekit.data.facts.countries import (
    CONTINENTS,
    CountryKind,
    continent,
    gives_away,
    members,
    outsiders,
)
from coursekit.data.facts.currency_tables import (
    ADJECTIVES,
    ALSO_RIGHT,
    CURRENCY_ALIASES,
    FAMILIES,
    SEVERAL_CURRENCIES,
    SPELLINGS,
)
from coursekit.data.facts.options import check_n_options, other_spellings
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Question, choose_split

_KIND = CountryKind(
    "currency",
    "currencies",
    "What is the currency of {}?",
    "The currency of {} is the",
    ("currencycode", "currencyname"),
)


def currency_word(country: str) -> str:
    """Return the word for a country's money.

    Example:
        >>> currency_word("MX")
        'peso'
    """
    entry = members()[country]
    return SPELLINGS.get(entry["currencycode"], ("", entry["currencyname"].lower()))[1]


@cache
def without_currency() -> dict[str, str]:
    """Return the reason for each ISO code of the package whose currency is not asked.

    Example:
        >>> without_currency()["AF"]
        'the name gives away the answer, afghani'
    """
    reasons = outsiders() | SEVERAL_CURRENCIES
    for code, country in members().items():
        if code not in reasons and gives_away(country["name"], currency_word(code)):
            reasons[code] = f"the name gives away the answer, {currency_word(code)}"
    return reasons


def _family(word: str) -> str:
    """Give one name for all words that are spelled alike."""
    return next((min(family) for family in FAMILIES if word in family), word)


@cache
def _neighbourhood(name: str) -> tuple[str, ...]:
    """Give the countries of a continent whose currency is asked."""
    codes = (code for code in members() if code not in without_currency())
    return tuple(code for code in codes if continent(code) == name)


def _wrong_words(code: str, seed: int) -> list[str]:
    """Give the other words of the continent in the order of a draw of its countries."""
    words: dict[str, str] = {}
    taken = {_family(word) for word in (currency_word(code), *ALSO_RIGHT.get(code, ()))}
    for other in hash_order(_neighbourhood(continent(code)), "wrong currencies", seed, code):
        word = currency_word(other)
        if _family(word) not in taken:
            words.setdefault(_family(word), word)
    return list(words.values())


def _accepted(code: str) -> tuple[str, ...]:
    """Give the full names, plurals and code of a country's money: "Cuban peso", "pesos", "CUP"."""
    country, word = members()[code], currency_word(code)
    currency = country["currencycode"]
    one, many = (get_currency_name(currency, count, "en") for count in (1, 2))
    words = (word, many.split()[-1], f"{word}s")  # two plurals: "kroner" and "krones"
    adjectives = (one.rpartition(" ")[0], country["name"], *ADJECTIVES.get(currency, ()))
    return other_spellings(
        word,
        [
            *words,
            *(f"{adjective} {each}" for adjective in adjectives for each in words),
            Locale("en").currencies[currency],
            currency,
            *CURRENCY_ALIASES.get(currency, ()),
            *ALSO_RIGHT.get(code, ()),
        ],
    )


def currency_questions(n_options: int = 4, seed: int = 0, split: str = "all") -> list[Question]:
    """Return one question a country: "What is the currency of Japan?", sorted by ISO code.

    Asked are the members of the United Nations with one legal tender that their name does not give
    away. The answer is the word, "peso"; "Cuban peso", "Cuba pesos" and "CUP" are accepted too, and
    "Mexican peso" is not. Wrong options are other words of the same continent, none of them the
    same word in another language (krona, krone), or right as well (the lira in Lebanon). Difficulty
    is minus log10 of the inhabitants.

    Args:
        n_options: 2 to the number of different words on the smallest continent (5, Oceania).
        seed: Chooses options, their order, and the split.
        split: "all", "calibration" or "test": the same countries as in every other kind.

    Raises:
        TypeError, ValueError: `n_options` is no whole number or out of range; an unknown split.

    Example:
        >>> japan = next(question for question in currency_questions() if question.key == "JP")
        >>> japan.question, japan.answer
        ('What is the currency of Japan?', 'yen')
    """
    most = min(
        len({_family(currency_word(code)) for code in _neighbourhood(name)})
        for name in CONTINENTS.values()
    )
    check_n_options(
        n_options, most, "the currencies of the continent with fewest, where all options come from"
    )
    questions = []
    for code in members():
        if code in without_currency():
            continue
        answer = currency_word(code)
        wrong = _wrong_words(code, seed)[: n_options - 1]
        questions.append(_KIND.ask(code, answer, wrong, _accepted(code), seed))
    return choose_split(questions, split, seed)
