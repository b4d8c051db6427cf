"""Translations: what is asked, that nothing leaks, and that a second source agrees."""

from __future__ import annotations

import gettext
from collections import Counter

import pycountry
import pytest

from coursekit.data import capital_questions, split_questions
from coursekit.data.questions import matches, normalise
from coursekit.data.tasks import (
    LANGUAGES,
    names_left_out,
    permuted_names,
    translation_questions,
)
from coursekit.data.tasks.translation import _names

QUESTIONS = {language: translation_questions(language) for language in LANGUAGES}

# Written from memory, not from the package.
KNOWN = {
    "fr": {"Germany": "Allemagne", "Dutch": "néerlandais", "August": None, "Monday": "lundi"},
    "es": {"Germany": "Alemania", "Hungarian": "húngaro", "Sweden": "Suecia", "January": "enero"},
    "de": {"Hungary": "Ungarn", "Spanish": "Spanisch", "Wednesday": "Mittwoch", "Madagascar": None},
    "fi": {"Germany": "Saksa", "Russia": "Venäjä", "Swedish": "ruotsi", "December": "joulukuu"},
    "zh": {"Germany": "德国", "Japanese": "日语", "Sunday": "星期日", "United States": "美国"},
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_known_from_elsewhere(language):
    answers = {q.subject: q.answer for q in QUESTIONS[language]}
    assert {name: answers.get(name) for name in KNOWN[language]} == KNOWN[language]


def test_every_language_asks_for_the_same_names_with_the_same_wrong_ones():
    english = {
        language: [(q.key, q.subject, q.group, q.correct, q.entities) for q in questions]
        for language, questions in QUESTIONS.items()
    }
    assert len({tuple(rows) for rows in english.values()}) == 1
    back = {
        language: {name: thing for thing, name in _names(language).items()}
        for language in LANGUAGES
    }
    for rows in zip(*QUESTIONS.values(), strict=True):
        options = {
            tuple(_names("en")[back[language][option]] for option in q.options)
            for language, q in zip(LANGUAGES, rows, strict=True)
        }
        assert len(options) == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("n_options", [2, 6])
def test_questions_are_well_formed(language, n_options):
    questions = translation_questions(language, n_options)
    assert Counter(q.group for q in questions) == {
        "country": 52, "language": 51, "month or day": 15,
    }  # fmt: skip
    assert len({q.key for q in questions}) == len({q.answer for q in questions}) == len(questions)
    answers = {q.group: {p.answer for p in questions if p.group == q.group} for q in questions}
    for q in questions:
        assert q.question == f'What is "{q.subject}" in {LANGUAGES[language]}?'
        assert len(set(q.options)) == n_options and q.options[q.correct] == q.answer
        assert set(q.options) <= answers[q.group]
        assert [option for option in q.options if matches(option, q)] == [q.answer]
        assert not matches(q.subject, q), "the English name itself would be right"
        for option in q.options:  # one that begins another would not exclude it
            others = [normalise(other) for other in q.options if other != option]
            assert not any(other.startswith(normalise(option)) for other in others)
        assert "babel" in q.source


def test_the_right_answer_stands_at_every_place():
    places = Counter(q.correct for q in QUESTIONS["fr"])
    assert set(places) == {0, 1, 2, 3} and max(places.values()) < 45


def test_what_is_left_out_looks_like_english():
    reasons = names_left_out()
    assert reasons["Madagascar"].startswith("written alike in French, Spanish")
    assert reasons["Japan"] == "written alike in German"
    assert "two names in one" in reasons["Trinidad & Tobago"]
    assert not reasons.keys() & {q.subject for q in QUESTIONS["fr"]}


@pytest.mark.parametrize("seed", range(3))
def test_no_name_is_on_both_sides_in_any_language_or_task(seed):
    sides = ({}, {})
    tasks = [translation_questions(language, seed=seed) for language in LANGUAGES]
    for questions in [*tasks, capital_questions(seed=seed)]:
        for side, part in zip(sides, split_questions(questions, seed=seed), strict=True):
            side.update({entity.name: q.key for q in part for entity in q.split_by})
    assert not sides[0].keys() & sides[1].keys()
    assert {"BR", "language fi"} <= sides[0].keys() | sides[1].keys()


def test_splits_are_halves_of_every_kind():
    halves = [translation_questions("fi", split=split) for split in ("calibration", "test")]
    assert sorted(q.key for half in halves for q in half) == sorted(q.key for q in QUESTIONS["fi"])
    for group, size in Counter(q.group for q in QUESTIONS["fi"]).items():
        assert abs(sum(q.group == group for q in halves[0]) - size / 2) <= size / 8


def test_another_seed_gives_other_options():
    other = {q.key: q.options for q in translation_questions("de", seed=1)}
    changed = [q for q in QUESTIONS["de"] if set(q.options) != set(other[q.key])]
    assert len(changed) > 0.9 * len(QUESTIONS["de"])


# --- the control ----------------------------------------------------------------------------------


def test_permuted_names_leave_no_right_answer():
    permuted = permuted_names(QUESTIONS["fr"])
    answers = {q.subject: q.answer for q in QUESTIONS["fr"]}
    groups = {q.subject: q.group for q in QUESTIONS["fr"]}
    for before, after in zip(QUESTIONS["fr"], permuted, strict=True):
        assert answers[after.subject] not in after.options
        assert groups[after.subject] == after.group
        assert f'"{after.subject}"' in after.question
        assert (after.options, after.correct, after.key) == (
            before.options, before.correct, before.key,
        )  # fmt: skip


def test_the_exchanges_depend_on_the_seed_alone():
    first, again = permuted_names(QUESTIONS["es"]), permuted_names(QUESTIONS["es"])
    assert first == again != permuted_names(QUESTIONS["es"], seed=1)


# --- a second source ------------------------------------------------------------------------------

# Read one by one: both forms are in use (a variant of spelling, a long and a short form, an older
# and a newer name), or the second source has a slip ("Ukranio", "波利维亚") or no translation.
VARIANTS = {
    "fr": "KG RU az el uz",
    "es": "KM RU az be el ms uk",
    "de": "CV RU SB be el mk my",
    "fi": "AE GB RU el ms",
    "zh": "AE KG KH el id ko",
}


def second_source(language: str, kind: str, code: str) -> set[str]:
    """Translations by ISO 3166-1 and ISO 639-3, in short form."""
    locale = "zh_CN" if language == "zh" else language
    if kind == "country":
        entry, domain = pycountry.countries.get(alpha_2=code), "iso3166-1"
        fields = ("name", "common_name", "official_name")
        names = [getattr(entry, field) for field in fields if hasattr(entry, field)]
    else:
        entry, domain = pycountry.languages.get(alpha_2=code), "iso639-3"
        names = [entry.name]
    translate = gettext.translation(domain, pycountry.LOCALES_DIR, languages=[locale]).gettext
    found = {part for name in names for part in translate(name).split(";")}
    # "Salomon, Îles" is "Îles Salomon".
    turned = {" ".join(reversed(name.split(", "))) for name in found if name.count(", ") == 1}
    return {normalise(name.partition("(")[0]) for name in found | turned}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_second_source_agrees(language):
    differ = []
    asked = [q for q in QUESTIONS[language] if q.group != "month or day"]
    for q in asked:
        code = q.key.removeprefix(f"{q.group} ")
        if normalise(q.answer) not in second_source(language, q.group, code):
            differ.append(code)
    assert sorted(differ) == sorted(VARIANTS[language].split())
    assert len(differ) <= 0.1 * len(asked)


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"language": "it"}, "language must .*found 'it'"),
        ({"language": "fr", "n_options": 7}, "n_options must .*found 7"),
        ({"language": "fr", "n_options": 1}, "n_options must .*found 1"),
        ({"language": "fr", "split": "train"}, "split must .*found 'train'"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        translation_questions(**arguments)


def test_permuting_refuses_what_it_cannot_permute():
    with pytest.raises(ValueError, match="questions must be translations into one language"):
        permuted_names(capital_questions())
    with pytest.raises(ValueError, match="questions must be translations into one language"):
        permuted_names([QUESTIONS["fr"][0], QUESTIONS["de"][1]])
    with pytest.raises(ValueError, match="must hold another country"):
        permuted_names(QUESTIONS["fr"][:1])
