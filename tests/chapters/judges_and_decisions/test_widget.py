"""The widget of a judge: built without a browser, moved, and the figure changes."""

from __future__ import annotations

import pytest

from coursekit.chapters.judges_and_decisions.widget import judge_explorer, judge_view
from coursekit.plots import interactive


def test_the_star_stands_where_the_judge_puts_the_share():
    ax = judge_view(0.9, 0.7, 0.6)
    assert ax.get_title(loc="left") == "0.60 right, 0.66 called right"
    star = ax.lines[-1]
    assert (star.get_xdata()[0], star.get_ydata()[0]) == pytest.approx((0.6, 0.66))


def test_moving_a_slider_draws_anew(monkeypatch, displayed):
    drawn = []
    monkeypatch.setattr(interactive, "show", lambda ax: drawn.append(ax.get_title(loc="left")))
    judge_explorer()
    sensitivity, specificity, share, _ = displayed[0].children
    assert [c.description for c in (sensitivity, specificity, share)] == [
        "sensitivity",
        "specificity",
        "true share",
    ]
    specificity.value = 1.0
    sensitivity.value = 1.0
    assert drawn == [
        "0.60 right, 0.66 called right",
        "0.60 right, 0.54 called right",
        "0.60 right, 0.60 called right",
    ]
