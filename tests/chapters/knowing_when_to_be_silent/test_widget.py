"""The widget of silence: built without a browser, moved, and the figure changes."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.knowing_when_to_be_silent.widget import abstention_explorer, abstention_view
from coursekit.plots import interactive

SURE = torch.tensor([0.9, 0.8, 0.6, 0.4, 0.2])
RIGHT = torch.tensor([True, False, True, False, False])


def point(ax):
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines[2:]]


def test_the_threshold_is_answered_itself():
    ax = abstention_view(SURE, RIGHT, 0.6)
    assert ax.get_title(loc="left") == "Answer from 0.60 on: 3 of 5, 1 wrong"
    [(coverage, risk)] = point(ax)
    assert (coverage, risk) == (pytest.approx(0.6), pytest.approx(1 / 3))


def test_above_everything_nothing_is_answered():
    ax = abstention_view(SURE, RIGHT, 1.0)
    assert ax.get_title(loc="left") == "Answer from 1.00 on: 0 of 5, 0 wrong"
    assert point(ax) == []


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        abstention_view(SURE + 1, RIGHT, 0.5)


def test_moving_a_control_draws_anew(monkeypatch, displayed):
    drawn = []
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(ax.get_title(loc="left")))
    abstention_explorer({"one": SURE, "other": 1 - SURE}, RIGHT)
    confidence, threshold, _ = displayed[0].children
    assert [c.description for c in (confidence, threshold)] == ["confidence", "threshold"]
    threshold.value = 0.8
    confidence.value = "other"
    assert drawn == [
        "Answer from 0.50 on: 3 of 5, 1 wrong",
        "Answer from 0.80 on: 2 of 5, 1 wrong",
        "Answer from 0.80 on: 1 of 5, 1 wrong",
    ]
