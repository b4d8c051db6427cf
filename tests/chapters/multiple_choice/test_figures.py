"""Figures of multiple choice: the plotted numbers, not the pixels."""

from __future__ import annotations

import torch

from coursekit.calibration import Interval, crossed_mean
from coursekit.chapters.multiple_choice.figures import (
    asked_panels,
    effects_over,
    specification_curve,
    spread_over_splits,
)
from coursekit.plots import scores_by_method
from coursekit.plots.describing import description


def points(ax):
    return [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]


def lines(ax):
    return [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_scores_by_method_has_a_row_for_each_method_and_a_panel_for_each_measure():
    first = {"letter": Interval(0.2, 0.1, 0.3), "text": Interval(0.8, 0.7, 0.9)}
    second = {"letter": Interval(0.5, 0.4, 0.6), "text": Interval(0.9, 0.8, 1.0)}
    panels = {"fraction": {"accuracy": first, "confidence": second}, "ECE": {"ECE": second}}
    marks = {"ECE": {"letter": 0.11, "text": 0.07}}
    ax = scores_by_method(panels, marks, {"fraction": 0.25}, "two methods")
    left, right = ax.figure.axes
    assert points(left) == [0.2, 0.8, 0.5, 0.9]
    assert lines(left) == [(0.1, 0.3), (0.7, 0.9), (0.4, 0.6), (0.8, 1.0), (0.25, 0.25)]
    assert points(right) == [0.5, 0.9, 0.11, 0.07]
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["letter", "text"]
    assert left.get_ylim() == (1.5, -0.5)  # the first on top
    assert (left.get_xlabel(), right.get_xlabel()) == ("fraction", "ECE")
    assert legend(left) == ["accuracy", "confidence", "blind guess"]
    assert legend(right) == ["if calibrated: below this"]
    assert ax.figure.get_suptitle() == "two methods"


def test_a_specification_curve_sorts_the_ways_and_shows_their_levels():
    accuracy = [Interval(0.8, 0.7, 0.9), Interval(0.2, 0.1, 0.3), Interval(0.5, 0.4, 0.6)]
    levels = {"list": [False, True, True], "format": [True, False, True]}
    names = {"list": ("no list", "list"), "format": ("raw", "chat")}
    ax = specification_curve(accuracy, [0.9, 0.7, 0.8], levels, names, "three ways")
    upper, lower = ax.figure.axes
    assert [line.get_ydata()[0] for line in upper.lines if len(line.get_ydata()) == 1] == [
        0.2, 0.7, 0.5, 0.8, 0.8, 0.9,
    ]  # fmt: skip
    full = [line.get_markerfacecolor() != "white" for line in lower.lines]
    assert full == [True, True, False, False, True, True]
    assert legend(upper) == ["accuracy", "mean confidence", "blind guess"]
    said = description(ax.figure)
    assert "list: no list 0.8, list 0.35 on average." in said
    assert "Accuracy rises from 0.2 to 0.8, mean confidence lies between 0.7 and 0.9." in said


def test_effects_are_drawn_over_questions_and_over_prompts_as_well():
    table = crossed_mean(torch.tensor([[0.1, 0.3, 0.2], [0.5, 0.4, 0.9]]))
    ax = effects_over({"list": table}, "accuracy", "one factor")
    narrow, wide = table.interval("columns"), table.interval("both")
    assert [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2][:2] == [
        (narrow.low, narrow.high), (wide.low, wide.high),
    ]  # fmt: skip
    assert points(ax) == [table.mean] * 2
    assert "Over questions and prompts: list 0.4" in description(ax.figure)


def test_spread_over_splits_counts_every_split():
    values = {"before": torch.linspace(0.1, 0.2, 40), "after": torch.linspace(0.05, 0.15, 40)}
    ax = spread_over_splits(values, {"before": 0.12, "after": 0.1}, "ECE", "200 splits")
    assert sum(bar.get_height() for bar in ax.patches) == 80
    assert points(ax) == [0.12, 0.1]
    assert legend(ax) == [
        "before: mean 0.150", "the one split: 0.120", "after: mean 0.100", "the one split: 0.100",
    ]  # fmt: skip


def test_asked_panels_show_accuracy_confidence_and_places():
    ax = asked_panels(
        Interval(0.25, 0.1, 0.4), Interval(0.9, 0.8, 0.95), {"A": 0.75, "B": 0.25}, "letter"
    )
    left, right = ax.figure.axes
    assert points(left) == [0.25, 0.9]
    assert lines(left)[:2] == [(0.1, 0.4), (0.8, 0.95)]
    assert [text.get_text() for text in left.texts] == ["0.25", "0.90", "chance"]
    assert lines(left)[2] == (0.5, 0.5)  # two options
    assert [bar.get_height() for bar in right.patches] == [0.75, 0.25]
    assert left.get_title(loc="left") == "letter"
