"""Ways of asking: what the model reads, that options keep their own order, and the crossing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from coursekit.chapters.multiple_choice.asking import (
    FACTORS,
    REGIONS,
    Way,
    ask,
    crossed_ways,
    effect_by_list,
    effects,
    prior,
)
from coursekit.data import capital_questions
from coursekit.llm import Chat, score_choices

OPTIONS = ["Kabul", "Tehran", "Dhaka", "Amman"]


@pytest.fixture(scope="module")
def questions():
    return capital_questions(4)[:3]


def test_raw_text_reads_as_it_is_written():
    way = Way(listed=True, n_examples=1, sentence=True, turn=1, layout="Q: {question}\nA: {answer}")
    assert way.prompts(["Afghanistan"], [OPTIONS]) == [
        "Q: What is the capital of Bavaria?\nA. Munich\nB. Stuttgart\nC. Dresden\nD. Hamburg\n"
        "A: The capital of Bavaria is Munich\n\n"
        "Q: What is the capital of Afghanistan?\nA. Tehran\nB. Dhaka\nC. Amman\nD. Kabul\n"
        "A: The capital of Afghanistan is"
    ]


def test_a_conversation_says_the_same_without_a_layout():
    way = Way(chat=True, n_examples=1, opening="Answer:", wording="Name the capital of {}.")
    assert way.prompts(["Peru"], [OPTIONS]) == [
        Chat(
            "Name the capital of Peru.",
            examples=(("Name the capital of Bavaria.", "Answer: Munich"),),
            reply="Answer:",
        )
    ]


@pytest.mark.parametrize("regions", [(0, 1, 2, 3), (7, 2, 5, 0)])
def test_the_right_one_of_the_examples_stands_once_at_each_place(regions):
    way = Way(listed=True, n_examples=4, answer_with="letter", regions=regions)
    [text] = way.prompts(["Peru"], [OPTIONS])
    assert [line[-1] for line in text.split("\n") if line.startswith("Answer: ")] == list("ABCD")
    assert text.index("\nB. " + REGIONS[regions[1]][1][0]) > 0


@pytest.mark.parametrize("answer_with", ["text", "letter"])
def test_scores_stay_with_their_options_when_the_list_is_turned(tiny_lm, questions, answer_with):
    way = Way(chat=True, listed=True, answer_with=answer_with, turn=1)
    found = ask(tiny_lm, way, questions)
    turned = [replace(q, options=(*q.options[1:], q.options[0])) for q in questions]
    by_place = ask(tiny_lm, replace(way, turn=0), turned)
    torch.testing.assert_close(found, by_place.roll(1, dims=-1), atol=1e-4, rtol=0)


def test_the_prior_is_what_a_question_about_no_country_gives(tiny_lm, questions):
    way = Way(n_examples=2)
    [prompt] = way.prompts(["this country"], [OPTIONS])
    answers = [[f" {option}" for option in question.options] for question in questions]
    expected = torch.stack(score_choices(tiny_lm, [prompt] * 3, answers))
    torch.testing.assert_close(prior(tiny_lm, way, questions), expected, atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="must not list the options"):
        prior(tiny_lm, replace(way, listed=True), questions)


def test_sixteen_ways_cross_four_factors_and_nothing_else():
    ways = crossed_ways(seed=3)
    levels = [(w.chat, w.listed, w.n_examples == 4, w.sentence) for w in ways]
    assert levels == sorted(set(levels)) and len(levels) == 16
    assert ways == crossed_ways(seed=3) and ways != crossed_ways(seed=4)
    drawn = {field: {getattr(way, field) for way in ways} for field in ("turn", "layout")}
    assert len(drawn["turn"]) > 2 and len(drawn["layout"]) == 2


def test_an_effect_is_the_mean_difference_of_its_pairs():
    ways = crossed_ways()
    values = torch.tensor([[w.chat + 10 * w.listed + 100 * (w.n_examples > 0)] for w in ways])
    found = effects(values)
    assert list(found) == list(FACTORS)
    assert [table.shape for table in found.values()] == [(8, 1)] * 4
    assert [table.unique().tolist() for table in found.values()] == [[1], [10], [100], [0]]


def test_an_effect_is_told_apart_by_the_list():
    values = torch.tensor([[w.sentence * (1 + 6 * w.listed) + w.chat] for w in crossed_ways()])
    found = {
        factor: {name: part.unique().tolist() for name, part in parts.items()}
        for factor in ("format", "examples", "reply begins")
        for parts in [effect_by_list(values, factor)]
    }
    assert found == {
        "format": {"no list": [1], "list": [1]},
        "examples": {"no list": [0], "list": [0]},
        "reply begins": {"no list": [1], "list": [7]},
    }
    assert effect_by_list(values, "format")["list"].shape == (4, 1)
