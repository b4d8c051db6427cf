from __future__ import annotations

import re
from collections import Counter

import pytest

from coursekit.data.facts import element_questions
from coursekit.data.facts.elements import part, surprise
from coursekit.data.questions import matches

# The periodic table by rows, written down by hand: the second source for symbols and numbers.
ROWS = (
    "H He",
    "Li Be B C N O F Ne",
    "Na Mg Al Si P S Cl Ar",
    "K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr",
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe",
    "Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",
    "Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn",
    "Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr",
    "Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og",
)
TABLE = " ".join(ROWS).split()
# Elements whose symbol comes from another word, by chemistry's history.
FOREIGN = {
    "sodium": "Na", "potassium": "K", "iron": "Fe", "copper": "Cu", "silver": "Ag", "tin": "Sn",
    "antimony": "Sb", "tungsten": "W", "gold": "Au", "mercury": "Hg", "lead": "Pb",
}  # fmt: skip
KINDS = ("symbol", "atomic number")


def test_symbols_and_numbers_agree_with_the_table_written_by_hand():
    assert [q.answer for q in element_questions("symbol")] == TABLE
    assert [q.answer for q in element_questions("atomic number")] == [
        str(number) for number in range(1, 119)
    ]
    assert [q.key for q in element_questions("atomic number")] == TABLE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_options", [2, 4, 6])
def test_questions_are_well_formed(kind, n_options):
    questions = element_questions(kind, n_options, seed=2)
    assert len({q.question for q in questions}) == 118
    for q in questions:
        assert q.options[q.correct] == q.answer
        assert len(set(q.options)) == len(q.options) == n_options
        assert sum(matches(option, q) for option in q.options) == 1, "exactly one is right"
        assert q.question == f"What is the {q.stem.split(' of ')[0][4:]} of {q.subject}?"
        assert q.source.startswith("periodictable ")
        if kind == "symbol":
            assert set(q.options) <= set(TABLE)
        else:
            assert all(1 <= int(option) <= 118 for option in q.options)


def test_symbols_of_another_word_are_the_hard_ones():
    hard = {q.subject: q.answer for q in element_questions() if q.difficulty == 2}
    assert hard == FOREIGN
    assert [surprise(*pair) for pair in (("helium", "He"), ("magnesium", "Mg"))] == [0, 1]
    assert [q.difficulty for q in element_questions("atomic number")] == list(range(1, 119))


def test_wrong_symbols_begin_alike_where_such_exist():
    options = {q.subject: q.options for q in element_questions("symbol", 4)}
    assert {option[0] for option in options["helium"]} == {"H"}
    assert {option[0] for option in options["gold"]} <= {"A", "G"}


def test_parts_have_the_sizes_of_the_periodic_table():
    sizes = Counter(part(symbol) for symbol in TABLE)
    assert sizes == {
        "main groups": 50,
        "transition metals": 38,
        "lanthanides and actinides": 30,
    }
    for symbol, name in {
        "Zn": "transition metals",
        "Sc": "transition metals",
        "Hf": "transition metals",
        "Cn": "transition metals",
        "La": "lanthanides and actinides",
        "Lr": "lanthanides and actinides",
        "Ga": "main groups",
        "Ba": "main groups",
        "Tl": "main groups",
        "Og": "main groups",
    }.items():
        assert part(symbol) == name


@pytest.mark.parametrize(
    "kind, key, answer, right",
    [
        ("symbol", "Au", "Au", True),
        ("symbol", "Au", "Au.", True),
        ("symbol", "Au", "au", True),
        ("symbol", "Au", "Au (gold)", True),
        ("symbol", "Co", "Co", True),
        ("symbol", "Co", "CO", False),  # carbon monoxide
        ("symbol", "Co", "The chemical symbol of cobalt is CO.", False),
        ("symbol", "Hf", "HF (hafnium)", False),
        ("symbol", "C", "C", True),
        ("symbol", "Au", "Ag", False),
        ("symbol", "Au", "Gold", False),
        ("symbol", "Au", "The chemical symbol of gold is Au", True),
        ("atomic number", "Au", "79", True),
        ("atomic number", "Au", "79.", True),
        ("atomic number", "Au", "79.0", True),
        ("atomic number", "Au", "790", False),
        ("atomic number", "Au", "79, gold", False),
    ],
)
def test_free_answers(kind, key, answer, right):
    (question,) = (q for q in element_questions(kind) if q.key == key)
    assert matches(answer, question) == right


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"kind": "mass"}, "kind must be 'symbol' or 'atomic number', found 'mass'"),
        (
            {"n_options": 7},
            "as many as are plausible for every element, found 7",
        ),
        ({"split": "train"}, "split must be 'all', 'calibration' or 'test', found 'train'"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        element_questions(**arguments)
