"""Translation with checked labels: names of countries, languages, months and days.

The names come from the Unicode CLDR (Unicode License V3), which native speakers vote on. Compared
with a second source, the translations of ISO 3166-1 and ISO 639-3 in `pycountry` (November 2026),
they agree on more than nine in ten; the rest were read one by one and are variants of spelling or
form, with both in use ("biélorusse" and "bélarusse"). The test of this module repeats the
comparison.

Some names are no test of translation: "Madagascar" is "Madagascar" in French. A name that any of
the languages writes like English is asked in none of them, so that every language asks for the same
names, among translations of the same wrong ones: what differs is the language alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version

from babel import Locale

from coursekit.data.facts.countries import entity as country_entity, members
from coursekit.data.facts.options import check_n_options, mixed_options
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Entity, Question, choose_split, normalise

SOURCE = f"Unicode CLDR, babel {version('babel')}"

LANGUAGES = {"fr": "French", "es": "Spanish", "de": "German", "fi": "Finnish", "zh": "Chinese"}

# Languages that a school atlas names, by their codes in the CLDR; one word each in English.
_LANGUAGES_ASKED = (
    "am", "ar", "az", "be", "bg", "bn", "bs", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi",
    "fr", "ga", "he", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "ko", "lt", "lv", "mk", "mn",
    "ms", "mt", "my", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta",
    "th", "tr", "uk", "ur", "uz", "vi", "zh",
)  # fmt: skip


@cache
def _names(language: str) -> dict[tuple[str, str], str]:
    """Give every name in one language, by (kind, code)."""
    locale = Locale(language)
    names = {("country", code): locale.territories[code] for code in members()}
    names |= {("language", code): locale.languages[code] for code in _LANGUAGES_ASKED}
    # Standing alone, not as part of a date: Finnish "tammikuu", not "tammikuuta".
    for what in ("months", "days"):
        words = getattr(locale, what)["stand-alone"]["wide"]
        names |= {("month or day", f"{what} {i}"): word for i, word in words.items()}
    return names


@cache
def _reasons() -> dict[tuple[str, str], str]:
    """Give the reason for each name that is not asked."""
    english, reasons = _names("en"), {}
    for thing, name in english.items():
        same = [
            word for code, word in LANGUAGES.items()
            if normalise(_names(code)[thing]) == normalise(name)
        ]  # fmt: skip
        if same:
            reasons[thing] = f"written alike in {', '.join(same)}"
        elif any(mark in name for mark in "&(."):
            reasons[thing] = "an abbreviation, or two names in one"
    return reasons


def names_left_out() -> dict[str, str]:
    """Return the English names that are not asked for, with the reason of each.

    Example:
        >>> names_left_out()["Madagascar"]
        'written alike in French, Spanish'
    """
    return {_names("en")[thing]: reason for thing, reason in _reasons().items()}


@cache
def _asked(kind: str) -> tuple[str, ...]:
    """Give the codes of a kind that are asked for."""
    return tuple(code for k, code in _names("en") if k == kind and (k, code) not in _reasons())


@cache
def _entity(kind: str, code: str) -> Entity:
    if kind == "country":
        return country_entity(code)
    return Entity(f"{kind} {code}", tuple(f"{kind} {peer}" for peer in _asked(kind)))


def _overlap(first: str, second: str) -> bool:
    """Whether one name begins the other: as answers they would not exclude each other."""
    one, other = normalise(first), normalise(second)
    return one.startswith(other) or other.startswith(one)


@cache
def _wrong_codes(kind: str, code: str, seed: int) -> tuple[str, ...]:
    """Give the other codes of a kind in an order of chance, none of them alike in any language."""
    kept: list[str] = []
    for other in hash_order(_asked(kind), "wrong names", seed, kind, code):
        rivals = [code, *kept]
        if not any(
            _overlap(_names(language)[kind, other], _names(language)[kind, rival])
            for language in LANGUAGES
            for rival in rivals
        ):
            kept.append(other)
        if len(kept) == 5:
            break
    return tuple(kept)


def translation_questions(
    language: str, n_options: int = 4, seed: int = 0, split: str = "all"
) -> list[Question]:
    """Return one question a name: 'What is "Egypt" in French?', countries first.

    The group is the kind of name: "country", "language" or "month or day". Wrong options are
    translations of other names of the same kind. Which names are asked, and which are the wrong
    ones, is the same in every language; `names_left_out` lists what is not asked.

    Args:
        language: "fr", "es", "de", "fi" or "zh", a key of `LANGUAGES`.
        n_options: 2 to 6.
        seed: Chooses options, their order, and the split.
        split: "all", "calibration" or "test": halves of the names of each kind (countries as in
            `capital_questions`), the same in every language.

    Raises:
        TypeError: `n_options` is no whole number.
        ValueError: Unknown language or split, or `n_options` out of range.

    Example:
        >>> question = translation_questions("fr")[0]
        >>> question.question, question.answer
        ('What is "United Arab Emirates" in French?', 'Émirats arabes unis')
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {sorted(LANGUAGES)}, found {language!r}")
    check_n_options(n_options, 6, "since there are only a few months and days to choose from")
    english, translated = _names("en"), _names(language)
    questions = []
    for kind, code in [thing for thing in english if thing not in _reasons()]:
        wrong = list(_wrong_codes(kind, code, seed)[: n_options - 1])
        # What is put in order are codes, so that the order is the same in every language.
        codes, correct = mixed_options("translations", code, wrong, seed, f"{kind} {code}")
        name = english[kind, code]
        questions.append(
            Question(
                kind=f"translation into {LANGUAGES[language]}",
                key=f"{kind} {code}",
                subject=name,
                question=f'What is "{name}" in {LANGUAGES[language]}?',
                answer=translated[kind, code],
                options=tuple(translated[kind, each] for each in codes),
                correct=correct,
                group=kind,
                source=SOURCE,
                entities=(_entity(kind, code),),
            )
        )
    return choose_split(questions, split, seed)


def permuted_names(questions: Sequence[Question], seed: int = 0) -> list[Question]:
    """Return translations in which every name was exchanged for another: a negative control.

    The options, and which of them counts as right, stay; the name that is asked for is that of
    another item of the same kind, whose own translation is not among the options. So no answer is
    right, whoever answers is "right" one time in n_options, and a model that understood the
    question would see it.

    Args:
        questions: Of one language, at least two of each kind of name.
        seed: Another seed, other exchanges.

    Raises:
        ValueError: The questions are no translations into one language, or the options of one hold
            the answers of all others of its kind.

    Example:
        >>> real = translation_questions("fr")[0]
        >>> control = permuted_names(translation_questions("fr"))[0]
        >>> control.question != real.question, control.options == real.options
        (True, True)
    """
    kinds = {question.kind for question in questions}
    if len(kinds) != 1 or not all(kind.startswith("translation into ") for kind in kinds):
        raise ValueError(f"questions must be translations into one language, found {sorted(kinds)}")
    exchanged = []
    for question in questions:
        strangers = [
            other
            for other in questions
            if other.group == question.group and other.answer not in question.options
        ]
        if not strangers:
            raise ValueError(
                f"questions must hold another {question.group} whose answer is missing from the "
                f"options of {question.key!r}, found none. Give more questions."
            )
        salt = ("permuted names", seed, question.key)
        other = hash_order(strangers, *salt, name=lambda stranger: stranger.key)[0]
        exchanged.append(replace(question, subject=other.subject, question=other.question))
    return exchanged
