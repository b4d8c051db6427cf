"""Figures of free answers: the plotted numbers, not the pixels."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from coursekit.chapters.free_form_answers.figures import (
    sample_panels,
)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def ticks(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_samples_are_counted_and_the_right_answer_is_ticked():
    first = sample_panels(
        {"France": {"Lyon": 1, "Paris": 7, "": 2}, "Chad": {c: 1 for c in "abcdefg"}},
        {"France": "Paris", "Chad": "N'Djamena"},
        most=5,
    )
    second = first.figure.axes[1]
    assert ticks(first) == ["✓ Paris", "(nothing)", "Lyon"]
    assert [bar.get_width() for bar in first.patches] == [7, 2, 1]
    assert len({bar.get_facecolor() for bar in first.patches}) == 2
    assert ticks(second)[-1] == "2 others"
    assert [bar.get_width() for bar in second.patches] == [1] * 5 + [2]
    assert first.get_ylim() == second.get_ylim()


def test_long_answers_are_cut():
    ax = sample_panels({"q": {"x" * 80: 1}}, {"q": "y"})
    assert len(ticks(ax)[0]) <= 24
