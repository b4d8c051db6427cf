"""No fact leaks: an entity is on one side of a split in every kind of question."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, strategies as st

from coursekit.data.facts import (
    arithmetic_questions,
    capital_questions,
    comparison_questions,
    currency_questions,
    element_questions,
)
from coursekit.data.facts.countries import continent, members
from coursekit.data.questions import split_questions

COUNTRIES = {
    "capital": capital_questions(),
    "currency": currency_questions(),
}
ELEMENTS = {kind: element_questions(kind) for kind in ("symbol", "atomic number")}
PAIRS = ("area", "population", "mass")


def entities(questions):
    return {entity.name for question in questions for entity in question.entities}


@given(st.integers(0, 10**9), st.sampled_from([0.1, 0.3, 0.5, 0.8]), st.data())
def test_an_entity_is_on_one_side_in_every_kind_and_every_list(seed, fraction, data):
    for kinds in (COUNTRIES, ELEMENTS):
        first, second = set(), set()
        for questions in kinds.values():
            size = data.draw(st.integers(1, len(questions)))
            for part in (questions, questions[:size]):
                calibration, test = split_questions(part, fraction, seed)
                assert len(calibration) + len(test) == len(part)
                first |= entities(calibration)
                second |= entities(test)
        assert not first & second


@pytest.mark.parametrize("seed", range(5))
def test_splits_by_name_agree_in_all_kinds_and_with_pairs(seed):
    parts = {
        split: {
            "capital": capital_questions(4, seed, split),
            "currency": currency_questions(4, seed, split),
            "symbol": element_questions("symbol", 4, seed, split),
            "atomic number": element_questions("atomic number", 4, seed, split),
            **{kind: comparison_questions(kind, 8, seed, split=split) for kind in PAIRS},
        }
        for split in ("calibration", "test")
    }
    sides = {
        split: {entity for questions in kinds.values() for entity in entities(questions)}
        for split, kinds in parts.items()
    }
    assert not sides["calibration"] & sides["test"]
    everything = [q for kinds in parts.values() for qs in kinds.values() for q in qs]
    together = split_questions(everything, seed=seed)
    for part, split in zip(together, ("calibration", "test"), strict=True):
        assert part == [q for questions in parts[split].values() for q in questions]


@pytest.mark.parametrize("kind", [*COUNTRIES, *ELEMENTS])
def test_halves_are_halves_in_every_group(kind):
    questions = (COUNTRIES | ELEMENTS)[kind]
    for group, size in Counter(q.group for q in questions).items():
        # Exact for capitals and elements. Elsewhere two exact halves (of countries whose capital is
        # asked, and of the rest) lack the countries that are not asked.
        every = sum(continent(code) == group for code in members())
        slack = every - size + 2 if kind == "currency" else 1
        for seed in range(20):
            sizes = [
                sum(q.group == group for q in p) for p in split_questions(questions, seed=seed)
            ]
            assert abs(sizes[0] - sizes[1]) <= slack, (group, seed)


def test_no_two_questions_of_any_kinds_are_the_same():
    everything = [
        *(q for questions in (COUNTRIES | ELEMENTS).values() for q in questions),
        *(q for kind in PAIRS for q in comparison_questions(kind, 20)),
        *(
            q
            for operation in "+-*"
            for digits in (1, 2, 3)
            for q in arithmetic_questions(36, digits, operation)
        ),
    ]
    assert len({q.question for q in everything}) == len(everything)
    assert len({(q.kind, q.key) for q in everything}) == len(everything)
    for q in everything:
        assert q.options[q.correct] == q.answer and q.options.count(q.answer) == 1
        assert q.difficulty is not None and q.entities and q.source and q.group and q.stem
        assert q.question.endswith("?") and not q.stem.endswith(" ")


def test_pairs_of_a_half_keep_what_pairs_promise():
    for kind, split in ((k, s) for k in PAIRS for s in ("calibration", "test")):
        questions = comparison_questions(kind, 8, seed=2, split=split)
        named = [entity.name for q in questions for entity in q.entities]
        assert len(set(named)) == 16, "nothing is asked about twice"
        assert questions == comparison_questions(kind, 8, seed=2, split=split)
        difficulties = sorted(q.difficulty for q in questions)
        assert [10**-q.difficulty for q in questions] == pytest.approx([q.ratio for q in questions])
        assert -1 <= difficulties[0] < difficulties[-1] < 0


def test_pairs_across_the_halves_are_refused():
    pairs = comparison_questions("area", 20)
    with pytest.raises(ValueError, match=r"found .* on different sides\. Ask compar"):
        split_questions(pairs)
    with pytest.raises(ValueError, match=r"split must be .*'test', found 'train'"):
        comparison_questions("area", 5, split="train")
    with pytest.raises(ValueError, match=r"n must be at most \d+, found 23"):
        comparison_questions("mass", 23, split="test")


def test_smaller_countries_and_stranger_symbols_are_harder():
    by_key = {q.key: q for q in COUNTRIES["capital"]}
    assert by_key["IN"].difficulty < by_key["FR"].difficulty < by_key["TV"].difficulty
    for first, second in combinations(COUNTRIES["currency"], 2):
        assert (first.difficulty < second.difficulty) == (first.population > second.population)
