"""Figures of bias and variance: the plotted numbers, not the pixels."""

from __future__ import annotations

import pytest
import torch

from coursekit.calibration import Interval
from coursekit.chapters.bias_and_variance.figures import (
    answers_of_many,
    ensemble_lines,
    error_parts,
)
from coursekit.plots import lines_with_intervals, new_axes


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def ticks(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


def test_answers_of_many_draws_each_model_and_their_mean():
    answers = {"a": torch.tensor([0.1, 0.3]), "b": torch.tensor([0.5, 0.5, 0.8])}
    ax = answers_of_many(answers, 0.4, "probability", "who says what")
    truth, *rows = ax.lines
    assert list(truth.get_xdata()) == [0.4, 0.4]
    assert [list(line.get_ydata()) for line in rows] == [[0, 0], [0], [1, 1, 1], [1]]
    assert rows[0].get_xdata() == pytest.approx([0.1, 0.3])
    assert [rows[i].get_xdata()[0] for i in (1, 3)] == pytest.approx([0.2, 0.6])
    assert ticks(ax.yaxis) == ["a", "b"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row on top
    assert labels(ax) == ["truth: 0.40", "one model", "mean of the models"]
    assert (ax.get_xlabel(), ax.get_title(loc="left")) == ("probability", "who says what")


def test_error_parts_stacks_the_variance_on_the_bias():
    ax = error_parts(["0", "1"], [0.3, 0.1], [0.0, 0.4], "order", "error", "parts", marked=1)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0.3, 0.1, 0.0, 0.4])
    assert [bar.get_y() for bar in ax.patches] == pytest.approx([0, 0, 0.3, 0.1])
    assert [bar.get_linewidth() == 3 for bar in ax.patches] == [False, False, False, True]
    assert ticks(ax.xaxis) == ["0", "1"]
    assert labels(ax) == ["bias²", "variance"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("order", "error")
    assert ax.get_title(loc="left") == "parts"


def test_error_parts_draws_intervals_of_bias_and_error():
    ax = error_parts(
        ["0"],
        [0.3],
        [0.1],
        "",
        "",
        "",
        bias_interval=[Interval(0.3, 0.2, 0.35)],
        error_interval=[Interval(0.4, 0.38, 0.45)],
    )
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.2, 0.35], [0.38, 0.45]]


def test_error_parts_draws_where_it_is_told_and_names_the_parts():
    left, right = new_axes(ncols=2)
    drawn = error_parts(["0"], [1.0], [2.0], "", "", "one", legend=False, ax=right)
    assert drawn is right
    assert not left.patches
    assert right.get_legend() is None
    error_parts(["0"], [1.0], [2.0], "", "", "", bias_name="bias", ax=left)
    assert labels(left) == ["bias", "variance"]


@pytest.mark.parametrize(
    "wrong", [{"bias": [1.0]}, {"variance": [1.0] * 3}, {"error_interval": [Interval(1, 0, 2)]}]
)
def test_error_parts_refuses_other_lengths(wrong):
    arguments = {"bias": [1.0, 1.0], "variance": [1.0, 1.0]} | wrong
    with pytest.raises(ValueError, match=r"names must have as many entries .* found 2"):
        error_parts(["0", "1"], xlabel="", ylabel="", title="", **arguments)


def test_ensemble_lines_are_straight_in_one_over_the_number():
    ax = ensemble_lines((1, 4), {"a": [0.5, 0.2]}, {"a": (0.1, 0.4)}, "error", "votes")
    line, measured, limit = ax.lines
    assert list(line.get_xdata()) == [0, 1]
    assert line.get_ydata() == pytest.approx([0.1, 0.5])
    assert list(measured.get_xdata()) == [1, 0.25]
    assert list(measured.get_ydata()) == [0.5, 0.2]
    assert (limit.get_xdata()[0], limit.get_ydata()[0]) == (0, 0.1)
    assert ticks(ax.xaxis) == ["∞\n(bias²)", "1", "4"]
    assert labels(ax) == ["a"]
    assert (ax.get_ylabel(), ax.get_title(loc="left")) == ("error", "votes")


def test_lines_with_intervals_takes_numbers_and_intervals():
    lines = {"a": [1.0, 2.0], "b": [Interval(3.0, 2.5, 4.0), Interval(5.0, 4.0, 6.0)]}
    ax = lines_with_intervals(["x", "y"], lines, "which", "how much", "two", zero="nothing")
    drawn = [list(line.get_ydata()) for line in ax.lines]
    assert drawn == [[0, 0], [1, 2], [3, 5], [2.5, 4], [4, 6]]
    assert ticks(ax.xaxis) == ["x", "y"]
    assert labels(ax) == ["nothing", "a", "b"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("which", "how much")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({}, "lines must hold 1 to 4 of them, found 0"),
        ({f"{i}": [1.0] for i in range(5)}, "found 5"),
        ({"a": [1.0, 2.0]}, r"lines\['a'\] must have 1 values, found 2"),
    ],
)
def test_lines_with_intervals_refuses(lines, message):
    with pytest.raises(ValueError, match=message):
        lines_with_intervals(["x"], lines, "", "", "")
