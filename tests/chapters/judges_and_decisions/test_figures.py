"""Figures of notebook 19: the plotted numbers, not the pixels."""

from __future__ import annotations

import pytest

from coursekit.chapters.judges_and_decisions.figures import curves, judged_against_true


def test_curves_and_levels_are_drawn_where_they_are():
    ax = curves([1, 2], {"a": [0.1, 0.2], "b": [0.3, 0.4]}, "x", "y", "T", levels={"limit": 6.0})
    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert drawn == {"a": [0.1, 0.2], "b": [0.3, 0.4], "limit": [6.0, 6.0]}
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("x", "y", "T")


def test_few_points_are_marked_and_many_are_not():
    assert curves([1, 2], {"a": [1, 2]}, "x", "y", "T").lines[0].get_marker() == "o"
    many = list(range(40))
    assert curves(many, {"a": many}, "x", "y", "T").lines[0].get_marker() in ("", "None")


def test_a_logarithmic_axis_shows_its_own_values():
    ax = curves([10, 20, 40], {"a": [1, 2, 3]}, "x", "y", "T", log=True)
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10", "20", "40"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [({}, "lines must hold 1 to 5"), ({"a": [1.0]}, r"lines\['a'\] must have 2 values")],
)
def test_lines_that_cannot_be_drawn_are_refused(lines, message):
    with pytest.raises(ValueError, match=message):
        curves([1, 2], lines, "x", "y", "title")


def test_the_judge_bends_every_share():
    ax = judged_against_true(0.9, 0.7, "J")
    judge, truth = (list(line.get_ydata()) for line in ax.lines[:2])
    assert (judge[0], judge[10], judge[5]) == pytest.approx((0.3, 0.9, 0.6))
    assert truth == pytest.approx([i / 10 for i in range(11)])


@pytest.mark.parametrize(
    ("s", "c", "name"), [(1.1, 0.5, "sensitivity"), (0.5, -0.1, "specificity")]
)
def test_rates_outside_are_refused(s, c, name):
    with pytest.raises(ValueError, match=name):
        judged_against_true(s, c, "J")
