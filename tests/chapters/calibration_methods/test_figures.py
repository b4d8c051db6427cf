"""Figures that compare calibrators: the plotted numbers, not the pixels."""

from __future__ import annotations

import math

import pytest
import torch
from matplotlib.colors import to_rgba

from coursekit.chapters.calibration_methods.figures import (
    PARTS,
    divergence_parts,
    parts_by_step,
    score_against_data,
)
from coursekit.plots import COLORS

METHODS = {
    "as it is": torch.tensor([[0.25, 0.125, 0.5], [0.5, 0.125, 0.75]]),
    "isotonic": torch.tensor([[math.inf, 0.1, 0.2]]),
    "matrix": torch.tensor([[0.0, 0.0625, 0.25]]),
}


def bars(ax):
    """(row, left end, width, colour) of each bar."""
    return [
        (round(bar.get_y() + bar.get_height() / 2), bar.get_x(), bar.get_width(), bar.get_fc())
        for bar in ax.patches
    ]


def test_the_parts_are_stacked_best_method_on_top():
    ax = divergence_parts(METHODS, "Parts")
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "matrix",
        "as it is",
        "isotonic",
    ]
    numbers = [bar[:3] for bar in bars(ax)]
    assert numbers == [
        (0, 0.0, 0.0),
        (0, 0.0, 0.0625),
        (0, 0.0625, 0.25),
        (1, 0.0, 0.375),
        (1, 0.375, 0.125),
        (1, 0.5, 0.625),
    ]
    assert ax.yaxis_inverted()
    assert "nats" in ax.get_xlabel()


def test_each_part_has_its_colour_and_stands_in_the_legend_once():
    ax = divergence_parts(METHODS, "Parts")
    expected = [to_rgba(COLORS[color]) for color in PARTS.values()] * 2
    assert [bar[3] for bar in bars(ax)] == expected
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(PARTS)


def test_several_runs_are_dots_at_their_totals_and_one_run_has_none():
    [dots] = divergence_parts(METHODS, "Parts").lines
    assert dots.get_xdata() == pytest.approx([0.875, 1.375])
    assert set(dots.get_ydata()) == {1}


def test_an_infinite_divergence_has_no_bar_and_says_so():
    ax = divergence_parts(METHODS, "Parts")
    assert [(text.get_text(), text.get_position()[1]) for text in ax.texts] == [("infinite", 2)]


def test_lines_join_the_means_and_every_draw_is_a_mark():
    losses = torch.tensor([[2.0, 1.5], [2.6, float("nan")], [2.1, float("nan")]])
    ax = score_against_data([10, 100], {"vector": losses}, 2.4, "before", "Data")
    line, marks, reference = ax.lines
    assert list(line.get_ydata()) == pytest.approx([6.7 / 3, 1.5])
    drawn = [(x, y) for x, y in zip(marks.get_xdata(), marks.get_ydata(), strict=True) if y == y]
    assert sorted(drawn) == [
        (10, 2.0),
        (10, pytest.approx(2.1)),
        (10, pytest.approx(2.6)),
        (100, 1.5),
    ]
    assert set(reference.get_ydata()) == {2.4}
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"before", "vector"}
    assert "nats" in ax.get_ylabel()


def test_marks_of_the_axis_stand_at_the_sizes_alone():
    ax = score_against_data([126, 2520, 5040], {"vector": torch.ones(1, 3)}, 2.4, "before", "Data")
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["126", "2,520", "5,040"]
    assert ax.get_xticks(minor=True).tolist() == []
    assert ax.get_xscale() == "log"


def test_parts_by_step_join_the_means_of_the_runs_in_the_colours_of_the_parts():
    runs = torch.tensor([[[0.0, 0.25, 0.5], [0.5, 0.5, 1.0]], [[0.0, 0.75, 1.0], [1.0, 0.5, 2.0]]])
    ax = parts_by_step([100, 200], runs, "Two runs")
    means = [line for line in ax.lines if line.get_linestyle() == "-"]
    assert [list(line.get_ydata()) for line in means] == [[0.0, 0.75], [0.5, 0.5], [0.75, 1.5]]
    assert [line.get_color() for line in means] == [COLORS[color] for color in PARTS.values()]
    marks = [list(line.get_ydata()) for line in ax.lines if line.get_linestyle() == "None"]
    assert sorted(marks) == sorted(runs.transpose(1, 2).flatten(0, 1).tolist())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(PARTS)
    assert "nats" in ax.get_ylabel()
