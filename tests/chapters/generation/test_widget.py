"""The widget of the sampling rules: built without a browser, moved, and the law changes."""

from __future__ import annotations

import ipywidgets
import pytest
import torch

from coursekit.chapters.generation.widget import rule_explorer, rule_figure
from coursekit.plots import interactive

WORDS = ["a", "b", "c", "d"]
TRUTH = torch.tensor([0.5, 0.25, 0.25, 0.0], dtype=torch.float64)
LOGITS = TRUTH.clamp_min(1e-30).log()


def bars(ax):
    names = [label.get_text() for label in ax.get_yticklabels()]
    return dict(zip(names, [bar.get_width() for bar in ax.patches], strict=True))


def test_at_temperature_one_with_everything_kept_the_law_is_the_truth():
    ax = rule_figure(WORDS, TRUTH, LOGITS, temperature=1.0, top_k=4, top_p=1.0)
    assert bars(ax) == pytest.approx({"a": 0.5, "b": 0.25, "c": 0.25, "d": 0}, abs=1e-9)
    # The entropy of (1/2, 1/4, 1/4) is 1.5 bits.
    assert ax.get_title(loc="left") == "entropy 1.04 nats, distance from the truth 0.00"


def test_temperature_one_half_squares_the_probabilities():
    ax = rule_figure(WORDS, TRUTH, LOGITS, temperature=0.5, top_k=4, top_p=1.0)
    assert bars(ax) == pytest.approx({"a": 4 / 6, "b": 1 / 6, "c": 1 / 6, "d": 0}, abs=1e-6)
    assert "distance from the truth 0.17" in ax.get_title(loc="left")


@pytest.mark.parametrize("rule", [{"top_k": 1, "top_p": 1.0}, {"top_k": 4, "top_p": 0.4}])
def test_a_single_word_left_is_certain(rule):
    ax = rule_figure(WORDS, TRUTH, LOGITS, temperature=1.0, **rule)
    assert bars(ax)["a"] == pytest.approx(1.0)


def test_moving_a_control_draws_anew(monkeypatch):
    boxes, drawn = [], []
    monkeypatch.setattr(interactive, "display", boxes.append)
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(bars(ax)["a"]))
    other = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    rule_explorer(WORDS, {"one": (TRUTH, LOGITS), "two": (other, other.log())})
    *controls, output = boxes[0].children
    assert isinstance(output, ipywidgets.Output)
    assert [c.description for c in controls] == ["text", "temperature", "top-k", "top-p"]
    text, temperature, top_k, top_p = controls
    temperature.value, text.value = 0.5, "two"
    temperature.value, top_k.value, top_p.value = 1.0, 1, 0.5
    # By hand: the law, its square, the other's square, the other, its top 1 (not "a"), the same.
    assert drawn == pytest.approx([0.5, 4 / 6, 0.01 / 0.3, 0.1, 0, 0], abs=1e-6)
    assert not any(c.continuous_update for c in (temperature, top_k, top_p))
