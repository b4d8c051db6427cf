"""The prompt explorer: asks the model anew for every position of its controls."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.multiple_choice.widget import (
    NEUTRAL,
    TEMPLATES,
    WAYS,
    asked_scores,
    asked_view,
    prompt_explorer,
)
from coursekit.data import capital_questions
from coursekit.llm import (
    few_shot_prompts,
    lettered_prompts,
    pmi_scores,
    score_choices,
)

EXAMPLES = [("What is the capital of Bavaria?", ["Munich", "Ulm", "Bonn", "Kiel"], "Munich")]
TEMPLATE = TEMPLATES["Q: ... A: ..."]


@pytest.fixture(scope="module")
def questions():
    return capital_questions(4)[:3]


def test_a_turned_list_is_scored_by_option(tiny_lm, questions):
    found = asked_scores(tiny_lm, questions, [], "letter", TEMPLATE, order=1)
    turned = [[*q.options[1:], q.options[0]] for q in questions]
    prompts = lettered_prompts([q.question for q in questions], turned, template=TEMPLATE)
    by_place = torch.stack(score_choices(tiny_lm, prompts, [[" A", " B", " C", " D"]] * 3))
    torch.testing.assert_close(found, by_place.roll(1, dims=-1), atol=1e-4, rtol=0)


def test_every_way_is_what_it_says(tiny_lm, questions):
    asked = [q.question for q in questions]
    answers = [[f" {o}" for o in q.options] for q in questions]
    pairs = [(EXAMPLES[0][0], EXAMPLES[0][2])]
    text = torch.stack(score_choices(tiny_lm, few_shot_prompts(asked, pairs, TEMPLATE), answers))
    prior = score_choices(tiny_lm, few_shot_prompts([NEUTRAL], pairs, TEMPLATE) * 3, answers)
    options = [q.options for q in questions]
    listed = lettered_prompts(asked, options, EXAMPLES, answer_with="text", template=TEMPLATE)
    expected = {
        "text": text,
        "text / prior": pmi_scores(text, prior),
        "text, options listed": torch.stack(score_choices(tiny_lm, listed, answers)),
    }
    for way, scores in expected.items():
        found = asked_scores(tiny_lm, questions, EXAMPLES, way, TEMPLATE, order=2)
        if way == "text, options listed":  # where the order matters
            assert not torch.allclose(found, scores, atol=1e-3)
            found = asked_scores(tiny_lm, questions, EXAMPLES, way, TEMPLATE)
        torch.testing.assert_close(found, scores, atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="way must be one of 'letter'"):
        asked_scores(tiny_lm, questions, [], "word", TEMPLATE)


@pytest.mark.parametrize(("n_examples", "order"), [(1, 0), (1, 3), (0, 3)])
def test_the_view_shows_what_was_asked(tiny_lm, questions, n_examples, order):
    ax = asked_view(tiny_lm, questions, EXAMPLES, "letter", n_examples, TEMPLATE, order)
    assert ax.get_title(loc="left") == f"letter, {n_examples} examples, 3 questions"
    used = EXAMPLES[:n_examples]
    scores = asked_scores(tiny_lm, questions, used, "letter", TEMPLATE, order)
    correct = scores.argmax(-1) == torch.tensor([q.correct for q in questions])
    points = [line.get_xdata()[0] for line in ax.lines if line.get_marker() in ("o", "D")]
    expected = [correct.float().mean(), scores.softmax(-1).max(-1).values.mean()]
    assert points == pytest.approx([value.item() for value in expected], abs=1e-5)
    bars = [bar.get_height() for bar in ax.figure.axes[1].patches]
    place = (scores.roll(-order, dims=-1).argmax(-1)).bincount(minlength=4) / 3
    assert bars == pytest.approx(place.tolist())


def test_the_explorer_asks_again_when_a_control_moves(tiny_lm, questions, displayed, monkeypatch):
    from coursekit.chapters.multiple_choice import widget as multiple_choice

    asked = []

    def spy(lm, questions, examples, **how):
        asked.append(how)
        return asked_view(lm, questions, examples, **how)

    monkeypatch.setattr(multiple_choice, "asked_view", spy)
    prompt_explorer(tiny_lm, questions, EXAMPLES)
    way, n_examples, template, order, _ = displayed[0].children
    assert (n_examples.max, order.max) == (1, 3)
    way.value = WAYS[-1]
    n_examples.value = 0
    template.value = TEMPLATE
    assert asked[-1] == {
        "way": "text / prior", "n_examples": 0, "template": TEMPLATE, "order": 0,
    }  # fmt: skip
    assert len(asked) == 4
