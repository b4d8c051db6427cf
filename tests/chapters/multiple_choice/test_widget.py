"""The prompt explorer: asks the model anew for every position of its controls."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.multiple_choice import widget as multiple_choice
from coursekit.chapters.multiple_choice.asking import Way, ask
from coursekit.chapters.multiple_choice.widget import asked_view, prompt_explorer
from coursekit.data import capital_questions


@pytest.fixture(scope="module")
def questions():
    return capital_questions(4)[:3]


@pytest.mark.parametrize(
    "way", [Way(listed=True, turn=3, answer_with="letter"), Way(chat=True, n_examples=1)]
)
def test_the_view_shows_what_was_asked(tiny_lm, questions, way):
    ax = asked_view(tiny_lm, questions, way)
    listed, form = ("a", "raw text") if way.listed else ("no", "chat")
    assert ax.get_title(loc="left") == f"{form}, {listed} list, {way.n_examples} examples"
    scores = ask(tiny_lm, way, questions)
    correct = scores.argmax(-1) == torch.tensor([q.correct for q in questions])
    points = [line.get_xdata()[0] for line in ax.lines if line.get_marker() in ("o", "D")]
    expected = [correct.float().mean(), scores.softmax(-1).max(-1).values.mean()]
    assert points == pytest.approx([value.item() for value in expected], abs=1e-5)
    bars = [bar.get_height() for bar in ax.figure.axes[1].patches]
    place = (scores.roll(-way.turn, dims=-1).argmax(-1)).bincount(minlength=4) / 3
    assert bars == pytest.approx(place.tolist())


def test_the_explorer_asks_again_when_a_control_moves(tiny_lm, questions, displayed, monkeypatch):
    asked = []

    def spy(lm, questions, way):
        asked.append(way)
        return asked_view(lm, questions, way)

    monkeypatch.setattr(multiple_choice, "asked_view", spy)
    prompt_explorer(tiny_lm, questions)
    chat, listed, n_examples, sentence, answer_with, wording, turn, _ = displayed[0].children
    assert (n_examples.max, turn.max, len(wording.options)) == (4, 3, 3)
    assert asked == [Way(chat=True, listed=True)]
    chat.value = False
    listed.value = False
    sentence.value = True
    assert asked[-1] == Way(sentence=True)
    answer_with.value = "letter"
    assert asked[-1] == Way(sentence=True, answer_with="letter")
    assert len(asked) == 5
